//! Reads the objects that most tokens have, without a parser: flat, of texts and integers, without
//! whitespace, escapes and other alphabets. Django and [`Minter`](crate::Minter) write such.
//!
//! Whatever looks otherwise is left to [`read_object`](super::read_object), good or bad: nothing is
//! refused here, so that there is one place to say why.

use std::borrow::Cow;

use super::Value;

#[cfg(test)]
mod tests;

/// The most members: their names are compared with each other.
const MAX_MEMBERS: usize = 16;

/// Digits that no integer exceeds which every JSON reader keeps exact.
const MAX_DIGITS: usize = 15;

/// Calls `member` for each member of the object that `bytes` are; `None` when they may be another
/// thing, after some members perhaps.
pub(crate) fn read<'a>(bytes: &'a [u8], mut member: impl FnMut(&'a str, Value<'a>)) -> Option<()> {
    let text = plain_text(bytes)?;
    let mut json = Cursor { text, at: 0 };
    let mut names = [""; MAX_MEMBERS];
    let mut seen = 0;
    json.eat(b'{')?;
    for count in 0..MAX_MEMBERS {
        let name = json.text()?;
        let mark = mark(name);
        if seen & mark != 0 && names[..count].contains(&name) {
            return None;
        }
        seen |= mark;
        names[count] = name;
        json.eat(b':')?;
        member(name, json.value()?);
        if json.eat(b',').is_none() {
            json.eat(b'}')?;
            return (json.at == text.len()).then_some(());
        }
    }
    None
}

/// One bit of 64, the same for the same name; the names that we act on have one each.
fn mark(name: &str) -> u64 {
    let (first, last) = (name.bytes().next(), name.bytes().next_back());
    let sum = 2 * u32::from(first.unwrap_or(0)) + u32::from(last.unwrap_or(0));
    1 << (sum % u64::BITS)
}

/// Printable ASCII without a backslash: in it, a quotation mark begins or ends a text.
fn plain_text(bytes: &[u8]) -> Option<&str> {
    // Without a branch in it, the loop uses vector registers.
    let is_other = |byte| !matches!(byte, b' '..=b'[' | b']'..=b'~');
    let others = |so_far, &byte: &u8| so_far | u8::from(is_other(byte));
    if bytes.iter().fold(0, others) != 0 {
        return None;
    }
    std::str::from_utf8(bytes).ok()
}

/// Where reading stands.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        let is_next = self.text.as_bytes().get(self.at) == Some(&byte);
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    /// The next `length` bytes, and goes on after them and the quotation mark.
    fn take(&mut self, length: usize) -> Option<&'a str> {
        let taken = self.text.get(self.at..self.at + length)?;
        self.at += length + 1;
        Some(taken)
    }

    fn text(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        self.take(quotation_mark(self.rest())?)
    }

    fn value(&mut self) -> Option<Value<'a>> {
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            return self.text().map(|text| Value::Text(Cow::Borrowed(text)));
        }
        let rest = self.rest();
        let first = rest.first_chunk().copied().and_then(eight_digits);
        let (mut number, mut length) = first.map_or((0, 0), |number| (number, 8));
        for &byte in rest
            .iter()
            .skip(length)
            .take_while(|byte| byte.is_ascii_digit())
        {
            if length == MAX_DIGITS {
                return None;
            }
            number = number * 10 + u64::from(byte - b'0');
            length += 1;
        }
        if length == 0 || length > 1 && rest[0] == b'0' {
            return None;
        }
        self.at += length;
        Some(Value::Integer(number))
    }
}

/// One in each of eight bytes.
const ONES: u64 = u64::MAX / 0xFF;
/// The highest bit of each.
const HIGH: u64 = ONES << 7;

/// The number that eight bytes of ASCII write, if they are digits all: pairs of digits become
/// numbers up to 99, pairs of these four digits, and so on. Times have ten digits and thirteen.
fn eight_digits(text: [u8; 8]) -> Option<u64> {
    // The first digit is in the lowest byte.
    let digits = u64::from_le_bytes(text) ^ (ONES * u64::from(b'0'));
    // From ten on, a byte of seven bits sets its eighth, and carries nothing into the next.
    if (digits + ONES * (0x80 - 10)) & HIGH != 0 {
        return None;
    }
    let pairs = (digits * 10 + (digits >> 8)) & 0x00FF_00FF_00FF_00FF;
    let fours = (pairs * 100 + (pairs >> 16)) & 0x0000_FFFF_0000_FFFF;
    Some((fours * 10_000 + (fours >> 32)) & 0xFFFF_FFFF)
}

/// Where the first quotation mark in ASCII `text` is. Most are a few bytes ahead, for which
/// `memchr` does not pay: it chooses by the CPU and sets up its registers first.
fn quotation_mark(text: &[u8]) -> Option<usize> {
    let mut words = text.chunks_exact(8);
    for (at, word) in words.by_ref().enumerate() {
        let word = u64::from_le_bytes(word.try_into().ok()?);
        // Zero is the one byte of seven bits that borrows from its eighth, and from those above it.
        let marks = (word ^ (ONES * u64::from(b'"'))).wrapping_sub(ONES) & HIGH;
        if marks != 0 {
            return Some(at * 8 + marks.trailing_zeros() as usize / 8);
        }
    }
    let rest = words.remainder();
    let at = rest.iter().position(|&byte| byte == b'"')?;
    Some(text.len() - rest.len() + at)
}

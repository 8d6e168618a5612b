//! Reads the objects that most tokens have, without a parser: flat, of texts and integers, without
//! whitespace, escapes and other alphabets. Django and [`Minter`](crate::Minter) write such.
//!
//! Whatever looks otherwise is left to [`read_object`](super::read_object), good or bad: nothing is
//! refused here, so that there is one place to say why.

use std::borrow::Cow;

use memchr::memchr;

use super::Value;

#[cfg(test)]
mod tests;

/// The most members: their names are compared with each other.
const MAX_MEMBERS: usize = 16;

/// The head of no name: one of eight ASCII bytes has no high bits.
const NO_HEAD: u64 = u64::MAX;

/// Digits that no integer exceeds which every JSON reader keeps exact.
const MAX_DIGITS: usize = 15;

/// Calls `member` for each member of the object that `bytes` are; `None` when they may be another
/// thing, after some members perhaps.
pub(crate) fn read<'a>(bytes: &'a [u8], mut member: impl FnMut(&'a str, Value<'a>)) -> Option<()> {
    let text = plain_text(bytes)?;
    let mut json = Cursor { text, at: 0 };
    let mut heads = [NO_HEAD; MAX_MEMBERS];
    let mut names = [""; MAX_MEMBERS];
    json.eat(b'{')?;
    for count in 0..MAX_MEMBERS {
        let (head, name) = json.name()?;
        // All of them at once, which vector registers can do; most names differ in their heads.
        let same = |so_far, other: &u64| so_far | u8::from(*other == head);
        if heads.iter().fold(0, same) != 0 && names[..count].contains(&name) {
            return None;
        }
        heads[count] = head;
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
        let length = memchr(b'"', self.rest())?;
        self.take(length)
    }

    /// A text of a few bytes, for which calling `memchr` would not pay; and its last eight bytes.
    fn name(&mut self) -> Option<(u64, &'a str)> {
        self.eat(b'"')?;
        let (mut head, mut length) = (0, 0);
        for &byte in self.rest() {
            if byte == b'"' {
                return self.take(length).map(|name| (head, name));
            }
            head = head << 8 | u64::from(byte);
            length += 1;
        }
        None
    }

    fn value(&mut self) -> Option<Value<'a>> {
        if self.text.as_bytes().get(self.at) == Some(&b'"') {
            return self.text().map(|text| Value::Text(Cow::Borrowed(text)));
        }
        let mut number = 0;
        let mut length = 0;
        for &byte in self.rest() {
            let digit = byte.wrapping_sub(b'0');
            if digit > 9 {
                break;
            }
            if length == MAX_DIGITS || length == 1 && number == 0 {
                return None;
            }
            number = number * 10 + u64::from(digit);
            length += 1;
        }
        self.at += length;
        (length > 0).then_some(Value::Integer(number))
    }
}

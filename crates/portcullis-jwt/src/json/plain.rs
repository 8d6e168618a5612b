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

/// The most members: their names are compared pairwise.
const MAX_MEMBERS: usize = 16;

/// Digits that no integer exceeds which every JSON reader keeps exact.
const MAX_DIGITS: usize = 15;

/// Calls `member` for each member of the object that `bytes` are; `None` when they may be another
/// thing, after some members perhaps.
pub(crate) fn read<'a>(bytes: &'a [u8], mut member: impl FnMut(&'a str, Value<'a>)) -> Option<()> {
    let text = plain_text(bytes)?;
    let mut json = Cursor { text, at: 0 };
    let mut names = [(0, ""); MAX_MEMBERS];
    json.eat(b'{')?;
    for count in 0..MAX_MEMBERS {
        let name = json.text()?;
        let entry = (head(name), name);
        if names[..count].contains(&entry) {
            return None;
        }
        names[count] = entry;
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

/// The beginning of a name, which tells most of them apart in one comparison.
fn head(name: &str) -> u64 {
    let shift = |head, byte| head << 8 | u64::from(byte);
    name.bytes().take(8).fold(0, shift)
}

/// Where reading stands.
struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.at..]
    }

    fn eat(&mut self, byte: u8) -> Option<()> {
        let is_next = self.rest().first() == Some(&byte);
        self.at += usize::from(is_next);
        is_next.then_some(())
    }

    /// The next `length` bytes, and goes on after them and `more`.
    fn take(&mut self, length: usize, more: usize) -> &'a str {
        let taken = &self.text[self.at..self.at + length];
        self.at += length + more;
        taken
    }

    fn text(&mut self) -> Option<&'a str> {
        self.eat(b'"')?;
        let length = memchr(b'"', self.rest())?;
        Some(self.take(length, 1))
    }

    fn value(&mut self) -> Option<Value<'a>> {
        if self.rest().first() == Some(&b'"') {
            return self.text().map(|text| Value::Text(Cow::Borrowed(text)));
        }
        let length = self.rest().iter().position(|byte| !byte.is_ascii_digit())?;
        let digits = self.take(length, 0);
        if length > MAX_DIGITS || length > 1 && digits.as_bytes()[0] == b'0' {
            return None;
        }
        digits.parse().ok().map(Value::Integer)
    }
}

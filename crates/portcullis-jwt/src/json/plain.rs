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
    let mut rest = plain_text(bytes)?.strip_prefix('{')?;
    let mut names = [""; MAX_MEMBERS];
    for count in 0..MAX_MEMBERS {
        let (name, after) = text(rest)?;
        if names[..count].contains(&name) {
            return None;
        }
        names[count] = name;
        let (value, after) = value(after.strip_prefix(':')?)?;
        member(name, value);
        if after == "}" {
            return Some(());
        }
        rest = after.strip_prefix(',')?;
    }
    None
}

/// Printable ASCII without a backslash: in it, a quotation mark begins or ends a text.
fn plain_text(bytes: &[u8]) -> Option<&str> {
    // Without a branch in it, the loop uses vector registers.
    let is_plain = |byte| matches!(byte, b' '..=b'[' | b']'..=b'~');
    let all = bytes.iter().fold(true, |all, &byte| all & is_plain(byte));
    std::str::from_utf8(bytes).ok().filter(|_| all)
}

fn value(from: &str) -> Option<(Value<'_>, &str)> {
    if let Some((text, after)) = text(from) {
        return Some((Value::Text(Cow::Borrowed(text)), after));
    }
    let end = from.bytes().position(|byte| !byte.is_ascii_digit())?;
    let (digits, after) = from.split_at(end);
    if digits.len() > MAX_DIGITS || digits.len() > 1 && digits.starts_with('0') {
        return None;
    }
    Some((Value::Integer(digits.parse().ok()?), after))
}

/// The text that `from` begins with, without its marks, and what follows it.
fn text(from: &str) -> Option<(&str, &str)> {
    let inner = from.strip_prefix('"')?;
    let end = memchr(b'"', inner.as_bytes())?;
    Some((&inner[..end], &inner[end + 1..]))
}

//! Takes `Cookie` lines apart quickly: most of their bytes are one long token.

use http::HeaderValue;
use memchr::memchr;

/// The most pairs that are taken out of a line at once; more take another turn.
const BATCH: usize = 4;

/// The parts of `line` between semicolons, untrimmed.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let here = rest.take()?;
        let Some(end) = memchr(b';', here) else {
            return Some(here);
        };
        rest = Some(&here[end + 1..]);
        Some(&here[..end])
    })
}

/// The value of `pair` if it is a cookie called `name`.
pub(super) fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = trim_start(pair).strip_prefix(name)?;
    trim_start(rest).strip_prefix(b"=").map(trim)
}

/// `line` without the cookies called one of `names`; `None` when it has none of them.
pub(super) fn without(line: &HeaderValue, names: &[&str]) -> Option<HeaderValue> {
    let (mut kept, mut count) = without_some(line.as_bytes(), names)?;
    while count == BATCH {
        let Some(fewer) = without_some(&kept, names) else {
            break;
        };
        (kept, count) = fewer;
    }
    // A subset of the bytes of a valid header value is one.
    Some(HeaderValue::try_from(kept).unwrap_or(HeaderValue::from_static("")))
}

/// `line` without the first [`BATCH`] of them, and how many they were. The vector has exactly its
/// length: a header value takes such a one over as it stands.
fn without_some(line: &[u8], names: &[&str]) -> Option<(Vec<u8>, usize)> {
    let mut pieces = [&line[..0]; BATCH + 1];
    let (mut count, mut from, mut at) = (0, 0, 0);
    for pair in pairs(line) {
        let next = line.len().min(at + pair.len() + 1);
        if count < BATCH
            && names
                .iter()
                .any(|name| value_of(pair, name.as_bytes()).is_some())
        {
            pieces[count] = &line[from..at];
            from = next;
            count += 1;
        }
        at = next;
    }
    if count == 0 {
        return None;
    }
    pieces[count] = &line[from..];
    Some((joined(&mut pieces), count))
}

/// The pieces as one line, which neither begins nor ends with what only stood between two pairs.
fn joined(pieces: &mut [&[u8]]) -> Vec<u8> {
    let is_between = |byte: &u8| matches!(byte, b' ' | b'\t' | b';');
    for piece in pieces.iter_mut() {
        while let Some((_, rest)) = piece.split_first().filter(|(byte, _)| is_between(byte)) {
            *piece = rest;
        }
        if !piece.is_empty() {
            break;
        }
    }
    for piece in pieces.iter_mut().rev() {
        while let Some((_, rest)) = piece.split_last().filter(|(byte, _)| is_between(byte)) {
            *piece = rest;
        }
        if !piece.is_empty() {
            break;
        }
    }
    pieces.concat()
}

const fn trim_start(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim(bytes: &[u8]) -> &[u8] {
    let mut bytes = trim_start(bytes);
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

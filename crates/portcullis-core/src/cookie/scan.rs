//! Splits `Cookie` lines quickly: most of their bytes are one long token.

use http::HeaderValue;

/// How many bytes are looked at together; without branches, the compiler uses vector registers.
const BLOCK: usize = 32;

/// The parts of `line` between semicolons, untrimmed.
pub(super) fn pairs(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(line);
    std::iter::from_fn(move || {
        let here = rest.take()?;
        let Some(end) = position(here, b';') else {
            return Some(here);
        };
        rest = Some(&here[end + 1..]);
        Some(&here[..end])
    })
}

/// Where `wanted` first stands in `bytes`.
fn position(bytes: &[u8], wanted: u8) -> Option<usize> {
    let found = |found: u8, &byte: &u8| found | u8::from(byte == wanted);
    let holds = |block: &[u8]| block.iter().fold(0, found) != 0;
    let without = bytes.chunks_exact(BLOCK).take_while(|block| !holds(block));
    let start = without.count() * BLOCK;
    let rest = bytes[start..].iter().position(|&byte| byte == wanted);
    rest.map(|at| start + at)
}

/// `line` without the cookies that `removed` names; `None` when it has none of them.
pub(super) fn without(line: &HeaderValue, removed: impl Fn(&[u8]) -> bool) -> Option<HeaderValue> {
    let is_removed = |pair: &[u8]| {
        pair.iter()
            .position(|&byte| byte == b'=')
            .is_some_and(|equals| removed(trim(&pair[..equals])))
    };
    let first = pairs(line.as_bytes()).position(is_removed)?;
    let mut kept = Vec::new();
    for (index, pair) in pairs(line.as_bytes()).enumerate() {
        let pair = trim(pair);
        if pair.is_empty() || index == first || index > first && is_removed(pair) {
            continue;
        }
        if !kept.is_empty() {
            kept.extend_from_slice(b"; ");
        }
        kept.extend_from_slice(pair);
    }
    // A subset of the bytes of a valid header value, joined by "; ", is one.
    Some(HeaderValue::try_from(kept).unwrap_or(HeaderValue::from_static("")))
}

pub(super) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

//! Takes `Cookie` lines apart quickly: most of their bytes are one long token.

use http::HeaderValue;
use memchr::memchr;

/// How many pairs are taken out of a line at once: both tokens. More take another turn.
const BATCH: usize = 2;

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

/// Every value under `name` in `line`.
pub(super) fn values<'a>(line: &'a [u8], name: &str) -> impl Iterator<Item = &'a [u8]> {
    pairs(line).filter_map(move |pair| value_of(trim_start(pair), name.as_bytes()))
}

/// The value of `pair`, trimmed at its start, if it is a cookie called `name`.
fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    // Most other cookies have no end of a name there, which is cheaper to see than their names.
    if !matches!(pair.get(name.len()), Some(b'=' | b' ' | b'\t')) {
        return None;
    }
    let rest = pair.strip_prefix(name)?;
    trim_start(rest).strip_prefix(b"=").map(trim)
}

/// Where the cookies of some names stand in a line: each from its first byte to that of the next.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Marks {
    places: [(usize, usize); BATCH],
    /// How many there are; of more than [`BATCH`], only so many places are known.
    count: usize,
}

impl Marks {
    /// Looks for `names` in `line`, and gives the value of each of the first to `found`.
    pub(super) fn find<'a>(
        line: &'a [u8],
        names: &[&str],
        mut found: impl FnMut(&'a [u8]),
    ) -> Self {
        let mut marks = Self::default();
        let mut at = 0;
        for pair in pairs(line) {
            let next = line.len().min(at + pair.len() + 1);
            let pair = trim_start(pair);
            for (index, name) in names.iter().enumerate() {
                let Some(value) = value_of(pair, name.as_bytes()) else {
                    continue;
                };
                if index == 0 {
                    found(value);
                }
                if let Some(place) = marks.places.get_mut(marks.count) {
                    *place = (at, next);
                }
                marks.count += 1;
                break;
            }
            at = next;
        }
        marks
    }

    /// Whether there are none.
    pub(super) const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Whether the places of all are known.
    pub(super) const fn is_complete(&self) -> bool {
        self.count <= BATCH
    }

    /// `line`, in which these marks were found, without what stands there. The vector has exactly
    /// its length: a header value takes such a one over as it stands.
    pub(super) fn without(&self, line: &[u8]) -> Vec<u8> {
        let mut pieces = [&line[..0]; BATCH + 1];
        let known = self.count.min(BATCH);
        let mut from = 0;
        for (piece, &(start, end)) in pieces.iter_mut().zip(&self.places[..known]) {
            *piece = line.get(from..start).unwrap_or_default();
            from = end;
        }
        pieces[known] = line.get(from..).unwrap_or_default();
        joined(&mut pieces[..=known])
    }
}

/// `line` without the cookies called one of `names`; `None` when it has none of them.
pub(super) fn without(line: &HeaderValue, names: &[&str]) -> Option<HeaderValue> {
    let mut marks = Marks::find(line.as_bytes(), names, |_| {});
    if marks.is_empty() {
        return None;
    }
    let mut kept = marks.without(line.as_bytes());
    while !marks.is_complete() {
        marks = Marks::find(&kept, names, |_| {});
        kept = marks.without(&kept);
    }
    Some(value(kept))
}

/// A subset of the bytes of a valid header value, which is one.
pub(super) fn value(kept: Vec<u8>) -> HeaderValue {
    HeaderValue::try_from(kept).unwrap_or(HeaderValue::from_static(""))
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

//! `Cookie` lines: every value is found, in order, and what is stripped is gone and nothing else.

use http::{HeaderMap, HeaderValue, header};
use portcullis_core::cookie::{Found, MAX_COOKIE_BYTES, all, find, strip};

const NAME: &str = "csrftoken";

/// Reads each line of `data` as a `Cookie` line.
///
/// # Panics
///
/// When `find` or `all` miss or invent a value, or `strip` takes too little or too much.
pub fn check(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|&byte| byte == b'\n') {
        if let Ok(line) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, line);
        }
    }
    let values = all(&headers, NAME).map(<[u8]>::to_vec).collect::<Vec<_>>();
    let length: usize = headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::len)
        .sum();
    if length > MAX_COOKIE_BYTES {
        assert_eq!(find(&headers, NAME), Found::Ambiguous);
        assert!(values.is_empty());
        return;
    }
    let (ours, others): (Vec<_>, Vec<_>) = pairs(&headers)
        .into_iter()
        .partition(|(name, _)| name == NAME.as_bytes());
    let wanted: Vec<_> = ours.into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, wanted);
    match (find(&headers, NAME), wanted.as_slice()) {
        (Found::Missing, []) | (Found::Ambiguous, [_, _, ..]) => {}
        (Found::One(found), [wanted]) => assert_eq!(found, wanted),
        (found, wanted) => panic!("{found:?} of {wanted:?}"),
    }
    strip(&mut headers, &[NAME]);
    assert_eq!(find(&headers, NAME), Found::Missing);
    assert_eq!(pairs(&headers), others, "the others stay as they are");
}

type Pair = (Vec<u8>, Vec<u8>);

/// Every pair of every line, the slow way.
pub(crate) fn pairs(headers: &HeaderMap) -> Vec<Pair> {
    let lines = headers.get_all(header::COOKIE).iter();
    lines.flat_map(|line| in_line(line.as_bytes())).collect()
}

fn in_line(line: &[u8]) -> Vec<Pair> {
    let mut found = Vec::new();
    for pair in line.split(|&byte| byte == b';') {
        let mut halves = pair.splitn(2, |&byte| byte == b'=');
        if let (Some(name), Some(value)) = (halves.next(), halves.next()) {
            found.push((trimmed(name), trimmed(value)));
        }
    }
    found
}

/// Without the spaces and tabs at both ends.
fn trimmed(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    while text.last().is_some_and(blank) {
        text.pop();
    }
    while text.first().is_some_and(blank) {
        text.remove(0);
    }
    text
}

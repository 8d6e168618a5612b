//! Reads an input as a request: words on the first line, then `name: value` lines.

use http::{HeaderMap, HeaderName, HeaderValue};

/// The words of the first line, and the headers; lines that cannot be a header are left out, as a
/// server would refuse them.
pub(crate) fn parse(data: &[u8]) -> (Vec<&str>, HeaderMap) {
    let mut lines = data.split(|&byte| byte == b'\n');
    let first = lines.next().unwrap_or_default();
    let words = std::str::from_utf8(first).unwrap_or_default();
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    (words.split(' ').collect(), headers)
}

/// The value of a header that is there exactly once.
pub(crate) fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Some(value.as_bytes()),
        _ => None,
    }
}

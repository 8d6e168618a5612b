//! Finds the tokens that a request presents, and nothing that could be taken for two.

use http::{HeaderMap, header};
use portcullis_core::cookie::{self, Found};

/// What one place of a request holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Presented<'a> {
    /// More than one.
    Ambiguous,
    /// Our scheme, but no token behind it.
    Malformed,
    /// Nothing of ours.
    Missing,
    /// One token.
    Token(&'a [u8]),
}

/// The cookie `name`.
pub(crate) fn from_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Presented<'a> {
    cookie::find(headers, name).into()
}

impl<'a> From<Found<'a>> for Presented<'a> {
    fn from(found: Found<'a>) -> Self {
        match found {
            Found::Ambiguous => Self::Ambiguous,
            Found::Missing => Self::Missing,
            Found::One(token) => Self::Token(token),
        }
    }
}

/// The Bearer token (RFC 6750 §2.1): the scheme in any case, spaces, one token, nothing else.
///
/// Other schemes are not ours; but beside a second `Authorization` header nobody can say which
/// of them a server behind us would believe.
pub(crate) fn from_header(headers: &HeaderMap) -> Presented<'_> {
    let mut lines = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        let any = headers.get_all(header::AUTHORIZATION).iter();
        return if any.map(http::HeaderValue::as_bytes).any(is_bearer) {
            Presented::Ambiguous
        } else {
            Presented::Missing
        };
    }
    match first.map(http::HeaderValue::as_bytes) {
        Some(line) if is_bearer(line) => match token_of(line) {
            Some(token) => Presented::Token(token),
            None => Presented::Malformed,
        },
        _ => Presented::Missing,
    }
}

/// Whether the scheme is Bearer, ended by the line or by whitespace.
fn is_bearer(line: &[u8]) -> bool {
    let line = line.trim_ascii_start();
    line.split_at_checked(6).is_some_and(|(scheme, rest)| {
        scheme.eq_ignore_ascii_case(b"bearer") && matches!(rest, [] | [b' ' | b'\t', ..])
    })
}

fn token_of(line: &[u8]) -> Option<&[u8]> {
    let rest = line.trim_ascii_start().get(6..)?;
    let token = rest.strip_prefix(b" ")?.trim_ascii();
    let is_one = !token.is_empty() && !token.iter().any(u8::is_ascii_whitespace);
    let has_tab = rest.contains(&b'\t');
    (is_one && !has_tab).then_some(token)
}

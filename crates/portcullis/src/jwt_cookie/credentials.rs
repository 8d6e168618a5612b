//! Finds the tokens that a request presents, and nothing that could be taken for two.

use http::{HeaderMap, header};
use portcullis_core::cookie::{Found, Marked};

/// What one place of a request holds.
#[derive(Clone, Copy, Eq, PartialEq)]
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

impl<'a> From<Found<'a>> for Presented<'a> {
    fn from(found: Found<'a>) -> Self {
        match found {
            Found::Ambiguous => Self::Ambiguous,
            Found::Missing => Self::Missing,
            Found::One(token) => Self::Token(token),
        }
    }
}

/// What the headers of a request hold of ours, found in one pass over them: in a map of headers, a
/// look-up costs as much as passing a dozen.
pub(crate) struct Search<'a> {
    /// The token cookies.
    pub(crate) cookies: Marked<'a>,
    authorization: Authorization<'a>,
}

/// The `Authorization` lines.
#[derive(Clone, Copy)]
enum Authorization<'a> {
    None,
    One(&'a [u8]),
    /// More than one; whether any is of our scheme.
    Many(bool),
}

impl<'a> Search<'a> {
    /// Searches `headers`; of the cookies for those called `names`.
    pub(crate) fn through(headers: &'a HeaderMap, names: &[&str]) -> Self {
        let mut search = Self {
            cookies: Marked::new(),
            authorization: Authorization::None,
        };
        for (name, line) in headers {
            if name == header::COOKIE {
                search.cookies.add(line, names);
            } else if name == header::AUTHORIZATION {
                search.authorization = search.authorization.and(line.as_bytes());
            }
        }
        search
    }

    /// The Bearer token (RFC 6750 §2.1): the scheme in any case, spaces, one token, nothing else.
    ///
    /// Other schemes are not ours; but beside a second `Authorization` header nobody can say which
    /// of them a server behind us would believe.
    pub(crate) fn bearer(&self) -> Presented<'a> {
        match self.authorization {
            Authorization::Many(true) => Presented::Ambiguous,
            Authorization::One(line) if is_bearer(line) => match token_of(line) {
                Some(token) => Presented::Token(token),
                None => Presented::Malformed,
            },
            _ => Presented::Missing,
        }
    }
}

impl<'a> Authorization<'a> {
    fn and(self, line: &'a [u8]) -> Self {
        match self {
            Self::None => Self::One(line),
            Self::One(first) => Self::Many(is_bearer(first) || is_bearer(line)),
            Self::Many(any) => Self::Many(any || is_bearer(line)),
        }
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

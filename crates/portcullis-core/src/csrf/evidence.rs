//! What a request says of its sender, gathered in one pass over its headers: in a map of headers, a
//! look-up costs as much as passing several.

use http::{HeaderMap, HeaderName, header};

use crate::cookie::{Found, Marked};

/// W3C Fetch Metadata Request Headers, §2.3.
pub(super) static SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The headers that the decision reads, unread.
pub(super) struct Evidence<'a> {
    pub(super) origin: Once<'a>,
    pub(super) fetch_site: Once<'a>,
    /// The header that carries the token.
    pub(super) token: Once<'a>,
    /// The cookie that does.
    pub(super) cookie: Found<'a>,
}

/// The lines of a header that must occur once.
#[derive(Clone, Copy, Debug)]
pub(super) enum Once<'a> {
    Absent,
    Found(&'a [u8]),
    Repeated,
}

/// A header that must occur once, and did not.
pub(super) struct Repeated;

impl<'a> Evidence<'a> {
    /// What `headers` hold, where the token is in the header `token` and the cookie `cookie`.
    pub(super) fn in_headers(headers: &'a HeaderMap, token: &HeaderName, cookie: &str) -> Self {
        let mut evidence = Self {
            origin: Once::Absent,
            fetch_site: Once::Absent,
            token: Once::Absent,
            cookie: Found::Missing,
        };
        let mut cookies = Marked::new();
        for (name, line) in headers {
            if name == header::COOKIE {
                cookies.add(line, &[cookie]);
            } else if name == header::ORIGIN {
                evidence.origin.add(line.as_bytes());
            } else if *name == SEC_FETCH_SITE {
                evidence.fetch_site.add(line.as_bytes());
            }
            if name == token {
                evidence.token.add(line.as_bytes());
            }
        }
        evidence.cookie = cookies.found;
        evidence
    }
}

impl<'a> Once<'a> {
    /// The lines of `name` in `headers`.
    pub(super) fn of(headers: &'a HeaderMap, name: &HeaderName) -> Self {
        let mut once = Self::Absent;
        for line in headers.get_all(name) {
            once.add(line.as_bytes());
        }
        once
    }

    fn add(&mut self, line: &'a [u8]) {
        *self = match self {
            Self::Absent => Self::Found(line),
            Self::Found(_) | Self::Repeated => Self::Repeated,
        };
    }

    /// The one line, if there is one.
    pub(super) const fn line(self) -> Result<Option<&'a [u8]>, Repeated> {
        match self {
            Self::Absent => Ok(None),
            Self::Found(line) => Ok(Some(line)),
            Self::Repeated => Err(Repeated),
        }
    }
}

//! Finds cookies in the `Cookie` lines of a request, and takes them out.

use std::fmt;

use http::{HeaderMap, HeaderValue, header};

use super::scan::{self, Marks, without};

/// The most bytes of `Cookie` lines that are looked at; what exceeds it is refused, not skipped.
pub const MAX_COOKIE_BYTES: usize = 64 * 1024;

/// What a request carries under one cookie name. `Debug` shows no value.
#[derive(Clone, Copy, Eq, PartialEq)]
pub enum Found<'a> {
    /// More than one, or a `Cookie` header past [`MAX_COOKIE_BYTES`]: nobody can say which counts.
    Ambiguous,
    /// None.
    Missing,
    /// Exactly one, with this value.
    One(&'a [u8]),
}

impl fmt::Debug for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ambiguous => "Ambiguous",
            Self::Missing => "Missing",
            Self::One(_) => "One(..)",
        })
    }
}

/// Looks up the cookie `name`, a token, in all `Cookie` lines.
///
/// # Example
///
/// ```
/// use http::HeaderMap;
/// use portcullis_core::cookie::{Found, find};
///
/// let mut headers = HeaderMap::new();
/// headers.append("cookie", "theme=dark; access_token=abc".parse().unwrap());
/// assert_eq!(find(&headers, "access_token"), Found::One(b"abc"));
/// assert_eq!(find(&headers, "ACCESS_TOKEN"), Found::Missing);
///
/// headers.append("cookie", "access_token=planted".parse().unwrap());
/// assert_eq!(find(&headers, "access_token"), Found::Ambiguous);
/// ```
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    Marked::find(headers, &[name]).found
}

/// A cookie that was looked up, and where it and others stand that are to go no further.
///
/// One pass over the `Cookie` header serves both.
///
/// # Example
///
/// ```
/// use http::HeaderMap;
/// use portcullis_core::cookie::{Found, Marked};
///
/// let mut headers = HeaderMap::new();
/// headers.append("cookie", "access=abc; theme=dark; refresh=xyz".parse().unwrap());
/// let names = ["access", "refresh"];
/// let marked = Marked::find(&headers, &names);
/// assert_eq!(marked.found, Found::One(b"abc"));
/// marked.places().strip(&mut headers, &names);
/// assert_eq!(headers["cookie"], "theme=dark");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Marked<'a> {
    /// What was found under the first name.
    pub found: Found<'a>,
    places: Places,
    /// How many bytes more may be looked at.
    room: usize,
}

/// Where the cookies of some names stand in the headers that were searched.
#[derive(Clone, Copy, Debug)]
pub struct Places(Lines);

#[derive(Clone, Copy, Debug)]
enum Lines {
    /// There were none.
    None,
    /// There was one, marked like this.
    One(Marks),
    /// There were several, or more cookies or bytes than are marked: look again.
    Many,
}

impl<'a> Marked<'a> {
    /// What is known before the first line: no cookie.
    pub const fn new() -> Self {
        Self {
            found: Found::Missing,
            places: Places(Lines::None),
            room: MAX_COOKIE_BYTES,
        }
    }

    /// Looks up the first of `names`, tokens all, and marks the cookies called one of them.
    pub fn find(headers: &'a HeaderMap, names: &[&str]) -> Self {
        let mut marked = Self::new();
        for line in headers.get_all(header::COOKIE) {
            marked.add(line, names);
        }
        marked
    }

    /// Does the same with the next `Cookie` line, for who goes through the headers anyway.
    pub fn add(&mut self, line: &'a HeaderValue, names: &[&str]) {
        let Some(room) = self.room.checked_sub(line.len()) else {
            self.found = Found::Ambiguous;
            self.places = Places(Lines::Many);
            self.room = 0;
            return;
        };
        self.room = room;
        let found = &mut self.found;
        let marks = Marks::find(line.as_bytes(), names, |value| {
            *found = match found {
                Found::Missing => Found::One(value),
                Found::Ambiguous | Found::One(_) => Found::Ambiguous,
            };
        });
        self.places = Places(match self.places.0 {
            Lines::None if marks.is_complete() => Lines::One(marks),
            _ => Lines::Many,
        });
    }

    /// Where they stand, whatever becomes of the value.
    pub const fn places(&self) -> Places {
        self.places
    }
}

impl Default for Marked<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Places {
    /// Does what [`strip`] does with the same `names`, on the same headers.
    pub fn strip(self, headers: &mut HeaderMap, names: &[&str]) {
        match self.0 {
            Lines::None => {}
            Lines::Many => strip(headers, names),
            Lines::One(marks) if marks.is_empty() => {}
            Lines::One(marks) => {
                let Some(line) = headers.get_mut(header::COOKIE) else {
                    return;
                };
                let rest = marks.without(line.as_bytes());
                if rest.is_empty() {
                    headers.remove(header::COOKIE);
                } else {
                    *line = scan::value(rest);
                }
            }
        }
    }
}

/// Every value under the cookie `name`, in the order received; none past [`MAX_COOKIE_BYTES`].
pub fn all<'a>(headers: &'a HeaderMap, name: &str) -> impl Iterator<Item = &'a [u8]> {
    let lines = if too_long(headers) {
        None
    } else {
        Some(headers.get_all(header::COOKIE))
    };
    lines
        .into_iter()
        .flatten()
        .flat_map(move |line| scan::values(line.as_bytes(), name))
}

fn too_long(headers: &HeaderMap) -> bool {
    headers
        .get_all(header::COOKIE)
        .iter()
        .map(HeaderValue::len)
        .sum::<usize>()
        > MAX_COOKIE_BYTES
}

/// Removes the cookies called one of `names` from every `Cookie` line, keeping the others' bytes.
///
/// This is how a layer keeps a token from the service behind it.
///
/// ```
/// use http::HeaderMap;
/// use portcullis_core::cookie::strip;
///
/// let mut headers = HeaderMap::new();
/// headers.append("cookie", "a=1; access_token=abc; b=2".parse().unwrap());
/// strip(&mut headers, &["access_token"]);
/// assert_eq!(headers["cookie"], "a=1; b=2");
/// ```
pub fn strip(headers: &mut HeaderMap, names: &[&str]) {
    let mut lines = headers.get_all(header::COOKIE).iter();
    let Some(first) = lines.next() else { return };
    if lines.next().is_none() {
        match without(first, names) {
            Some(rest) if !rest.is_empty() => {
                if let Some(line) = headers.get_mut(header::COOKIE) {
                    *line = rest;
                }
            }
            Some(_) => drop(headers.remove(header::COOKIE)),
            None => {}
        }
        return;
    }
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    if !lines.iter().any(|line| without(line, names).is_some()) {
        return;
    }
    headers.remove(header::COOKIE);
    for line in lines {
        let rest = without(&line, names).unwrap_or(line);
        if !rest.is_empty() {
            headers.append(header::COOKIE, rest);
        }
    }
}

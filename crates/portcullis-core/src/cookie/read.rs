//! Finds cookies in the `Cookie` lines of a request, and takes them out.

use http::{HeaderMap, HeaderValue, header};

use super::scan::{self, Marks, pairs, value_of, without};

/// The most bytes of `Cookie` lines that are looked at; what exceeds it is refused, not skipped.
pub const MAX_COOKIE_BYTES: usize = 64 * 1024;

/// What a request carries under one cookie name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Found<'a> {
    /// More than one, or a `Cookie` header past [`MAX_COOKIE_BYTES`]: nobody can say which counts.
    Ambiguous,
    /// None.
    Missing,
    /// Exactly one, with this value.
    One(&'a [u8]),
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
}

/// Where the cookies of some names stand in the headers that were searched.
#[derive(Clone, Copy, Debug)]
pub struct Places(Option<Marks>);

impl<'a> Marked<'a> {
    /// Looks up the first of `names`, tokens all, and marks the cookies called one of them.
    pub fn find(headers: &'a HeaderMap, names: &[&str]) -> Self {
        let mut found = Found::Missing;
        let mut places = Places(Some(Marks::default()));
        let mut room = MAX_COOKIE_BYTES;
        for (index, line) in headers.get_all(header::COOKIE).iter().enumerate() {
            let Some(rest) = room.checked_sub(line.len()) else {
                found = Found::Ambiguous;
                places = Places(None);
                break;
            };
            room = rest;
            let marks = Marks::find(line.as_bytes(), names, |value| {
                found = match found {
                    Found::Missing => Found::One(value),
                    Found::Ambiguous | Found::One(_) => Found::Ambiguous,
                };
            });
            places = Places((index == 0 && marks.is_complete()).then_some(marks));
        }
        Self { found, places }
    }

    /// Where they stand, whatever becomes of the value.
    pub const fn places(&self) -> Places {
        self.places
    }
}

impl Places {
    /// Does what [`strip`] does with the same `names`, on the same headers.
    pub fn strip(self, headers: &mut HeaderMap, names: &[&str]) {
        match self.0 {
            None => strip(headers, names),
            Some(marks) if marks.is_empty() => {}
            Some(marks) => {
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
        .flat_map(|line| pairs(line.as_bytes()))
        .filter_map(move |pair| value_of(pair, name.as_bytes()))
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

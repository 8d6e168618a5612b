//! Matches request paths segment by segment, for exemptions.
//!
//! An exemption must never match more than was meant, so there is no prefix match on raw text, and
//! a path that a router may read in another way (an encoded byte, an empty or a dot segment) is
//! exempt from nothing.

use std::fmt;

/// A pattern over the segments of a path: literal, `*` for exactly one, `**` at the end for any.
///
/// # Example
///
/// ```
/// use portcullis_core::path::PathPattern;
///
/// let hooks: PathPattern = "/hooks/*/events".parse()?;
/// assert!(hooks.matches("/hooks/stripe/events"));
/// assert!(!hooks.matches("/hooks/stripe/events/"));
/// assert!(!hooks.matches("/hooks/stripe/more/events"));
///
/// let below: PathPattern = "/health/**".parse()?;
/// assert!(below.matches("/health/live") && below.matches("/health/"));
/// assert!(!below.matches("/healthy"));
/// assert!(!below.matches("/health/../admin") && !below.matches("/health/%2e%2e/admin"));
///
/// assert!("hooks".parse::<PathPattern>().is_err());
/// # Ok::<_, portcullis_core::path::PathPatternError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPattern(String);

impl PathPattern {
    /// Whether `path`, as the server received it and without its query, is one of those meant.
    pub fn matches(&self, path: &str) -> bool {
        path.strip_prefix('/').is_some_and(is_plain) && self.covers(path)
    }

    /// As [`matches`](Self::matches), for a path that the caller has brought into one form before:
    /// every byte is taken as it stands.
    ///
    /// For what a match makes stricter, as a limit. An exemption asks [`matches`](Self::matches).
    ///
    /// ```
    /// use portcullis_core::path::PathPattern;
    ///
    /// let admin: PathPattern = "/admin/**".parse()?;
    /// assert!(admin.covers("/admin/%") && !admin.matches("/admin/%"));
    /// assert!(!admin.covers("/administrator"));
    /// # Ok::<_, portcullis_core::path::PathPatternError>(())
    /// ```
    pub fn covers(&self, path: &str) -> bool {
        let Some(path) = path.strip_prefix('/') else {
            return false;
        };
        let mut segments = path.split('/');
        for wanted in self.0[1..].split('/') {
            if wanted == "**" {
                return segments.next().is_some();
            }
            match segments.next() {
                Some(found) if wanted == found || (wanted == "*" && !found.is_empty()) => {}
                _ => return false,
            }
        }
        segments.next().is_none()
    }
}

/// Whether every router reads `path` (without its first slash) in the same way.
fn is_plain(path: &str) -> bool {
    let last = path.split('/').count() - 1;
    let clear = |(at, segment): (usize, &str)| {
        segment != "." && segment != ".." && (at == last || !segment.is_empty())
    };
    path.bytes()
        .all(|byte| !matches!(byte, b'%' | b'\\' | b';'))
        && path.split('/').enumerate().all(clear)
}

impl std::str::FromStr for PathPattern {
    type Err = PathPatternError;

    fn from_str(text: &str) -> Result<Self, PathPatternError> {
        let wrong = |want| PathPatternError {
            found: text.chars().take(256).collect(),
            want,
        };
        let rest = text
            .strip_prefix('/')
            .ok_or_else(|| wrong("an absolute path like `/hooks/*`"))?;
        if text.len() > 1024
            || !rest
                .bytes()
                .all(|b| b.is_ascii_graphic() && !b"?#".contains(&b))
        {
            return Err(wrong("at most 1,024 visible ASCII characters, no query"));
        }
        if !is_plain(rest) {
            return Err(wrong(
                "plain segments: no `%`, `;`, `.`, `..`, no empty one but the last",
            ));
        }
        let segments = rest.split('/').count();
        for (at, segment) in rest.split('/').enumerate() {
            let whole = segment == "*" || (segment == "**" && at + 1 == segments);
            if segment.contains('*') && !whole {
                return Err(wrong("`*` as a whole segment, `**` as the last one"));
            }
        }
        Ok(Self(text.to_owned()))
    }
}

/// A text that is no path pattern. The message names the text and the form wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PathPatternError {
    found: String,
    want: &'static str,
}

impl fmt::Display for PathPatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no path pattern: write {}",
            self.found, self.want
        )
    }
}

impl std::error::Error for PathPatternError {}

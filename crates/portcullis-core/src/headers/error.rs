//! The error of every builder here.

use std::fmt;

/// A value that does not belong into a header.
///
/// The message names the value and the form wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HeaderConfigError {
    found: String,
    want: &'static str,
}

impl HeaderConfigError {
    pub(super) fn new(found: &str, want: &'static str) -> Self {
        Self {
            found: found.chars().take(256).collect(),
            want,
        }
    }
}

impl fmt::Display for HeaderConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not usable: write {}", self.found, self.want)
    }
}

impl std::error::Error for HeaderConfigError {}

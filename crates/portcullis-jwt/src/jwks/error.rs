//! Says which setting cannot work, and why a fetch brought no keys.

use std::fmt;

use crate::key::KeyError;

/// A setting of [`RemoteJwks`](super::RemoteJwks) that cannot work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct JwksError(String);

impl JwksError {
    pub(super) fn new(what: &str, found: impl fmt::Display, want: &str) -> Self {
        let found: String = found.to_string().chars().take(256).collect();
        Self(format!("the {what} is {found}: want {want}"))
    }
}

impl fmt::Display for JwksError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for JwksError {}

/// Why a fetch brought no keys. The last good ones stay in use.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FetchError {
    /// The answer was not complete within five seconds.
    Deadline,
    /// The document is no set of keys that can be trusted.
    Document(KeyError),
    /// The answer had another status than 200; a redirect is not followed.
    Status(u16),
    /// The refresh was stopped.
    Stopped,
    /// The document is longer than 256 KiB.
    TooLong,
    /// The server could not be reached, or broke off.
    Transport(String),
}

impl FetchError {
    /// The error of the HTTP client and its causes, without the address: its query may be secret.
    pub(super) fn transport(error: reqwest::Error) -> Self {
        let error = error.without_url();
        let mut text = error.to_string();
        let mut cause = std::error::Error::source(&error);
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        Self::Transport(text.chars().take(256).collect())
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("no complete answer within 5 s"),
            Self::Document(error) => error.fmt(f),
            Self::Status(status) => write!(f, "the answer has status {status}, want 200"),
            Self::Stopped => f.write_str("the refresh was stopped"),
            Self::TooLong => f.write_str("the document is longer than 256 KiB"),
            Self::Transport(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for FetchError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Document(error) => Some(error),
            _ => None,
        }
    }
}

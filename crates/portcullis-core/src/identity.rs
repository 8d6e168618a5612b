//! Says who a request is from, for the layers behind the one that found out.
//!
//! The authentication layer puts an [`Identity`] into the request's extensions. CSRF asks it for
//! the source, a rate limit for the subject; where it is absent, each takes the strict course.

use std::sync::Arc;

/// Where the credential came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// The `Authorization` header, which no other site can make a browser send.
    Bearer,
    /// A cookie, which a browser sends by itself: the request needs CSRF proof.
    Cookie,
}

/// The verified sender of a request, free of any token library's types.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    subject: Arc<str>,
    session: Option<Arc<str>>,
    source: Source,
}

impl Identity {
    /// The identity of `subject`, in `session` if the token names one (`sid`).
    pub fn new(subject: Arc<str>, session: Option<Arc<str>>, source: Source) -> Self {
        Self {
            subject,
            session,
            source,
        }
    }

    /// The user id, as a string.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The session id (`sid`), absent on tokens that Django issued.
    pub fn session(&self) -> Option<&str> {
        self.session.as_deref()
    }

    /// Where the credential came from.
    pub const fn source(&self) -> Source {
        self.source
    }
}

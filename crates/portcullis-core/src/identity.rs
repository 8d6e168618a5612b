//! Says who a request is from, for the layers behind the one that found out.
//!
//! The authentication layer puts an [`Identity`] into the request's extensions. CSRF asks it for
//! the source, a rate limit for the subject; where it is absent, each takes the strict course.

use std::{any::Any, fmt, sync::Arc};

use crate::{audit::IdHash, clock::Timestamp, store::TokenFacts};

/// Where the credential came from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Source {
    /// The `Authorization` header, which no other site can make a browser send.
    Bearer,
    /// A cookie, which a browser sends by itself: the request needs CSRF proof.
    Cookie,
}

/// A token that an authentication layer has verified, whatever library read it.
pub trait VerifiedToken: Any + Send + Sync {
    /// Whose it is, and what a revocation check needs to know.
    fn facts(&self) -> TokenFacts<'_>;

    /// When it expires.
    fn expires_at(&self) -> Timestamp;

    /// When its session ends at the latest, if it names one.
    fn session_ends_at(&self) -> Option<Timestamp>;
}

/// The verified sender of a request, free of any token library's types. Cloning is two counters.
///
/// # Example
///
/// ```
/// use portcullis_core::identity::{Identity, Source};
///
/// let identity = Identity::new("42", Some("the-session"), Source::Cookie);
/// assert_eq!((identity.subject(), identity.session()), ("42", Some("the-session")));
/// assert_ne!(identity, Identity::new("42", None, Source::Cookie));
/// ```
#[derive(Clone)]
pub struct Identity {
    who: Who,
    source: Source,
    context: Option<Arc<dyn Any + Send + Sync>>,
}

#[derive(Clone)]
enum Who {
    Named {
        subject: Arc<str>,
        session: Option<Arc<str>>,
    },
    Token(Arc<dyn VerifiedToken>),
}

impl Identity {
    /// The identity of `subject`, in `session` if the credential names one (`sid`).
    pub fn new(subject: &str, session: Option<&str>, source: Source) -> Self {
        let who = Who::Named {
            subject: subject.into(),
            session: session.map(Arc::from),
        };
        Self {
            who,
            source,
            context: None,
        }
    }

    /// The identity of whom `token` was issued to. Allocates nothing.
    pub const fn of_token(token: Arc<dyn VerifiedToken>, source: Source) -> Self {
        Self {
            who: Who::Token(token),
            source,
            context: None,
        }
    }

    /// Hands on what the authentication layer wants to find again, in the same extension.
    pub fn with_context(self, context: Arc<dyn Any + Send + Sync>) -> Self {
        let context = Some(context);
        Self { context, ..self }
    }

    /// The user id, as a string.
    pub fn subject(&self) -> &str {
        match &self.who {
            Who::Named { subject, .. } => subject,
            Who::Token(token) => token.facts().subject,
        }
    }

    /// The session id (`sid`), absent on tokens that Django issued.
    pub fn session(&self) -> Option<&str> {
        match &self.who {
            Who::Named { session, .. } => session.as_deref(),
            Who::Token(token) => token.facts().session,
        }
    }

    /// Where the credential came from.
    pub const fn source(&self) -> Source {
        self.source
    }

    /// The token, if it was one.
    pub const fn token(&self) -> Option<&Arc<dyn VerifiedToken>> {
        match &self.who {
            Who::Named { .. } => None,
            Who::Token(token) => Some(token),
        }
    }

    /// What the authentication layer handed on.
    pub const fn context(&self) -> Option<&Arc<dyn Any + Send + Sync>> {
        self.context.as_ref()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("subject", &self.subject())
            .field("session", &self.session().map(IdHash::of))
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// The same user in the same session, by the same kind of credential.
impl PartialEq for Identity {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
            && self.subject() == other.subject()
            && self.session() == other.session()
    }
}

impl Eq for Identity {}

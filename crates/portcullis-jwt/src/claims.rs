//! Holds what a verified token says.

use std::sync::Arc;

use portcullis_core::{clock::Timestamp, store::TokenFacts};

/// The member names that this crate reads or writes itself. Custom claims cannot use them.
pub const RESERVED: [&str; 13] = [
    "token_type",
    "exp",
    "iat",
    "nbf",
    "jti",
    "user_id",
    "sid",
    "gen",
    "sat",
    "sexp",
    "aud",
    "iss",
    "sub",
];

/// The session that a token of ours belongs to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SessionClaims {
    pub(crate) sid: Arc<str>,
    pub(crate) started: Timestamp,
    pub(crate) ends: Timestamp,
}

impl SessionClaims {
    /// The session id, `sid`: the refresh family.
    pub fn sid(&self) -> &str {
        &self.sid
    }

    /// The session id as shared text.
    pub fn shared_sid(&self) -> Arc<str> {
        self.sid.clone()
    }

    /// When the session began, on the store's clock in whole milliseconds: `sat`.
    pub const fn started_at(&self) -> Timestamp {
        self.started
    }

    /// When the session ends at the latest: `sexp`.
    pub const fn ends_at(&self) -> Timestamp {
        self.ends
    }
}

/// The claims that every token has. Cloning is three counters.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claims {
    pub(crate) subject: Arc<str>,
    pub(crate) jti: Arc<str>,
    pub(crate) issued: Option<Timestamp>,
    pub(crate) expires: Timestamp,
    pub(crate) session: Option<SessionClaims>,
}

impl Claims {
    /// The user id; an integer `user_id` as its decimal digits.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The user id as shared text.
    pub fn shared_subject(&self) -> Arc<str> {
        self.subject.clone()
    }

    /// The token's own id.
    pub fn jti(&self) -> &str {
        &self.jti
    }

    /// `iat`, where the token has one.
    pub const fn issued_at(&self) -> Option<Timestamp> {
        self.issued
    }

    /// `exp`.
    pub const fn expires_at(&self) -> Timestamp {
        self.expires
    }

    /// The session, absent on tokens that Django issued.
    pub const fn session(&self) -> Option<&SessionClaims> {
        self.session.as_ref()
    }

    /// What a revocation check needs to know.
    ///
    /// A token without `iat` counts as issued at the epoch: any not-before of its user ends it.
    pub fn facts(&self) -> TokenFacts<'_> {
        TokenFacts {
            subject: &self.subject,
            session: self.session.as_ref().map(SessionClaims::sid),
            jti: &self.jti,
            issued_at: self.issued.unwrap_or_default(),
            session_started: self.session.as_ref().map(SessionClaims::started_at),
        }
    }
}

/// A verified access token, with the application's own claims.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AccessClaims<C = ()> {
    pub(crate) base: Claims,
    pub(crate) custom: C,
}

impl<C> AccessClaims<C> {
    /// The claims that every token has.
    pub const fn base(&self) -> &Claims {
        &self.base
    }

    /// The application's claims: every member that is not in [`RESERVED`].
    pub const fn custom(&self) -> &C {
        &self.custom
    }
}

/// A verified refresh token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RefreshClaims {
    pub(crate) base: Claims,
    pub(crate) generation: Option<u64>,
}

impl RefreshClaims {
    /// The claims that every token has.
    pub const fn base(&self) -> &Claims {
        &self.base
    }

    /// The generation within the session, 0 at login; present exactly when the session is.
    pub const fn generation(&self) -> Option<u64> {
        self.generation
    }
}

//! Holds what a verified token says.

use std::fmt;

use portcullis_core::{
    audit::IdHash, clock::Timestamp, identity::VerifiedToken, store::TokenFacts,
};

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

/// The session that a token of ours belongs to. `Debug` hashes its id.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct SessionClaims<'a> {
    sid: &'a str,
    times: SessionTimes,
}

/// When a session began, and when it ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct SessionTimes {
    pub(crate) started: Timestamp,
    pub(crate) ends: Timestamp,
}

impl<'a> SessionClaims<'a> {
    /// The session id, `sid`: the refresh family.
    pub const fn sid(self) -> &'a str {
        self.sid
    }

    /// When the session began, on the store's clock in whole milliseconds: `sat`.
    pub const fn started_at(self) -> Timestamp {
        self.times.started
    }

    /// When the session ends at the latest: `sexp`.
    pub const fn ends_at(self) -> Timestamp {
        self.times.ends
    }
}

impl fmt::Debug for SessionClaims<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionClaims")
            .field("sid", &IdHash::of(self.sid))
            .field("times", &self.times)
            .finish()
    }
}

/// The claims that every token has. `Debug` hashes the ids of the token and of its session.
#[derive(Clone, Eq, PartialEq)]
pub struct Claims {
    ids: Ids,
    pub(crate) issued: Option<Timestamp>,
    pub(crate) expires: Timestamp,
    pub(crate) session: Option<SessionTimes>,
}

/// Three texts in one allocation: user id, `jti`, and the `sid` or nothing.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Ids {
    text: Box<str>,
    jti: usize,
    sid: usize,
}

impl Ids {
    pub(crate) fn new(subject: &str, jti: &str, sid: &str) -> Self {
        let mut text = String::with_capacity(subject.len() + jti.len() + sid.len());
        text.push_str(subject);
        text.push_str(jti);
        text.push_str(sid);
        Self {
            text: text.into_boxed_str(),
            jti: subject.len(),
            sid: subject.len() + jti.len(),
        }
    }
}

impl Claims {
    pub(crate) const fn new(
        ids: Ids,
        issued: Option<Timestamp>,
        expires: Timestamp,
        session: Option<SessionTimes>,
    ) -> Self {
        Self {
            ids,
            issued,
            expires,
            session,
        }
    }

    /// The user id; an integer `user_id` as its decimal digits.
    pub fn subject(&self) -> &str {
        &self.ids.text[..self.ids.jti]
    }

    /// The token's own id.
    pub fn jti(&self) -> &str {
        &self.ids.text[self.ids.jti..self.ids.sid]
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
    pub fn session(&self) -> Option<SessionClaims<'_>> {
        let sid = &self.ids.text[self.ids.sid..];
        self.session.map(|times| SessionClaims { sid, times })
    }

    /// What a revocation check needs to know.
    ///
    /// A token without `iat` counts as issued at the epoch: any not-before of its user ends it.
    pub fn facts(&self) -> TokenFacts<'_> {
        let session = self.session();
        TokenFacts {
            subject: self.subject(),
            session: session.map(SessionClaims::sid),
            jti: self.jti(),
            issued_at: self.issued.unwrap_or_default(),
            session_started: session.map(SessionClaims::started_at),
        }
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claims")
            .field("subject", &self.subject())
            .field("jti", &IdHash::of(self.jti()))
            .field("issued", &self.issued)
            .field("expires", &self.expires)
            .field("session", &self.session())
            .finish_non_exhaustive()
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

impl<C: Send + Sync + 'static> VerifiedToken for AccessClaims<C> {
    fn facts(&self) -> TokenFacts<'_> {
        self.base.facts()
    }

    fn expires_at(&self) -> Timestamp {
        self.base.expires
    }

    fn session_ends_at(&self) -> Option<Timestamp> {
        self.base.session.map(|times| times.ends)
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

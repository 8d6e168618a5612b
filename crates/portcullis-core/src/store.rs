//! The ports to whatever keeps sessions: families, revocations, the blacklist.
//!
//! Each is object-safe and used as `Arc<dyn Port>`, so that memory or Redis is chosen at run time.
//! Each method says what is atomic; an implementation that cannot keep that promise must answer
//! with an error instead.

use std::{error::Error, fmt, sync::Arc};

use crate::{
    answer::{Answer, BoxFuture},
    audit::IdHash,
    clock::Timestamp,
    rotation::{NewFamily, Opened, Presented, RevokeReason, RotationPolicy, Session, Verdict},
};

/// A store could not be reached, or answered with an error. Opaque; the source is kept.
#[derive(Clone, Debug)]
pub struct StoreError {
    what: &'static str,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// An error while doing `what` (for example `"rotate"`).
    pub fn new(what: &'static str, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            what,
            source: Some(Arc::from(source.into())),
        }
    }

    /// An error without an underlying one.
    pub const fn plain(what: &'static str) -> Self {
        Self { what, source: None }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the store failed: {}", self.what)
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// How far a write is known to have got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "an unconfirmed revocation has to be reported"]
pub enum Confirmation {
    /// As many replicas as demanded hold it (or none were demanded).
    Confirmed,
    /// The primary holds it; a failover now could forget it.
    Unconfirmed,
}

/// Keeps the refresh families. Every method is one atomic step.
pub trait FamilyStore: fmt::Debug + Send + Sync {
    /// Opens a family, and ends the user's oldest ones above
    /// [`RotationPolicy::max_families`] in the same step.
    ///
    /// The family counts as created after everything that [`revoke_all`](Self::revoke_all) ended,
    /// in the same millisecond too. An id that is in use is an error, and nothing is written.
    fn open(
        &self,
        family: &NewFamily<'_>,
        policy: &RotationPolicy,
    ) -> Answer<Result<Opened, StoreError>>;

    /// Decides what a presented refresh token gets, and records it in the same step.
    ///
    /// Time is the store's own. A token that is refused for reuse has ended its family, denied its
    /// session's access tokens and left the user's list when this answers.
    fn rotate(
        &self,
        presented: &Presented<'_>,
        policy: &RotationPolicy,
    ) -> Answer<Result<Verdict, StoreError>>;

    /// Ends one family and denies its access tokens; idempotent, also for an unknown one.
    ///
    /// An error does not say that nothing was done. A repetition makes good whatever is left, up
    /// to telling other processes of a family that has ended already.
    fn revoke(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answer<Result<Confirmation, StoreError>>;

    /// As [`revoke`](Self::revoke), but only a family that the store knows: living, or ended and
    /// short of its absolute end. `None` for any other id, of which nothing is kept.
    ///
    /// For ids that a client has chosen.
    fn revoke_known(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answer<Result<Option<Confirmation>, StoreError>>;

    /// Ends every family of `subject` opened until now, and denies their access tokens; O(1).
    ///
    /// "Until now" is the order of the steps: a family that counts as younger than the clock, as
    /// one opened in the millisecond of an earlier call does, is ended too.
    fn revoke_all(
        &self,
        subject: &str,
        policy: &RotationPolicy,
    ) -> Answer<Result<Confirmation, StoreError>>;

    /// The living families of `subject`, newest first.
    fn list(&self, subject: &str) -> Answer<Result<Vec<Session>, StoreError>>;
}

/// What a revocation check needs to know of a verified token. `Debug` hashes both ids.
#[derive(Clone, Copy)]
pub struct TokenFacts<'a> {
    /// The user id.
    pub subject: &'a str,
    /// The session (`sid`), absent on Django's tokens.
    pub session: Option<&'a str>,
    /// The token's own id.
    pub jti: &'a str,
    /// `iat`.
    pub issued_at: Timestamp,
    /// `sat`, the creation of the family on the store's clock; only with a session.
    pub session_started: Option<Timestamp>,
}

impl fmt::Debug for TokenFacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenFacts")
            .field("subject", &self.subject)
            .field("session", &self.session.map(IdHash::of))
            .field("jti", &IdHash::of(self.jti))
            .field("issued_at", &self.issued_at)
            .field("session_started", &self.session_started)
            .finish()
    }
}

/// Answers whether a verified access token still counts.
pub trait Revocations: fmt::Debug + Send + Sync {
    /// Whether the token's `sid`, `jti`, or user (by not-before) is revoked.
    ///
    /// A token with a session is compared by [`TokenFacts::session_started`]; one without, by
    /// `issued_at`, and is refused up to 5 s after the not-before.
    fn is_revoked(&self, token: &TokenFacts<'_>) -> Answer<Result<bool, StoreError>>;

    /// Denies one access token until `expires`.
    fn deny(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>>;

    /// A future that ends when the token is revoked; `None` from a store that is not told of
    /// revocations as they happen, and so cannot guard a stream.
    fn watch(&self, token: &TokenFacts<'_>) -> Option<BoxFuture<()>>;
}

/// Keeps single refresh `jti`s that Django issued and that must not be used again.
pub trait Blacklist: fmt::Debug + Send + Sync {
    /// Whether `jti` is listed.
    fn contains(&self, subject: &str, jti: &str) -> Answer<Result<bool, StoreError>>;

    /// Lists `jti` until `expires`; idempotent.
    fn add(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>>;
}

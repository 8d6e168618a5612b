//! Reports security events: who logged in, what was refused, which session was stolen.
//!
//! Events carry user ids and hashes of session ids ([`IdHash`]), never a token, a cookie or a
//! password. What others have chosen is [`printable`].

use std::{
    fmt,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use crate::clock::Timestamp;

mod id_hash;
mod printable;

#[cfg(test)]
mod tests;

pub use id_hash::IdHash;
pub use printable::printable;

/// What happened.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AuditKind {
    /// A token that Django issued was taken into a family.
    Adopted,
    /// The keys that verify tokens were replaced by those that another server publishes.
    KeysChanged,
    /// The keys that another server publishes could not be fetched, or not used.
    KeysUnavailable,
    /// A login that was refused.
    LoginFailed,
    /// A login that opened a family.
    LoginSucceeded,
    /// A session was ended by its user.
    Logout,
    /// Every session of a user was ended.
    LogoutAll,
    /// A refresh whose response had been lost was made good.
    LostRecovered,
    /// A request that a gate refused.
    Refused,
    /// A refresh that rotated, or repeated a rotation.
    Refreshed,
    /// A refresh token was used that had been replaced: the family is dead.
    Reuse,
    /// Other processes could not be told of a revocation; it is tried again.
    RevocationOwed,
    /// A replica did not confirm a revocation in time.
    RevocationUnconfirmed,
    /// Other processes were not told of a revocation, and will not be.
    RevocationUntold,
    /// A store could not be reached, or answered with an error.
    StoreFailed,
    /// The store had forgotten a rotation.
    StoreRolledBack,
}

impl AuditKind {
    /// The name of the event in logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adopted => "adopted",
            Self::KeysChanged => "keys_changed",
            Self::KeysUnavailable => "keys_unavailable",
            Self::LoginFailed => "login_failed",
            Self::LoginSucceeded => "login_succeeded",
            Self::Logout => "logout",
            Self::LogoutAll => "logout_all",
            Self::LostRecovered => "lost_recovered",
            Self::Refused => "refused",
            Self::Refreshed => "refreshed",
            Self::Reuse => "reuse",
            Self::RevocationOwed => "revocation_owed",
            Self::RevocationUnconfirmed => "revocation_unconfirmed",
            Self::RevocationUntold => "revocation_untold",
            Self::StoreFailed => "store_failed",
            Self::StoreRolledBack => "store_rolled_back",
        }
    }
}

/// One event; the fields that do not apply are empty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuditEvent {
    /// What happened.
    pub kind: AuditKind,
    /// When.
    pub at: Timestamp,
    /// The user id, [`printable`].
    pub subject: Option<String>,
    /// What stands for the session id (`sid`), or for the `jti` of a token that has none.
    pub session: Option<IdHash>,
    /// The client's address.
    pub address: Option<IpAddr>,
    /// A code or a comparison that explains the event, free of secrets and [`printable`].
    pub reason: Option<String>,
}

impl AuditEvent {
    /// An event of `kind` at `at`, nothing else known yet.
    pub fn new(kind: AuditKind, at: Timestamp) -> Self {
        Self {
            kind,
            at,
            subject: None,
            session: None,
            address: None,
            reason: None,
        }
    }

    /// Names the user; control characters are escaped.
    pub fn with_subject(self, subject: impl AsRef<str>) -> Self {
        Self {
            subject: Some(printable(subject.as_ref()).into_owned()),
            ..self
        }
    }

    /// Names the session with the id `sid` by its hash.
    ///
    /// ```
    /// # use portcullis_core::{
    /// #     audit::{AuditEvent, AuditKind, IdHash}, clock::Timestamp,
    /// # };
    /// let event = AuditEvent::new(AuditKind::Logout, Timestamp::from_secs(1));
    /// let event = event.with_session("the-session");
    /// assert_eq!(event.session, Some(IdHash::of("the-session")));
    /// assert!(!format!("{event:?}").contains("the-session"));
    /// ```
    pub fn with_session(self, sid: impl AsRef<str>) -> Self {
        Self {
            session: Some(IdHash::of(sid.as_ref())),
            ..self
        }
    }

    /// Names the client's address.
    pub fn with_address(self, address: Option<IpAddr>) -> Self {
        Self { address, ..self }
    }

    /// Gives the reason; control characters are escaped.
    pub fn with_reason(self, reason: impl AsRef<str>) -> Self {
        Self {
            reason: Some(printable(reason.as_ref()).into_owned()),
            ..self
        }
    }
}

/// Receives security events. Called on the request path: it must not block.
pub trait AuditSink: Send + Sync {
    /// Takes `event`.
    fn record(&self, event: AuditEvent);
}

impl<F: Fn(AuditEvent) + Send + Sync> AuditSink for F {
    fn record(&self, event: AuditEvent) {
        self(event);
    }
}

/// Two sinks that both hear of every event.
///
/// ```
/// use portcullis_core::{
///     audit::{AuditEvent, AuditKind, AuditSink, MemoryAudit, NoAudit},
///     clock::Timestamp,
/// };
/// use std::sync::Arc;
///
/// let kept = Arc::new(MemoryAudit::default());
/// let both = (NoAudit, kept.clone());
/// both.record(AuditEvent::new(AuditKind::Logout, Timestamp::from_secs(1)));
/// assert_eq!(kept.kinds(), [AuditKind::Logout]);
/// ```
impl<A: AuditSink, B: AuditSink> AuditSink for (A, B) {
    fn record(&self, event: AuditEvent) {
        self.0.record(event.clone());
        self.1.record(event);
    }
}

impl<A: AuditSink + ?Sized> AuditSink for std::sync::Arc<A> {
    fn record(&self, event: AuditEvent) {
        (**self).record(event);
    }
}

/// A sink that drops every event.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoAudit;

impl AuditSink for NoAudit {
    fn record(&self, _: AuditEvent) {}
}

/// A sink that keeps the newest events in memory, for tests.
///
/// # Example
///
/// ```
/// use portcullis_core::{audit::{AuditEvent, AuditKind, AuditSink, MemoryAudit}, clock::Timestamp};
///
/// let audit = MemoryAudit::default();
/// audit.record(AuditEvent::new(AuditKind::Logout, Timestamp::from_secs(1)).with_subject("42"));
/// assert_eq!(audit.events()[0].subject.as_deref(), Some("42"));
/// ```
#[derive(Default)]
pub struct MemoryAudit(Mutex<Vec<AuditEvent>>);

impl MemoryAudit {
    /// How many events are kept; older ones are dropped.
    pub const CAPACITY: usize = 10_000;

    /// The events so far, oldest first.
    pub fn events(&self) -> Vec<AuditEvent> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// The kinds of the events so far, oldest first.
    pub fn kinds(&self) -> Vec<AuditKind> {
        self.events().iter().map(|event| event.kind).collect()
    }
}

impl AuditSink for MemoryAudit {
    fn record(&self, event: AuditEvent) {
        let mut events = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if events.len() == Self::CAPACITY {
            events.remove(0);
        }
        events.push(event);
    }
}

impl fmt::Debug for MemoryAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemoryAudit({} events)", self.events().len())
    }
}

//! Families, revocations and the blacklist of one process.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::Waker,
};

use crate::{
    answer::{Answer, BoxFuture},
    clock::{Clock, Timestamp},
    rotation::{NewFamily, Opened, Presented, RevokeReason, RotationPolicy, Session, Verdict},
    store::{Blacklist, Confirmation, FamilyStore, Revocations, StoreError, TokenFacts},
};

use state::State;

mod expiry;
mod families;
mod state;
mod watch;

#[cfg(test)]
mod tests;

/// Keeps refresh families, revocations and the blacklist of one process, under one lock.
///
/// Every answer is there at once, every method is one atomic step, and a revocation wakes its
/// watchers before it answers. Nothing survives the process; so that a restart cannot revive a
/// session that was logged out, access tokens of a session that began before the store was made
/// are refused, unless the store itself adopted that session and it lives.
///
/// # Bounds
///
/// Expired entries are dropped as others are used, a few at a time. What is full refuses, and
/// nothing that still denies is evicted to make room:
///
/// | kept | bound | when full |
/// |---|---|---|
/// | families, living or ended | [`with_max_families`] | login and adoption are errors |
/// | marks: other revocations | [`with_max_marks`] | the revocation is an error |
/// | watches | [`with_max_watches`] | a further watch ends at once |
/// | a user's ended families | four times the policy's `max_families` | the useless go |
///
/// Marks are denied and blacklisted ids, cuts of all the user's sessions, and tombstones of
/// families that were not known. Ending a known family needs no room. An ended family is useless
/// once its access tokens have expired: what it refused is then refused as unknown.
///
/// [`with_max_families`]: Self::with_max_families
/// [`with_max_marks`]: Self::with_max_marks
/// [`with_max_watches`]: Self::with_max_watches
///
/// # Security
///
/// A clock that goes back makes sessions live as much longer; it never brings one back.
///
/// # Example
///
/// ```
/// use portcullis_core::{
///     clock::SystemClock,
///     memory::MemorySessions,
///     rotation::{NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId, Verdict},
///     store::FamilyStore,
/// };
/// use std::sync::Arc;
///
/// let store = MemorySessions::new(Arc::new(SystemClock));
/// let policy = RotationPolicy::default();
/// let sid = SessionId::random()?;
/// let family = NewFamily { subject: "42", sid: &sid, key_version: 1, label: Some("Firefox") };
/// store.open(&family, &policy).into_now().unwrap()?;
///
/// let presented = Presented { subject: "42", sid: sid.as_str(), generation: 0, adoption: None };
/// let granted = store.rotate(&presented, &policy).into_now().unwrap()?;
/// assert!(matches!(granted, Verdict::Granted(_)));
///
/// let _ = store.revoke("42", sid.as_str(), RevokeReason::Logout, &policy).into_now().unwrap()?;
/// let refused = store.rotate(&presented, &policy).into_now().unwrap()?;
/// assert_eq!(refused, Verdict::Refused(Refusal::Revoked(RevokeReason::Logout)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct MemorySessions {
    clock: Arc<dyn Clock>,
    state: Shared,
}

/// The state, shared with the watches that outlive a borrow of the store.
type Shared = Arc<Mutex<State>>;

impl MemorySessions {
    /// An empty store: 200,000 families, 200,000 marks and 100,000 watches at most.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        let state = Arc::new(Mutex::new(State::new(clock.now())));
        Self { clock, state }
    }

    /// Bounds the families that are kept, living or ended; some 400 bytes each.
    #[must_use]
    pub fn with_max_families(self, families: usize) -> Self {
        self.locked().max_families = families;
        self
    }

    /// Bounds the denied and blacklisted ids, the cuts of all the user's sessions and the
    /// tombstones of unknown families; some 200 bytes each.
    #[must_use]
    pub fn with_max_marks(self, marks: usize) -> Self {
        self.locked().max_marks = marks;
        self
    }

    /// Bounds the watches, one per guarded stream.
    #[must_use]
    pub fn with_max_watches(self, watches: usize) -> Self {
        self.locked().watches.max = watches;
        self
    }

    /// How many entries are kept: families, marks and watches together.
    ///
    /// ```
    /// # use portcullis_core::{clock::SystemClock, memory::MemorySessions};
    /// assert_eq!(MemorySessions::new(std::sync::Arc::new(SystemClock)).entries(), 0);
    /// ```
    pub fn entries(&self) -> usize {
        let state = self.locked();
        state.families + state.marks + state.watches.len()
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Takes one step at one instant, then wakes the watchers that it ended, without the lock.
    fn step<T>(&self, take: impl FnOnce(&mut State, Timestamp, &mut Vec<Waker>) -> T) -> Answer<T> {
        let mut woken = Vec::new();
        let mut state = self.locked();
        let now = self.clock.now();
        state.sweep(now, expiry::PER_STEP);
        let value = take(&mut state, now, &mut woken);
        drop(state);
        woken.into_iter().for_each(Waker::wake);
        Answer::now(value)
    }
}

impl FamilyStore for MemorySessions {
    fn open(
        &self,
        family: &NewFamily<'_>,
        policy: &RotationPolicy,
    ) -> Answer<Result<Opened, StoreError>> {
        self.step(|state, now, woken| state.open(family, policy, now, woken))
    }

    fn rotate(
        &self,
        presented: &Presented<'_>,
        policy: &RotationPolicy,
    ) -> Answer<Result<Verdict, StoreError>> {
        self.step(|state, now, woken| state.rotate(presented, policy, now, woken))
    }

    fn revoke(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answer<Result<Confirmation, StoreError>> {
        self.step(|state, now, woken| state.revoke((subject, sid), reason, policy, now, woken))
    }

    fn revoke_known(
        &self,
        subject: &str,
        sid: &str,
        reason: RevokeReason,
        policy: &RotationPolicy,
    ) -> Answer<Result<Option<Confirmation>, StoreError>> {
        self.step(|state, now, woken| {
            if !state.knows((subject, sid), now) {
                return Ok(None);
            }
            let revoked = state.revoke((subject, sid), reason, policy, now, woken);
            revoked.map(Some)
        })
    }

    fn revoke_all(
        &self,
        subject: &str,
        policy: &RotationPolicy,
    ) -> Answer<Result<Confirmation, StoreError>> {
        self.step(|state, now, woken| state.revoke_all(subject, policy, now, woken))
    }

    fn list(&self, subject: &str) -> Answer<Result<Vec<Session>, StoreError>> {
        self.step(|state, now, _| Ok(state.list(subject, now)))
    }
}

impl Revocations for MemorySessions {
    fn is_revoked(&self, token: &TokenFacts<'_>) -> Answer<Result<bool, StoreError>> {
        let state = self.locked();
        Answer::now(Ok(state.is_revoked(token, self.clock.now())))
    }

    fn deny(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>> {
        self.step(|state, now, woken| {
            state.mark(state::Kind::Denied, (subject, jti), expires, now)?;
            state.wake_revoked(subject, now, woken);
            Ok(Confirmation::Confirmed)
        })
    }

    fn watch(&self, token: &TokenFacts<'_>) -> Option<BoxFuture<()>> {
        Some(Box::pin(watch::Watch::new(
            &self.state,
            token,
            self.clock.now(),
        )))
    }
}

impl Blacklist for MemorySessions {
    fn contains(&self, subject: &str, jti: &str) -> Answer<Result<bool, StoreError>> {
        let state = self.locked();
        Answer::now(Ok(state.is_listed(subject, jti, self.clock.now())))
    }

    fn add(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>> {
        self.step(|state, now, _| {
            state.mark(state::Kind::Listed, (subject, jti), expires, now)?;
            Ok(Confirmation::Confirmed)
        })
    }
}

impl fmt::Debug for MemorySessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.locked();
        f.debug_struct("MemorySessions")
            .field("families", &state.families)
            .field("marks", &state.marks)
            .field("watches", &state.watches.len())
            .finish_non_exhaustive()
    }
}

/// No step leaves the state half-written, so a waker that panicked elsewhere costs nothing.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

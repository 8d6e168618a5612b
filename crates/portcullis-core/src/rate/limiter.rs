//! Takes several limits at once under hashed keys, and gives back what was not used.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    breaker::Breaker,
    few::Few,
    key_hash::{KeyHash, LimitId, Subject},
    limit::{Charge, id_of},
    memo::DenyMemo,
    outcome::{MadeBy, Outcome, Reservation},
    quota::QuotaError,
    store::{Counted, LimitState, RateKey, RateStore, Take},
};
use crate::{
    answer::Answer,
    audit::{AuditSink, NoAudit},
    clock::{Clock, SystemClock},
    keys::DerivedKey,
    memory::MemoryRateStore,
    store::StoreError,
};

mod ask;
#[cfg(test)]
mod tests;

/// Decides over several limits at once, against one store; cloning is cheap.
///
/// A store that answers at once is simply asked. Round a store that has to be waited for there is
/// a deadline, a breaker that stops asking a dead one, and a memory of what it has just refused.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
#[must_use]
pub struct Limiter {
    store: Arc<dyn RateStore>,
    is_local: bool,
    hash: KeyHash,
    failures: LimitId,
    clock: Arc<dyn Clock>,
    audit: Arc<dyn AuditSink>,
    settings: Settings,
    shared: Arc<Shared>,
}

/// What a limiter does when its store cannot be reached, or misses the deadline.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnStoreFailure {
    /// Lets everything through. Not for a limit that protects a password or a secret.
    Admit,
    /// Decides in this process alone, starting empty, each node with its share
    /// ([`Limiter::with_expected_nodes`]).
    #[default]
    LocalFallback,
    /// Answers with the error: a gate says 503.
    Reject,
}

#[derive(Clone, Copy)]
struct Settings {
    deadline: Duration,
    failure_cap: u32,
    failure_ttl: Duration,
    memo_cap: Duration,
    nodes: u32,
    on_failure: OnStoreFailure,
}

/// What the clones of a limiter have in common.
struct Shared {
    breaker: Breaker,
    fallback: MemoryRateStore,
    memo: DenyMemo,
}

impl Shared {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            breaker: Breaker::default(),
            fallback: MemoryRateStore::new(clock),
            memo: DenyMemo::default(),
        }
    }
}

impl Limiter {
    /// How many consecutive failures are counted at most, unless configured lower
    /// (NIST SP 800-63B-4 §3.2.2).
    pub const MAX_FAILURES: u32 = 100;

    /// How long a failure counter is kept after its last failure.
    pub const FAILURE_TTL: Duration = Duration::from_secs(400 * 24 * 3600);

    /// How long a store may take unless configured.
    pub const DEADLINE: Duration = Duration::from_millis(50);

    /// How long a refusal is remembered at most unless configured.
    pub const MEMO_CAP: Duration = Duration::from_secs(1);

    /// A limiter over `store`, whose keys are hashed under `key`
    /// ([`Purpose::Limiter`](crate::keys::Purpose::Limiter)).
    ///
    /// In a store that stays in this process ([`RateStore::is_local`]) a hash that is keyed at
    /// random stands in for the HMAC, which costs more than all the rest of a decision.
    pub fn new(store: Arc<dyn RateStore>, key: DerivedKey) -> Self {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        Self {
            is_local: store.is_local(),
            hash: KeyHash::new(key, store.is_local()),
            failures: id_of(b'n', "failures"),
            store,
            shared: Arc::new(Shared::new(clock.clone())),
            clock,
            audit: Arc::new(NoAudit),
            settings: Settings {
                deadline: Self::DEADLINE,
                failure_cap: Self::MAX_FAILURES,
                failure_ttl: Self::FAILURE_TTL,
                memo_cap: Self::MEMO_CAP,
                nodes: 1,
                on_failure: OnStoreFailure::default(),
            },
        }
    }

    /// Measures the deadline, the breaker and the local fallback by `clock`; limits themselves are
    /// measured by the store.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self {
            shared: Arc::new(Shared::new(clock.clone())),
            clock,
            ..self
        }
    }

    /// Reports to `audit` when the store stops answering.
    pub fn with_audit(self, audit: Arc<dyn AuditSink>) -> Self {
        Self { audit, ..self }
    }

    /// What happens when the store cannot decide.
    pub fn with_on_store_failure(mut self, on_failure: OnStoreFailure) -> Self {
        self.settings.on_failure = on_failure;
        self
    }

    /// How many processes share the store: on their own, each admits its part of every quota.
    pub fn with_expected_nodes(mut self, nodes: u32) -> Self {
        self.settings.nodes = nodes;
        self
    }

    /// How long the store may take for a decision, the wait for a connection included.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.settings.deadline = deadline;
        self
    }

    /// How long a refusal of a remote store is remembered at most; zero turns that off.
    ///
    /// A refund on another node is noticed that much later.
    pub fn with_memo_cap(mut self, cap: Duration) -> Self {
        self.settings.memo_cap = cap;
        self
    }

    /// Counts at most `cap` consecutive failures.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] unless `cap` lies between 1 and [`MAX_FAILURES`](Self::MAX_FAILURES).
    pub fn with_failure_cap(mut self, cap: u32) -> Result<Self, QuotaError> {
        if cap == 0 || cap > Self::MAX_FAILURES {
            return Err(QuotaError::failure_cap(cap));
        }
        self.settings.failure_cap = cap;
        Ok(self)
    }

    /// The cap on consecutive failures.
    pub const fn failure_cap(&self) -> u32 {
        self.settings.failure_cap
    }

    /// Charges all of `charges`, or none when one refuses.
    ///
    /// Without a charge everything is admitted. At most
    /// [`MAX_CHARGES`](super::MAX_CHARGES) in one decision, and no
    /// limit twice for one key: both are errors, as they cannot be decided.
    pub fn reserve(&self, charges: &[Charge<'_>]) -> Answer<Result<Outcome, StoreError>> {
        let takes = match self.takes(charges) {
            Ok(takes) => takes,
            Err(error) => return Answer::now(Err(error)),
        };
        if takes.is_empty() {
            return Answer::now(Ok(Outcome::uncharged()));
        }
        self.decide(takes)
    }

    /// Charges `charge` for good, in a store that is in this process.
    ///
    /// Less work than [`reserve`](Self::reserve), which takes over (`None`) for any other store: it
    /// may admit at an instant that is a little old ([`RateStore::take_one`]).
    ///
    /// # Errors
    ///
    /// [`LimitState`], where the limit stands that refuses.
    pub fn charge(&self, charge: &Charge<'_>) -> Option<Result<(), LimitState>> {
        if !self.is_local {
            return None;
        }
        self.store.take_one(&self.take_of(charge))
    }

    /// Gives back what is still undrained of `reservation`; best effort.
    pub fn refund(&self, reservation: Reservation) -> Answer<Result<(), StoreError>> {
        let (refunds, made_by) = reservation.into_refunds();
        if refunds.is_empty() {
            return Answer::now(Ok(()));
        }
        if made_by == MadeBy::Fallback {
            return self.shared.fallback.refund(&refunds);
        }
        for refund in refunds.iter() {
            self.shared.memo.forget(&refund.key);
        }
        self.ask(|store| store.refund(&refunds))
    }

    /// Forgets all that was charged to `charges`, whoever was charged: after a successful login,
    /// for the failure limits of that account, never for those of an address.
    pub fn clear(&self, charges: &[Charge<'_>]) -> Answer<Result<(), StoreError>> {
        match self.takes(charges) {
            Ok(takes) => {
                let keys: Few<RateKey> = takes.iter().map(|take| take.key).collect();
                self.clear_keys(&keys)
            }
            Err(error) => Answer::now(Err(error)),
        }
    }

    /// How many failures in a row are counted for `key`.
    ///
    /// # Security
    ///
    /// The counter has no fallback: whoever cannot read it does not know that the cap is not
    /// reached, and refuses.
    pub fn failures(&self, key: &[&[u8]]) -> Answer<Result<u32, StoreError>> {
        let key = self.hash.key(&self.failures, Subject::Parts(key));
        self.ask(|store| store.failures(&key))
    }

    /// Counts one failure for `key`, unless [`failure_cap`](Self::failure_cap) is reached.
    ///
    /// Nothing refills this counter. To bound parallel attempts, count before the attempt and
    /// [`clear_failures`](Self::clear_failures) when it succeeds.
    pub fn record_failure(&self, key: &[&[u8]]) -> Answer<Result<Counted, StoreError>> {
        let key = self.hash.key(&self.failures, Subject::Parts(key));
        let Settings {
            failure_cap: cap,
            failure_ttl: ttl,
            ..
        } = self.settings;
        self.ask(|store| store.record_failure(&key, cap, ttl))
    }

    /// Sets the counter of `key` back to zero.
    pub fn clear_failures(&self, key: &[&[u8]]) -> Answer<Result<(), StoreError>> {
        self.clear_keys(&[self.hash.key(&self.failures, Subject::Parts(key))])
    }

    fn clear_keys(&self, keys: &[RateKey]) -> Answer<Result<(), StoreError>> {
        for key in keys {
            self.shared.memo.forget(key);
        }
        // The stand-in answers at once; what it held of these keys is gone too.
        drop(self.shared.fallback.clear(keys));
        self.ask(|store| store.clear(keys))
    }

    fn takes(&self, charges: &[Charge<'_>]) -> Result<Few<Take>, StoreError> {
        if let [charge] = charges {
            return Ok(Few::from(self.take_of(charge)));
        }
        let mut takes = Few::<Take>::default();
        for charge in charges {
            let take = self.take_of(charge);
            if takes.iter().any(|earlier| earlier.key == take.key) {
                return Err(StoreError::plain("a limit was charged twice for one key"));
            }
            takes
                .push(take)
                .map_err(|_| StoreError::plain("more than 8 limits in one decision"))?;
        }
        Ok(takes)
    }

    fn take_of(&self, charge: &Charge<'_>) -> Take {
        let limit = charge.limit;
        Take {
            key: self.hash.key(limit.id(), charge.subject),
            quota: limit.quota(),
            cost: charge.cost,
            shadow: limit.is_shadow(),
        }
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

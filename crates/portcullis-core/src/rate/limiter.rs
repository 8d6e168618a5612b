//! Takes several limits at once under hashed keys, and gives back what was not used.

use std::{fmt, sync::Arc, time::Duration};

use super::{
    few::{Few, MAX_CHARGES},
    limit::Charge,
    quota::{QuotaError, QuotaKind},
    store::{Counted, LimitState, RateKey, RateStore, Refund, Take, Taken},
};
use crate::{answer::Answer, keys::DerivedKey, store::StoreError};

#[cfg(test)]
mod tests;

/// Decides over several limits at once, against one store; cloning is a counter.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
#[must_use]
pub struct Limiter {
    store: Arc<dyn RateStore>,
    key: DerivedKey,
    failure_cap: u32,
    failure_ttl: Duration,
}

/// What a decision came to.
#[derive(Debug)]
#[allow(clippy::large_enum_variant)] // a box would be an allocation for every admitted request
#[must_use = "a refused request must not go on"]
pub enum Outcome {
    /// Every limit was charged.
    Admitted(Reservation),
    /// At least one limit refused, and nothing was charged.
    Refused {
        /// Until the same charges would be admitted, if nobody else is charged before.
        retry_after: Duration,
        /// Where each limit stands, in the order of the charges.
        states: Few<LimitState>,
    },
}

/// Charges that were made, and may be given back once.
///
/// Dropping it keeps them: a lost refund restricts, it never admits.
#[derive(Debug)]
#[must_use = "dropping a reservation keeps its charges"]
pub struct Reservation {
    takes: Few<Take>,
    states: Few<LimitState>,
}

impl Reservation {
    /// Where each limit stands, in the order of the charges; empty when no store was asked.
    pub fn states(&self) -> &[LimitState] {
        &self.states
    }

    /// Leaves out of a refund every charge for which `give_back` says no; it gets the index.
    pub fn retain(&mut self, mut give_back: impl FnMut(usize) -> bool) {
        let kept = |index: &usize| give_back(*index);
        let indices: Few<usize> = (0..self.takes.len()).filter(kept).collect();
        self.takes = indices.iter().map(|&index| self.takes[index]).collect();
        self.states = indices.iter().map(|&index| self.states[index]).collect();
    }

    fn into_refunds(self) -> Few<Refund> {
        let Self { takes, states } = self;
        let charged = takes.iter().zip(states.iter());
        charged
            .filter(|(_, state)| !state.refused)
            .map(|(take, state)| Refund {
                key: take.key,
                quota: take.quota,
                cost: take.cost,
                mark: state.mark,
            })
            .collect()
    }
}

impl Limiter {
    /// How many consecutive failures are counted at most, unless configured lower
    /// (NIST SP 800-63B-4 §3.2.2).
    pub const MAX_FAILURES: u32 = 100;

    /// How long a failure counter is kept after its last failure.
    pub const FAILURE_TTL: Duration = Duration::from_secs(400 * 24 * 3600);

    /// A limiter over `store`, whose keys are hashed under `key`
    /// ([`Purpose::Limiter`](crate::keys::Purpose::Limiter)).
    pub fn new(store: Arc<dyn RateStore>, key: DerivedKey) -> Self {
        Self {
            store,
            key,
            failure_cap: Self::MAX_FAILURES,
            failure_ttl: Self::FAILURE_TTL,
        }
    }

    /// Counts at most `cap` consecutive failures.
    ///
    /// # Errors
    ///
    /// [`QuotaError`] unless `cap` lies between 1 and [`MAX_FAILURES`](Self::MAX_FAILURES).
    pub fn with_failure_cap(self, cap: u32) -> Result<Self, QuotaError> {
        if cap == 0 || cap > Self::MAX_FAILURES {
            return Err(QuotaError::failure_cap(cap));
        }
        Ok(Self {
            failure_cap: cap,
            ..self
        })
    }

    /// The cap on consecutive failures.
    pub const fn failure_cap(&self) -> u32 {
        self.failure_cap
    }

    /// Charges all of `charges`, or none when one refuses.
    ///
    /// Without a charge everything is admitted. At most [`MAX_CHARGES`] in one decision, and no
    /// limit twice for one key: both are errors, as they cannot be decided.
    pub fn reserve(&self, charges: &[Charge<'_>]) -> Answer<Result<Outcome, StoreError>> {
        let takes = match self.takes(charges) {
            Ok(takes) => takes,
            Err(error) => return Answer::now(Err(error)),
        };
        if takes.is_empty() {
            return Answer::now(Ok(outcome(&takes, &Taken::admitting())));
        }
        let answer = self.store.take(&takes);
        answer.map(move |taken| taken.map(|taken| outcome(&takes, &taken)))
    }

    /// Gives back what is still undrained of `reservation`; best effort.
    pub fn refund(&self, reservation: Reservation) -> Answer<Result<(), StoreError>> {
        let refunds = reservation.into_refunds();
        if refunds.is_empty() {
            return Answer::now(Ok(()));
        }
        self.store.refund(&refunds)
    }

    /// Forgets all that was charged to `charges`, whoever was charged: after a successful login,
    /// for the failure limits of that account, never for those of an address.
    pub fn clear(&self, charges: &[Charge<'_>]) -> Answer<Result<(), StoreError>> {
        match self.takes(charges) {
            Ok(takes) => {
                let keys: Few<RateKey> = takes.iter().map(|take| take.key).collect();
                self.store.clear(&keys)
            }
            Err(error) => Answer::now(Err(error)),
        }
    }

    /// How many failures in a row are counted for `key`.
    pub fn failures(&self, key: &[&[u8]]) -> Answer<Result<u32, StoreError>> {
        self.store.failures(&self.hash(b"failures", b"n", key))
    }

    /// Counts one failure for `key`, unless [`failure_cap`](Self::failure_cap) is reached.
    ///
    /// Nothing refills this counter. To bound parallel attempts, count before the attempt and
    /// [`clear_failures`](Self::clear_failures) when it succeeds.
    pub fn record_failure(&self, key: &[&[u8]]) -> Answer<Result<Counted, StoreError>> {
        let key = self.hash(b"failures", b"n", key);
        self.store
            .record_failure(&key, self.failure_cap, self.failure_ttl)
    }

    /// Sets the counter of `key` back to zero.
    pub fn clear_failures(&self, key: &[&[u8]]) -> Answer<Result<(), StoreError>> {
        self.store.clear(&[self.hash(b"failures", b"n", key)])
    }

    fn takes(&self, charges: &[Charge<'_>]) -> Result<Few<Take>, StoreError> {
        let mut takes = Few::<Take>::default();
        for charge in charges {
            let quota = charge.limit.quota();
            let kind: &[u8] = match quota.kind() {
                QuotaKind::Gcra => b"g",
                QuotaKind::Log => b"w",
            };
            let take = Take {
                key: self.hash(charge.limit.name().as_bytes(), kind, charge.key),
                quota,
                cost: charge.cost,
                shadow: charge.limit.is_shadow(),
            };
            if takes.iter().any(|earlier| earlier.key == take.key) {
                return Err(StoreError::plain("a limit was charged twice for one key"));
            }
            takes
                .push(take)
                .map_err(|_| StoreError::plain("more than 8 limits in one decision"))?;
        }
        Ok(takes)
    }

    /// The first 128 bits of the MAC over the limit's name, its way of counting and the key.
    fn hash(&self, name: &[u8], kind: &[u8], key: &[&[u8]]) -> RateKey {
        let mut parts: [&[u8]; MAX_CHARGES] = [b""; MAX_CHARGES];
        let mac = if let Some(used) = parts.get_mut(..key.len() + 2) {
            used[0] = name;
            used[1] = kind;
            used[2..].copy_from_slice(key);
            self.key.mac(used)
        } else {
            self.key.mac(&[&[name, kind][..], key].concat())
        };
        let mut hash = [0; 16];
        hash.copy_from_slice(&mac[..16]);
        RateKey::from_hash(hash)
    }
}

impl fmt::Debug for Limiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Limiter")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

impl Taken {
    /// Admits without having asked anyone.
    fn admitting() -> Self {
        Self {
            admitted: true,
            ..Self::default()
        }
    }
}

fn outcome(takes: &Few<Take>, verdict: &Taken) -> Outcome {
    if verdict.admitted {
        Outcome::Admitted(Reservation {
            takes: *takes,
            states: verdict.states,
        })
    } else {
        Outcome::Refused {
            retry_after: verdict.retry_after(takes),
            states: verdict.states,
        }
    }
}

//! The port to whatever keeps the state of the limits.

use std::{
    fmt,
    hash::{Hash, Hasher},
    slice,
    time::Duration,
};

use super::{
    few::Few,
    quota::{Quota, QuotaKind},
};
use crate::{answer::Answer, clock::Timestamp, store::StoreError};

/// 128 bits that name one counted thing under one limit.
///
/// For a store outside this process they are a keyed hash, which tells nothing personal. For one
/// [inside](RateStore::is_local), half of an address's key is its network under a mask that the
/// process never shows.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct RateKey([u8; 16]);

impl RateKey {
    /// The key `bytes`, which are a keyed hash: whoever can choose them can aim at others' state.
    pub const fn from_hash(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The hash.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// All of it in 64 bits: where a table in this process puts it.
    #[allow(clippy::cast_possible_truncation)] // both halves are wanted
    pub(crate) fn folded(&self) -> u64 {
        let whole = u128::from_le_bytes(self.0);
        let (low, high) = (whole as u64, (whole >> 64) as u64);
        // Keys that somebody numbered spread too: digits of the golden ratio and of pi.
        let product =
            u128::from(low ^ 0x9e37_79b9_7f4a_7c15) * u128::from(high ^ 0x243f_6a88_85a3_08d3);
        product as u64 ^ (product >> 64) as u64
    }
}

/// A hash already, so hashing it again takes a word.
impl Hash for RateKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.folded());
    }
}

/// One limit of a decision, as a store sees it.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Take {
    /// Whose state.
    pub key: RateKey,
    /// The quota that holds now.
    pub quota: Quota,
    /// How much; between 1 and [`Quota::max_cost`].
    pub cost: u32,
    /// Counts when it would admit, and is passed over when it would refuse.
    pub shadow: bool,
}

/// Where one limit stands after a decision.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct LimitState {
    /// Whether this limit refuses; also set on a shadow limit, which stops nothing.
    pub refused: bool,
    /// What a caller could still be charged now.
    pub remaining: u32,
    /// Until the same charge would be admitted; zero unless refused.
    pub retry_after: Duration,
    /// Until the state is as if never charged.
    pub reset_after: Duration,
    /// Names the charge for a refund: the arrival time it led to, or its stamp in the log.
    pub mark: Timestamp,
}

impl LimitState {
    /// Until more can be charged than now; zero when nothing is charged.
    ///
    /// For an exact log this is when all of it is free again: a store does not tell the rest.
    pub fn next_after(&self, quota: Quota) -> Duration {
        let ahead = super::micros(self.reset_after);
        match quota.kind() {
            QuotaKind::Gcra => {
                let spare = quota.tolerance().saturating_sub(ahead);
                let part = quota.unit() - spare % quota.unit();
                Duration::from_micros(part.min(ahead))
            }
            QuotaKind::Log => self.reset_after,
        }
    }
}

/// The verdict over all limits of a decision.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    /// Whether every limit admitted (shadow limits aside), and so every one was charged.
    pub admitted: bool,
    /// The store's present.
    pub now: Timestamp,
    /// One per [`Take`], in its order.
    pub states: Few<LimitState>,
}

impl Taken {
    /// The longest wait that a refusing limit asks for.
    pub fn retry_after(&self, takes: &[Take]) -> Duration {
        self.states
            .iter()
            .zip(takes)
            .filter(|(state, take)| state.refused && !take.shadow)
            .map(|(state, _)| state.retry_after)
            .max()
            .unwrap_or_default()
    }
}

/// One charge to give back.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Refund {
    /// Whose state.
    pub key: RateKey,
    /// The quota it was charged under.
    pub quota: Quota,
    /// How much was charged.
    pub cost: u32,
    /// The [`LimitState::mark`] of the charge.
    pub mark: Timestamp,
}

/// What counting one more failure came to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[must_use = "at the cap the attempt must not go on"]
pub enum Counted {
    /// The cap was reached before; nothing was added.
    AtCap,
    /// Counted; so many in a row by now.
    Recorded(u32),
}

/// Keeps the state of limits and of failure counters. Every method is one atomic step, at the
/// store's own time; a store over a network needs one round trip for each.
///
/// Time is the store's, never the caller's: a node whose clock is ahead must not refill anything.
pub trait RateStore: fmt::Debug + Send + Sync {
    /// Charges every one of `takes`, or none when one refuses.
    ///
    /// At most [`MAX_CHARGES`](super::MAX_CHARGES), no key twice. A shadow limit is charged with
    /// the others when it admits, and passed over when it would refuse. A refused decision writes
    /// nothing. Every write carries the time after which it can be forgotten.
    fn take(&self, takes: &[Take]) -> Answer<Result<Taken, StoreError>>;

    /// Gives back what is still undrained of each charge; never more, so that nobody else's charge
    /// is credited. To be called once per charge.
    fn refund(&self, refunds: &[Refund]) -> Answer<Result<(), StoreError>>;

    /// How many failures in a row are counted.
    fn failures(&self, key: &RateKey) -> Answer<Result<u32, StoreError>>;

    /// Counts one failure unless `cap` is reached, and keeps the count for `ttl` from now on.
    fn record_failure(
        &self,
        key: &RateKey,
        cap: u32,
        ttl: Duration,
    ) -> Answer<Result<Counted, StoreError>>;

    /// Whether no key ever leaves this process: then a hash that only this process can compute
    /// will do for keys, and the limiter takes a faster one. No, unless a store says so.
    ///
    /// Such a store answers everything at once, so nothing is gained by a deadline, a breaker or
    /// the memory of refusals.
    fn is_local(&self) -> bool {
        false
    }

    /// Charges `take` for good, when the store is [local](Self::is_local); the error is where a
    /// limit stands that refuses.
    ///
    /// Decides as [`take`](Self::take) over one limit does, but a store may admit at an instant
    /// that lags behind the present ([`Clock::now_coarse`](crate::clock::Clock::now_coarse)): by
    /// as much, a charge drains earlier. A refusal is always one at the present.
    ///
    /// # Errors
    ///
    /// [`LimitState`] when the limit refuses, also when it is a shadow, which stops nothing.
    fn take_one(&self, take: &Take) -> Option<Result<(), LimitState>> {
        let answer = self.take(slice::from_ref(take)).into_now().ok()?;
        let state = *answer.ok()?.states.first()?;
        Some(if state.refused { Err(state) } else { Ok(()) })
    }

    /// Forgets the state of `keys`, limits and counters alike.
    fn clear(&self, keys: &[RateKey]) -> Answer<Result<(), StoreError>>;
}

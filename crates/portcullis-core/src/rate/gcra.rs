//! The generic cell rate algorithm: one theoretical arrival time per key, in whole microseconds.
//!
//! A key that is empty equals one that is absent. While clock and quota stay, the stored time never
//! lies further ahead than a full refill. It is clamped to that on every read, so that after a
//! clock was set back, or a quota tightened, no longer wait is ever named; a refusal writes
//! nothing, so what was charged before is forgotten only when the clock has caught up with it.

use std::time::Duration;

use super::{quota::Quota, store::LimitState};
use crate::clock::Timestamp;

#[cfg(test)]
mod tests;

/// Decides a charge of `cost` at `now`, given the stored arrival time.
///
/// Changes nothing; [`admit`] gives the arrival time to store when every limit of the decision
/// admits. A cost above the capacity is never admitted; the wait it names is that of a full
/// refill.
///
/// # Example
///
/// ```
/// use portcullis_core::{clock::Timestamp, rate::{Quota, gcra}};
/// use std::time::Duration;
///
/// let quota = Quota::per_minute(2)?;
/// let now = Timestamp::from_secs(1_000);
/// assert!(!gcra::check(quota, None, 2, now).refused);
///
/// let charged = gcra::admit(quota, None, 2, now);
/// let refused = gcra::check(quota, Some(charged.mark), 1, now);
/// assert!(refused.refused);
/// assert_eq!(refused.retry_after, Duration::from_secs(30));
/// # Ok::<_, portcullis_core::rate::QuotaError>(())
/// ```
pub fn check(quota: Quota, stored: Option<Timestamp>, cost: u32, now: Timestamp) -> LimitState {
    let (full, charge) = (quota.tolerance(), charge(quota, cost));
    let arrival = clamp(quota, stored, now);
    let spare = full - (arrival - now.as_micros());
    let refused = charge > spare;
    let wait = charge.min(full).saturating_sub(spare).max(1);
    LimitState {
        refused,
        retry_after: Duration::from_micros(if refused { wait } else { 0 }),
        ..state(quota, arrival, now)
    }
}

/// Charges `cost` at `now`: [`LimitState::mark`] is the arrival time to store.
///
/// For a charge that [`check`] admits at the same `now`; the arrival time never lies more than a
/// full refill ahead.
pub fn admit(quota: Quota, stored: Option<Timestamp>, cost: u32, now: Timestamp) -> LimitState {
    let limit = now.as_micros().saturating_add(quota.tolerance());
    let next = clamp(quota, stored, now).saturating_add(charge(quota, cost));
    debug_assert!(next <= limit, "charged without a check");
    state(quota, next.min(limit), now)
}

/// The arrival time to store when a charge of `cost` at `now` is admitted, `None` when it is not:
/// [`check`] and [`admit`] at once, without what a client is told.
pub(crate) fn next(
    quota: Quota,
    stored: Option<Timestamp>,
    cost: u32,
    now: Timestamp,
) -> Option<Timestamp> {
    // Not clamped from above: beyond a full refill there is no room for anything.
    let arrival = stored.map_or(now, |at| at.max(now)).as_micros();
    let next = arrival.saturating_add(charge(quota, cost));
    (next - now.as_micros() <= quota.tolerance()).then_some(Timestamp::from_micros(next))
}

/// The arrival time after a refund, `None` when the key is empty again.
///
/// Taken as a queue, `mark` is when the charge has drained: only what has not can be given back
/// without crediting another's charge.
///
/// # Example
///
/// ```
/// use portcullis_core::{clock::Timestamp, rate::{Quota, gcra}};
/// use std::time::Duration;
///
/// let quota = Quota::per_minute(60)?;
/// let start = Timestamp::from_secs(1_000);
/// let first = gcra::admit(quota, None, 10, start).mark;
/// let second = gcra::admit(quota, Some(first), 10, start).mark;
///
/// assert_eq!(gcra::refund(quota, second, 10, first, start), Some(first));
/// let later = start + Duration::from_secs(10);
/// assert_eq!(gcra::refund(quota, second, 10, first, later), Some(second), "it had drained");
/// # Ok::<_, portcullis_core::rate::QuotaError>(())
/// ```
pub fn refund(
    quota: Quota,
    stored: Timestamp,
    cost: u32,
    mark: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let (mark, now) = (mark.as_micros(), now.as_micros());
    let give = mark.saturating_sub(now).min(charge(quota, cost));
    let arrival = stored
        .as_micros()
        .min(now.saturating_add(quota.tolerance()));
    let next = arrival.saturating_sub(give);
    (next > now).then_some(Timestamp::from_micros(next))
}

fn charge(quota: Quota, cost: u32) -> u64 {
    quota.unit().saturating_mul(u64::from(cost))
}

/// The stored arrival time, between now and a full refill ahead.
fn clamp(quota: Quota, stored: Option<Timestamp>, now: Timestamp) -> u64 {
    let now = now.as_micros();
    let limit = now.saturating_add(quota.tolerance());
    stored.map_or(now, |at| at.as_micros().clamp(now, limit))
}

fn state(quota: Quota, arrival: u64, now: Timestamp) -> LimitState {
    let ahead = arrival - now.as_micros();
    let cells = quota.tolerance().saturating_sub(ahead) / quota.unit();
    LimitState {
        refused: false,
        remaining: u32::try_from(cells).unwrap_or(u32::MAX),
        retry_after: Duration::ZERO,
        reset_after: Duration::from_micros(ahead),
        mark: Timestamp::from_micros(arrival),
    }
}

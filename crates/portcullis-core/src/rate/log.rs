//! The exact log: the stamps of the last admissions, newest first.

use std::{collections::VecDeque, time::Duration};

use super::{quota::Quota, store::LimitState};
use crate::clock::Timestamp;

#[cfg(test)]
mod tests;

/// Decides one admission at `now`, given the stamps of earlier ones, newest first.
///
/// Changes nothing; [`admit`] records it when every limit of the decision admits.
///
/// # Example
///
/// ```
/// use portcullis_core::{clock::Timestamp, rate::{Quota, log}};
/// use std::{collections::VecDeque, time::Duration};
///
/// let quota = Quota::strict(1, Duration::from_secs(60))?;
/// let now = Timestamp::from_secs(1_000);
/// let mut stamps = VecDeque::new();
///
/// assert!(!log::check(quota, &stamps, now).refused);
/// log::admit(quota, &mut stamps, now);
/// assert_eq!(log::check(quota, &stamps, now).retry_after, Duration::from_secs(60));
/// # Ok::<_, portcullis_core::rate::QuotaError>(())
/// ```
pub fn check(quota: Quota, stamps: &VecDeque<Timestamp>, now: Timestamp) -> LimitState {
    let window = quota.emission();
    // A stamp from the future (the clock was set back) counts as made now: it blocks for one
    // window at most.
    let until = |stamp: &Timestamp| (*stamp).min(now) + window;
    let last = quota.capacity() as usize - 1;
    let free_at = stamps.get(last).map(until).filter(|&at| at > now);
    state(
        quota,
        stamps,
        now,
        free_at.map_or(Duration::ZERO, |at| at.since(now)),
    )
}

/// Records an admission at `now` and says where the limit stands then.
pub fn admit(quota: Quota, stamps: &mut VecDeque<Timestamp>, now: Timestamp) -> LimitState {
    stamps.push_front(now);
    stamps.truncate(quota.capacity() as usize);
    state(quota, stamps, now, Duration::ZERO)
}

/// Takes back the admission stamped `mark`, if it is still kept.
pub fn refund(stamps: &mut VecDeque<Timestamp>, mark: Timestamp) {
    if let Some(index) = stamps.iter().position(|&stamp| stamp == mark) {
        stamps.remove(index);
    }
}

fn state(
    quota: Quota,
    stamps: &VecDeque<Timestamp>,
    now: Timestamp,
    retry_after: Duration,
) -> LimitState {
    let window = quota.emission();
    let live = stamps
        .iter()
        .take(quota.capacity() as usize)
        .take_while(|&&stamp| stamp + window > now)
        .count();
    let newest = stamps.front().map(|&stamp| stamp.min(now) + window);
    LimitState {
        refused: retry_after > Duration::ZERO,
        remaining: quota.capacity() - u32::try_from(live).unwrap_or(quota.capacity()),
        retry_after,
        reset_after: newest.map_or(Duration::ZERO, |at| at.since(now)),
        mark: now,
    }
}

//! Remembers for a moment what a remote store has refused, so that a hot key costs no round trip.

use std::{
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Duration,
};

use super::{
    quota::Quota,
    store::{LimitState, RateKey, Take},
};
use crate::clock::Timestamp;

#[cfg(test)]
mod tests;

/// Sets of [`WAYS`] slots; some 300 KiB, taken at the first refusal.
const SETS: usize = 1024;
const WAYS: usize = 4;

/// Refusals by key, numbers and cost. Losing one costs a round trip, so the soonest to end is
/// overwritten when a set is full.
#[derive(Debug, Default)]
pub(super) struct DenyMemo(OnceLock<Box<[Mutex<[Slot; WAYS]>]>>);

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    key: RateKey,
    /// A changed quota is another question.
    quota: Quota,
    cost: u32,
    /// When the same charge would be admitted, as the store said.
    retry_at: Timestamp,
    /// Until when that is believed.
    until: Timestamp,
}

impl DenyMemo {
    /// Whether anything was ever refused; while not, nobody has to read the clock.
    pub(super) fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    /// How long, by the store's own word, one of `takes` is refused still.
    pub(super) fn wait(&self, takes: &[Take], now: Timestamp, cap: Duration) -> Option<Duration> {
        let enforced = takes.iter().filter(|take| !take.shadow);
        let waits = enforced.filter_map(|take| {
            let set = self.set(&take.key)?;
            let slot = set.iter().find(|slot| {
                slot.key == take.key && slot.quota == take.quota && slot.cost <= take.cost
            })?;
            let left = slot.until.since(now);
            // Longer than it can have been put: the clock was set back.
            (left > Duration::ZERO && left <= cap).then(|| slot.retry_at.since(now))
        });
        waits.max()
    }

    /// Remembers the refusals among `states`, counted from when the store was asked, and for `cap`
    /// at most: a refund elsewhere may shorten them.
    pub(super) fn remember(
        &self,
        takes: &[Take],
        states: &[LimitState],
        asked: Timestamp,
        cap: Duration,
    ) {
        let refused = takes.iter().zip(states);
        for (take, state) in refused.filter(|(take, state)| state.refused && !take.shadow) {
            self.0
                .get_or_init(|| (0..SETS).map(|_| Mutex::default()).collect());
            let Some(mut set) = self.set(&take.key) else {
                continue;
            };
            let place = set.iter().position(|slot| slot.key == take.key);
            let soonest = (0..WAYS)
                .min_by_key(|&way| set[way].until)
                .unwrap_or_default();
            set[place.unwrap_or(soonest)] = Slot {
                key: take.key,
                quota: take.quota,
                cost: take.cost,
                retry_at: asked + state.retry_after,
                until: asked + state.retry_after.min(cap),
            };
        }
    }

    /// Forgets what is known of `key`.
    pub(super) fn forget(&self, key: &RateKey) {
        if let Some(mut set) = self.set(key) {
            for slot in set.iter_mut().filter(|slot| slot.key == *key) {
                *slot = Slot::default();
            }
        }
    }

    fn set(&self, key: &RateKey) -> Option<MutexGuard<'_, [Slot; WAYS]>> {
        let sets = self.0.get()?;
        let [first, second, ..] = key.as_bytes();
        // A key is a keyed hash, so nobody can aim at a set.
        let index = usize::from(u16::from_be_bytes([*first, *second])) % SETS;
        Some(sets[index].lock().unwrap_or_else(PoisonError::into_inner))
    }
}

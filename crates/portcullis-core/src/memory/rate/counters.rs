//! What a shard's entries say about failures in a row.

use std::time::Duration;

use super::table::Table;
use crate::{
    clock::Timestamp,
    rate::{Counted, RateKey},
};

/// The counters of one shard.
pub(super) type Counters = Table<u32>;

impl Counters {
    /// The failures counted for `key`.
    pub(super) fn count(&self, key: &RateKey, now: Timestamp) -> u32 {
        let entry = self.get(key).filter(|entry| entry.is_live(now));
        entry.map_or(0, |entry| entry.value)
    }

    /// Counts one more for `key` unless it has `cap`; `None` when it is new and finds no room.
    pub(super) fn increment(
        &mut self,
        key: &RateKey,
        cap: u32,
        now: Timestamp,
        ttl: Duration,
        capacity: usize,
    ) -> Option<Counted> {
        let is_new = self.get(key).is_none();
        if is_new && !self.make_room(capacity, now) {
            return None;
        }
        let count = self.count(key, now);
        if count >= cap {
            return Some(Counted::AtCap);
        }
        // Never the epoch, which stands for no entry.
        let (count, until) = (count + 1, now + ttl.max(Duration::from_micros(1)));
        match self.get_mut(key) {
            Some(entry) => (entry.value, entry.until) = (count, until),
            None => self.insert(*key, until, count, now),
        }
        Some(Counted::Recorded(count))
    }
}

//! One shard's entries, in one array: found by key, and swept in the order in which they lie.

use crate::{clock::Timestamp, rate::RateKey};

#[cfg(test)]
mod tests;

/// How many slots are looked at when a new entry comes. Where an eighth of them is taken, that is
/// one entry; where more, the drained are dropped faster than new ones can come.
const SWEEP: usize = 8;

/// The fewest slots of a table that holds anything; a power of two.
const FEWEST: usize = 8;

/// The entries of one shard, by open addressing with linear probing: one step to the next cache
/// line is foreseen, one through an index is not. Three quarters of the slots are taken at most.
pub(super) struct Table<V> {
    /// None, or a power of two of them.
    slots: Box<[Slot<V>]>,
    len: usize,
    /// Where the next sweep begins.
    hand: usize,
}

/// A place for one entry; two of them fill a cache line, and none lies across two.
#[derive(Debug, Default)]
#[repr(align(32))]
pub(super) struct Slot<V> {
    key: RateKey,
    /// When the entry is as good as absent; the epoch in a slot without an entry.
    pub(super) until: Timestamp,
    pub(super) value: V,
}

impl<V> Slot<V> {
    fn is_empty(&self) -> bool {
        self.until == Timestamp::default()
    }

    /// Whether the entry counts still.
    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        self.until > now
    }
}

impl<V: Default> Table<V> {
    /// How many entries there are, drained ones that await their sweep included.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entry of `key`, which may have drained.
    pub(super) fn get(&self, key: &RateKey) -> Option<&Slot<V>> {
        self.find(key).map(|at| &self.slots[at])
    }

    /// The entry of `key`, which may have drained. Its time must not become the epoch.
    pub(super) fn get_mut(&mut self, key: &RateKey) -> Option<&mut Slot<V>> {
        self.find(key).map(|at| &mut self.slots[at])
    }

    /// Sweeps a few slots, and says whether one more entry fits below `capacity`.
    pub(super) fn make_room(&mut self, capacity: usize, now: Timestamp) -> bool {
        for _ in 0..SWEEP.min(self.slots.len()) {
            let at = self.hand & (self.slots.len() - 1);
            let slot = &self.slots[at];
            if slot.is_empty() || slot.is_live(now) {
                self.hand = at + 1;
            } else {
                self.vacate(at); // and look again at what has moved there
            }
        }
        self.len < capacity
    }

    /// Adds an entry for `key`, which has none, until some time after the epoch.
    pub(super) fn insert(&mut self, key: RateKey, until: Timestamp, value: V, now: Timestamp) {
        debug_assert!(self.get(&key).is_none(), "no key has two entries");
        if (self.len + 1) * 4 > self.slots.len() * 3 {
            self.grow(now);
        }
        self.place(Slot { key, until, value });
    }

    /// Drops the entry of `key`, if there is one.
    pub(super) fn remove(&mut self, key: &RateKey) {
        if let Some(at) = self.find(key) {
            self.vacate(at);
        }
    }

    fn find(&self, key: &RateKey) -> Option<usize> {
        let mask = self.slots.len().wrapping_sub(1);
        let mut at = home(key) & mask;
        loop {
            let slot = self.slots.get(at).filter(|slot| !slot.is_empty())?;
            if slot.key == *key {
                return Some(at);
            }
            at = (at + 1) & mask;
        }
    }

    /// Puts `slot` into the first empty place from its home on.
    fn place(&mut self, slot: Slot<V>) {
        debug_assert!(!slot.is_empty(), "an entry lives until after the epoch");
        let mask = self.slots.len() - 1;
        let mut at = home(&slot.key) & mask;
        while !self.slots[at].is_empty() {
            at = (at + 1) & mask;
        }
        self.slots[at] = slot;
        self.len += 1;
    }

    /// Takes twice as many slots, and leaves behind what has drained.
    fn grow(&mut self, now: Timestamp) {
        let wanted = (self.slots.len() * 2).max(FEWEST);
        let more = (0..wanted).map(|_| Slot::default()).collect();
        let old = std::mem::replace(&mut self.slots, more);
        (self.len, self.hand) = (0, 0);
        for slot in old.into_iter().filter(|slot| slot.is_live(now)) {
            self.place(slot);
        }
    }

    /// Empties the slot `hole`, and closes the gap: no entry is left behind an empty slot on its
    /// way from home.
    fn vacate(&mut self, mut hole: usize) {
        let mask = self.slots.len() - 1;
        let way = |from: usize, to: usize| to.wrapping_sub(from) & mask;
        let mut at = (hole + 1) & mask;
        while !self.slots[at].is_empty() {
            if way(home(&self.slots[at].key), at) >= way(hole, at) {
                self.slots.swap(hole, at);
                hole = at;
            }
            at = (at + 1) & mask;
        }
        self.slots[hole] = Slot::default();
        self.len -= 1;
    }
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self {
            slots: Box::default(),
            len: 0,
            hand: 0,
        }
    }
}

/// Where the search for `key` begins, before it is cut to the number of slots.
#[allow(clippy::cast_possible_truncation)] // the low bits are what counts
fn home(key: &RateKey) -> usize {
    key.folded() as usize
}

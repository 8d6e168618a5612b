//! One shard's entries: found by key, and swept in the order they came.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
    time::Duration,
};

use crate::{
    clock::Timestamp,
    rate::{Counted, LimitState, QuotaKind, RateKey, Refund, Take, gcra, log},
};

/// How many entries are looked at when a new one comes: more than one, so that the drained are
/// dropped faster than new ones can come.
const SWEEP: usize = 3;

/// The entries of one shard.
#[derive(Default)]
pub(super) struct Table {
    entries: HashMap<RateKey, Entry, BuildHasherDefault<Given>>,
    /// Every key of `entries`, once; the front is swept next.
    queue: VecDeque<RateKey>,
}

/// Takes the one word that a [`RateKey`] gives as its hash.
#[derive(Default)]
struct Given(u64);

impl Hasher for Given {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = word;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[derive(Default)]
struct Entry {
    /// When the entry is as good as absent.
    until: Timestamp,
    state: State,
}

#[derive(Default)]
enum State {
    /// Consecutive failures.
    Count(u32),
    /// The arrival time is `until`.
    #[default]
    Gcra,
    /// The admissions, newest first; boxed, so that a GCRA entry stays small.
    #[allow(clippy::box_collection)]
    Log(Box<VecDeque<Timestamp>>),
}

impl Table {
    pub(super) fn len(&self) -> usize {
        debug_assert_eq!(self.entries.len(), self.queue.len());
        self.entries.len()
    }

    /// Where `take` stands, uncharged; `None` when its key is new and would be more than
    /// `capacity` entries.
    pub(super) fn look(
        &mut self,
        take: &Take,
        capacity: usize,
        now: Timestamp,
    ) -> Option<LimitState> {
        if let Some(entry) = self.entries.get(&take.key) {
            return Some(entry.check(take, now));
        }
        self.make_room(capacity, now)
            .then(|| Entry::default().check(take, now))
    }

    /// Charges `take`, which [`look`](Self::look) admitted at the same `now`.
    pub(super) fn admit(&mut self, take: &Take, now: Timestamp) -> LimitState {
        self.entry(&take.key).admit(take, now)
    }

    /// Both at once: charges `take` if it is admitted.
    pub(super) fn take(
        &mut self,
        take: &Take,
        capacity: usize,
        now: Timestamp,
    ) -> Option<LimitState> {
        if let Some(entry) = self.entries.get_mut(&take.key) {
            return Some(entry.take(take, now));
        }
        let state = self.look(take, capacity, now)?;
        Some(if state.refused {
            state
        } else {
            self.admit(take, now)
        })
    }

    pub(super) fn refund(&mut self, refund: &Refund, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(&refund.key) else {
            return;
        };
        match &mut entry.state {
            State::Gcra => {
                let left = gcra::refund(refund.quota, entry.until, refund.cost, refund.mark, now);
                entry.until = left.unwrap_or_default();
            }
            State::Log(stamps) => {
                log::refund(stamps, refund.mark);
                if stamps.is_empty() {
                    entry.until = Timestamp::default();
                }
            }
            State::Count(_) => {}
        }
    }

    /// The failures counted for `key`.
    pub(super) fn count(&self, key: &RateKey, now: Timestamp) -> u32 {
        match self.live(key, now).map(|entry| &entry.state) {
            Some(State::Count(count)) => *count,
            _ => 0,
        }
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
        if !self.entries.contains_key(key) && !self.make_room(capacity, now) {
            return None;
        }
        let count = self.count(key, now);
        if count >= cap {
            return Some(Counted::AtCap);
        }
        let entry = self.entry(key);
        entry.state = State::Count(count + 1);
        entry.until = now + ttl;
        Some(Counted::Recorded(count + 1))
    }

    /// Makes the entry of `key` as good as absent; the sweep removes it.
    pub(super) fn forget(&mut self, key: &RateKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.until = Timestamp::default();
        }
    }

    /// Sweeps a few entries, and says whether one more fits below `capacity`.
    fn make_room(&mut self, capacity: usize, now: Timestamp) -> bool {
        for _ in 0..SWEEP.min(self.queue.len()) {
            let Some(key) = self.queue.pop_front() else {
                break;
            };
            if self.live(&key, now).is_some() {
                self.queue.push_back(key);
            } else {
                self.entries.remove(&key);
            }
        }
        self.entries.len() < capacity
    }

    /// The entry of `key`; a drained one is as good as none.
    fn live(&self, key: &RateKey, now: Timestamp) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.until > now)
    }

    fn entry(&mut self, key: &RateKey) -> &mut Entry {
        self.entries.entry(*key).or_insert_with(|| {
            self.queue.push_back(*key);
            Entry::default()
        })
    }
}

impl Entry {
    /// Where `take` stands, uncharged.
    fn check(&self, take: &Take, now: Timestamp) -> LimitState {
        match (take.quota.kind(), &self.state) {
            (QuotaKind::Gcra, _) => gcra::check(take.quota, self.arrival(now), take.cost, now),
            (QuotaKind::Log, State::Log(stamps)) if self.until > now => {
                log::check(take.quota, stamps, now)
            }
            (QuotaKind::Log, _) => log::check(take.quota, &VecDeque::new(), now),
        }
    }

    fn admit(&mut self, take: &Take, now: Timestamp) -> LimitState {
        match take.quota.kind() {
            QuotaKind::Gcra => {
                let state = gcra::admit(take.quota, self.arrival(now), take.cost, now);
                self.state = State::Gcra;
                self.until = state.mark;
                state
            }
            QuotaKind::Log => {
                if self.until <= now || !matches!(self.state, State::Log(_)) {
                    self.state = State::Log(Box::default());
                }
                let State::Log(stamps) = &mut self.state else {
                    unreachable!("made a log above");
                };
                let state = log::admit(take.quota, stamps, now);
                self.until = now + take.quota.emission();
                state
            }
        }
    }

    fn take(&mut self, take: &Take, now: Timestamp) -> LimitState {
        if take.quota.kind() == QuotaKind::Gcra {
            let state = gcra::take(take.quota, self.arrival(now), take.cost, now);
            if !state.refused {
                self.state = State::Gcra;
                self.until = state.mark;
            }
            return state;
        }
        let state = self.check(take, now);
        if state.refused {
            return state;
        }
        self.admit(take, now)
    }

    /// The stored arrival time, where there is one that has not passed.
    fn arrival(&self, now: Timestamp) -> Option<Timestamp> {
        let gcra = matches!(self.state, State::Gcra) && self.until > now;
        gcra.then_some(self.until)
    }
}

//! One shard's entries: found by key, and swept in the order they came.

use std::{
    collections::{HashMap, VecDeque},
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
    entries: HashMap<RateKey, Entry>,
    /// Every key of `entries`, once; the front is swept next.
    queue: VecDeque<RateKey>,
}

struct Entry {
    /// When the entry is as good as absent.
    until: Timestamp,
    state: State,
}

enum State {
    /// Consecutive failures.
    Count(u32),
    /// The arrival time is `until`.
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

    pub(super) fn contains(&self, key: &RateKey) -> bool {
        self.entries.contains_key(key)
    }

    /// Sweeps a few entries, and says whether one more fits below `capacity`.
    pub(super) fn make_room(&mut self, capacity: usize, now: Timestamp) -> bool {
        self.sweep(now);
        self.entries.len() < capacity
    }

    fn sweep(&mut self, now: Timestamp) {
        for _ in 0..SWEEP.min(self.queue.len()) {
            let Some(key) = self.queue.pop_front() else {
                return;
            };
            if self.live(&key, now).is_some() {
                self.queue.push_back(key);
            } else {
                self.entries.remove(&key);
            }
        }
    }

    /// The entry of `key`; a drained one is as good as none.
    fn live(&self, key: &RateKey, now: Timestamp) -> Option<&Entry> {
        self.entries.get(key).filter(|entry| entry.until > now)
    }

    /// Where `take` stands, uncharged.
    pub(super) fn check(&self, take: &Take, now: Timestamp) -> LimitState {
        let entry = self.live(&take.key, now);
        match (take.quota.kind(), entry.map(|entry| &entry.state)) {
            (QuotaKind::Log, Some(State::Log(stamps))) => log::check(take.quota, stamps, now),
            (QuotaKind::Log, _) => log::check(take.quota, &VecDeque::new(), now),
            (QuotaKind::Gcra, Some(State::Gcra)) => {
                gcra::check(take.quota, entry.map(|entry| entry.until), take.cost, now)
            }
            (QuotaKind::Gcra, _) => gcra::check(take.quota, None, take.cost, now),
        }
    }

    /// Charges `take`, which [`check`](Self::check) admitted at the same `now`.
    pub(super) fn admit(&mut self, take: &Take, now: Timestamp) -> LimitState {
        let entry = self.entry(&take.key);
        let drained = entry.until <= now;
        match take.quota.kind() {
            QuotaKind::Gcra => {
                let gcra = matches!(entry.state, State::Gcra) && !drained;
                let stored = gcra.then_some(entry.until);
                let state = gcra::admit(take.quota, stored, take.cost, now);
                entry.state = State::Gcra;
                entry.until = state.mark;
                state
            }
            QuotaKind::Log => {
                if drained || !matches!(entry.state, State::Log(_)) {
                    entry.state = State::Log(Box::default());
                }
                let State::Log(stamps) = &mut entry.state else {
                    unreachable!("made a log above");
                };
                let state = log::admit(take.quota, stamps, now);
                entry.until = now + take.quota.emission();
                state
            }
        }
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

    pub(super) fn increment(
        &mut self,
        key: &RateKey,
        cap: u32,
        now: Timestamp,
        ttl: Duration,
    ) -> Counted {
        let count = self.count(key, now);
        if count >= cap {
            return Counted::AtCap;
        }
        let entry = self.entry(key);
        entry.state = State::Count(count + 1);
        entry.until = now + ttl;
        Counted::Recorded(count + 1)
    }

    /// Makes the entry of `key` as good as absent; the sweep removes it.
    pub(super) fn forget(&mut self, key: &RateKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.until = Timestamp::default();
        }
    }

    fn entry(&mut self, key: &RateKey) -> &mut Entry {
        self.entries.entry(*key).or_insert_with(|| {
            self.queue.push_back(*key);
            Entry {
                until: Timestamp::default(),
                state: State::Gcra,
            }
        })
    }
}

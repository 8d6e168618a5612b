//! What a shard's entries say about limits.

use std::collections::VecDeque;

use super::table::{Slot, Table};
use crate::{
    clock::Timestamp,
    rate::{LimitState, QuotaKind, Refund, Take, gcra, log},
};

/// The admissions of an exact log, newest first; boxed, so that an entry stays small. None for an
/// even limit, whose arrival time is the entry's own.
#[allow(clippy::box_collection)]
type Stamps = Option<Box<VecDeque<Timestamp>>>;

/// The limits of one shard.
pub(super) type Limits = Table<Stamps>;

impl Limits {
    /// Where `take` stands, uncharged; `None` when its key is new and would be more than
    /// `capacity` entries.
    pub(super) fn look(
        &mut self,
        take: &Take,
        capacity: usize,
        now: Timestamp,
    ) -> Option<LimitState> {
        if let Some(entry) = self.get(&take.key) {
            return Some(entry.check(take, now));
        }
        self.make_room(capacity, now)
            .then(|| Slot::default().check(take, now))
    }

    /// Charges `take`, which [`look`](Self::look) admitted at the same `now`.
    pub(super) fn admit(&mut self, take: &Take, now: Timestamp) -> LimitState {
        if let Some(entry) = self.get_mut(&take.key) {
            return entry.admit(take, now);
        }
        let mut entry = Slot::<Stamps>::default();
        let state = entry.admit(take, now);
        self.insert(take.key, entry.until, entry.value, now);
        state
    }

    /// Both at once: charges `take` if it is admitted.
    pub(super) fn take(
        &mut self,
        take: &Take,
        capacity: usize,
        now: Timestamp,
    ) -> Option<LimitState> {
        let state = self.look(take, capacity, now)?;
        Some(if state.refused {
            state
        } else {
            self.admit(take, now)
        })
    }

    /// Charges `take`, of an even quota, if it is admitted, and says whether it was: all that most
    /// requests need to know.
    pub(super) fn admits(&mut self, take: &Take, capacity: usize, now: Timestamp) -> bool {
        debug_assert_eq!(take.quota.kind(), QuotaKind::Gcra);
        if let Some(entry) = self.get_mut(&take.key) {
            let Some(next) = gcra::next(take.quota, entry.arrival(now), take.cost, now) else {
                return false;
            };
            entry.value = None;
            entry.until = next;
            return true;
        }
        let next = gcra::next(take.quota, None, take.cost, now);
        let Some(next) = next.filter(|_| self.make_room(capacity, now)) else {
            return false;
        };
        self.insert(take.key, next, None, now);
        true
    }

    pub(super) fn refund(&mut self, refund: &Refund, now: Timestamp) {
        let Some(entry) = self.get_mut(&refund.key) else {
            return;
        };
        let empty = if let Some(stamps) = &mut entry.value {
            log::refund(stamps, refund.mark);
            stamps.is_empty()
        } else {
            let left = gcra::refund(refund.quota, entry.until, refund.cost, refund.mark, now);
            entry.until = left.unwrap_or(entry.until);
            left.is_none()
        };
        if empty {
            self.remove(&refund.key);
        }
    }
}

impl Slot<Stamps> {
    /// Where `take` stands, uncharged.
    fn check(&self, take: &Take, now: Timestamp) -> LimitState {
        match (take.quota.kind(), &self.value) {
            (QuotaKind::Gcra, _) => gcra::check(take.quota, self.arrival(now), take.cost, now),
            (QuotaKind::Log, Some(stamps)) if self.is_live(now) => {
                log::check(take.quota, stamps, now)
            }
            (QuotaKind::Log, _) => log::check(take.quota, &VecDeque::new(), now),
        }
    }

    fn admit(&mut self, take: &Take, now: Timestamp) -> LimitState {
        match take.quota.kind() {
            QuotaKind::Gcra => {
                let state = gcra::admit(take.quota, self.arrival(now), take.cost, now);
                self.value = None;
                self.until = state.mark;
                state
            }
            QuotaKind::Log => {
                if !self.is_live(now) {
                    self.value = None;
                }
                let stamps = self.value.get_or_insert_default();
                self.until = now + take.quota.emission();
                log::admit(take.quota, stamps, now)
            }
        }
    }

    /// The stored arrival time, where there is one that has not passed.
    fn arrival(&self, now: Timestamp) -> Option<Timestamp> {
        let gcra = self.value.is_none() && self.is_live(now);
        gcra.then_some(self.until)
    }
}

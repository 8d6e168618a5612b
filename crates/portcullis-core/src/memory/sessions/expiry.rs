//! Forgets what has expired, a bounded number of entries per step.

use std::sync::Arc;

use super::state::{Kind, Record, State, User};
use crate::{clock::Timestamp, store::StoreError};

/// How many due entries one step looks at: more than it can add.
pub(super) const PER_STEP: usize = 8;
/// How many a step looks at that finds no room.
const WHEN_FULL: usize = 256;

/// An entry to look at again. There is exactly one for every entry of the store.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) subject: Arc<str>,
    pub(super) kind: Kind,
    pub(super) id: Arc<str>,
}

impl User {
    /// When the entry may be forgotten.
    fn forget_at(&self, kind: Kind, id: &str) -> Option<Timestamp> {
        match kind {
            Kind::Denied => self.denied.get(id).copied(),
            Kind::Family => self.families.get(id).map(Record::forget_at),
            Kind::Listed => self.listed.get(id).copied(),
            Kind::NotBefore => self.not_before.map(|mark| mark.until),
        }
    }
}

impl State {
    /// Looks at up to `most` entries that were due, and forgets those that still are.
    pub(super) fn sweep(&mut self, now: Timestamp, most: usize) {
        for _ in 0..most {
            if self.due.first().is_none_or(|due| due.at > now) {
                return;
            }
            let Some(due) = self.due.pop_first() else {
                return;
            };
            self.reconsider(due, now);
        }
    }

    fn reconsider(&mut self, due: Due, now: Timestamp) {
        let Some(user) = self.users.get_mut(&due.subject) else {
            return;
        };
        match user.forget_at(due.kind, &due.id) {
            Some(later) if later > now => {
                if let (Kind::Family, Some(record)) = (due.kind, user.families.get_mut(&due.id)) {
                    record.due = later;
                }
                self.due.insert(Due { at: later, ..due });
            }
            Some(_) => self.forget(&due),
            None => {}
        }
    }

    /// Drops an entry that has left [`State::due`] already, and its user with the last one.
    pub(super) fn forget(&mut self, due: &Due) {
        let Some(user) = self.users.get_mut(&due.subject) else {
            return;
        };
        let was_mark = match due.kind {
            Kind::Denied => user.denied.remove(&due.id).is_some(),
            Kind::Family => user
                .families
                .remove(&due.id)
                .is_some_and(|record| record.is_mark),
            Kind::Listed => user.listed.remove(&due.id).is_some(),
            Kind::NotBefore => user.not_before.take().is_some(),
        };
        if was_mark {
            self.marks -= 1;
        } else {
            self.families -= 1;
        }
        if user.is_empty() {
            self.users.remove(&due.subject);
        }
    }

    /// Makes sure that one more family fits.
    pub(super) fn room_for_family(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.families >= self.max_families {
            self.sweep(now, WHEN_FULL);
        }
        if self.families >= self.max_families {
            return Err(StoreError::plain("the memory store is full of families"));
        }
        Ok(())
    }

    /// Makes sure that one more mark fits.
    pub(super) fn room_for_mark(&mut self, now: Timestamp) -> Result<(), StoreError> {
        if self.marks >= self.max_marks {
            self.sweep(now, WHEN_FULL);
        }
        if self.marks >= self.max_marks {
            return Err(StoreError::plain("the memory store is full of revocations"));
        }
        Ok(())
    }
}

//! Keeps what the feed could not be told, and tells it later.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use portcullis_core::{
    audit::{AuditEvent, AuditKind, AuditSink},
    clock::{Clock as _, SystemClock, Timestamp},
};
use tokio::time::sleep;

use super::{Entry, Fact, send_once};
use crate::{Redis, trouble::Trouble};

#[cfg(test)]
mod tests;

/// How many entries are owed at most, some 200 bytes each.
const MOST: usize = 10_000;

/// How long the first pause is before an entry is tried again; each further one is twice as long,
/// up to the longest.
const PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// The entries that the nodes have not been told of, because the feed could not be written.
#[derive(Debug)]
pub(crate) struct Owed {
    state: Mutex<State>,
    most: usize,
}

#[derive(Debug, Default)]
struct State {
    /// Each with its expiry, in seconds.
    entries: BTreeMap<Fact, u64>,
    /// Whether a task is there that tells them.
    is_tended: bool,
}

/// What becomes of an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kept {
    /// Somebody has to start telling.
    First,
    /// It is told after the others.
    Queued,
    /// There is no room for it.
    Refused,
}

impl Default for Owed {
    fn default() -> Self {
        Self {
            state: Mutex::default(),
            most: MOST,
        }
    }
}

impl Owed {
    pub(crate) fn len(&self) -> usize {
        self.locked().entries.len()
    }

    fn keep(&self, entry: &Entry) -> Kept {
        let mut state = self.locked();
        if let Some(expires) = state.entries.get_mut(&entry.fact) {
            *expires = entry.expires.max(*expires);
        } else if state.entries.len() < self.most {
            state.entries.insert(entry.fact.clone(), entry.expires);
        } else {
            return Kept::Refused;
        }
        if std::mem::replace(&mut state.is_tended, true) {
            Kept::Queued
        } else {
            Kept::First
        }
    }

    /// The nodes know of `entry`.
    pub(super) fn settle(&self, entry: &Entry) {
        let entries = &mut self.locked().entries;
        if entries
            .get(&entry.fact)
            .is_some_and(|owed| *owed <= entry.expires)
        {
            entries.remove(&entry.fact);
        }
    }

    /// An entry that is still owed; with none, whoever asked is no longer expected to tell.
    fn next(&self) -> Option<Entry> {
        let mut state = self.locked();
        let first = state.entries.first_key_value();
        let entry = first.map(|(fact, expires)| Entry {
            fact: fact.clone(),
            expires: *expires,
        });
        state.is_tended = entry.is_some();
        entry
    }

    /// Gives up what is of no more use to anybody, and says what it was.
    fn give_up(&self, now: Timestamp) -> Vec<Entry> {
        let mut over = Vec::new();
        self.locked().entries.retain(|fact, expires| {
            let lives = now < fact.until(*expires);
            if !lives {
                over.push(Entry {
                    fact: fact.clone(),
                    expires: *expires,
                });
            }
            lives
        });
        over
    }

    /// Reports what nobody will be told of, because nobody is there any more who would.
    pub(crate) fn abandon(&self, audit: &dyn AuditSink) {
        for (fact, _) in std::mem::take(&mut self.locked().entries) {
            let reason = "the process ended before the feed could be written";
            report(audit, AuditKind::RevocationUntold, &fact, reason);
        }
    }

    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes note that `entry` could not be written, and sees to it that it is.
pub(super) fn owe(redis: &Redis, entry: &Entry, trouble: &Trouble) {
    let kept = redis.owed().keep(entry);
    let kind = match kept {
        Kept::First | Kept::Queued => AuditKind::RevocationOwed,
        Kept::Refused => AuditKind::RevocationUntold,
    };
    report(redis.audit(), kind, &entry.fact, &trouble.to_string());
    if kept == Kept::First {
        let tending = Tending {
            redis: redis.clone(),
            is_over: false,
        };
        tokio::spawn(tending.run());
    }
}

/// A task that tells. Its runtime may end before it does, or before it has begun, while the
/// connection lives on another: then whoever owes next starts a new one.
struct Tending {
    redis: Redis,
    /// Whether nothing was left to tell.
    is_over: bool,
}

impl Tending {
    /// Tells what is owed, until nothing is.
    async fn run(mut self) {
        let mut pause = PAUSE;
        while !self.is_over {
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            for entry in self.redis.owed().give_up(SystemClock.now()) {
                let reason = "the feed could not be written until it expired";
                let untold = AuditKind::RevocationUntold;
                report(self.redis.audit(), untold, &entry.fact, reason);
            }
            self.is_over = self.tell_all().await;
        }
    }

    /// Tells one entry after the other, up to the first that cannot be; whether none was left.
    async fn tell_all(&self) -> bool {
        while let Some(entry) = self.redis.owed().next() {
            if send_once(&self.redis, &entry).await.is_err() {
                return false;
            }
            self.redis.owed().settle(&entry);
        }
        true
    }
}

impl Drop for Tending {
    fn drop(&mut self) {
        if !self.is_over {
            self.redis.owed().locked().is_tended = false;
        }
    }
}

fn report(audit: &dyn AuditSink, kind: AuditKind, fact: &Fact, reason: &str) {
    let event = AuditEvent::new(kind, SystemClock.now()).with_reason(reason);
    audit.record(match fact {
        Fact::Session { sid, .. } => event.with_session(sid),
        Fact::NotBefore { .. } | Fact::Token { .. } => event,
    });
}

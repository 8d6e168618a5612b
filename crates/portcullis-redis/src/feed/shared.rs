//! What the reader writes and the requests read.

use std::{
    sync::{
        Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
    time::Duration,
};

use portcullis_core::{
    clock::{Clock, Timestamp},
    store::TokenFacts,
};
use tokio::time::Instant;

use super::{Entry, Listener, marks::Marks, watch::Watches};
use crate::tag::Tagger;

/// What the reader writes and the requests read.
#[derive(Debug)]
pub(super) struct Shared {
    state: RwLock<State>,
    pub(super) tagger: Tagger,
    clock: Arc<dyn Clock>,
    began: Instant,
    /// Until when everything is known, in microseconds since `began`; 0 is never.
    heard: AtomicU64,
    max_staleness: Duration,
    retention: Duration,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) marks: Marks,
    pub(super) watches: Watches,
    /// An entry was not kept for want of room.
    full: bool,
    /// The same, since the reader began to read everything again.
    full_again: bool,
    /// Until when an entry may count that could not be understood.
    unreadable_until: Timestamp,
}

/// What a node knows of a token.
pub(super) enum Known {
    /// It is revoked.
    Revoked,
    /// Nothing that could be relied on.
    Unknown,
    /// It is not revoked.
    Valid,
}

impl Shared {
    /// Knows nothing yet, and is stale until it has heard.
    pub(super) fn new(
        marks: Marks,
        watches: Watches,
        tagger: Tagger,
        clock: Arc<dyn Clock>,
        max_staleness: Duration,
        retention: Duration,
    ) -> Self {
        Self {
            state: RwLock::new(State {
                marks,
                watches,
                full: false,
                full_again: false,
                unreadable_until: Timestamp::default(),
            }),
            tagger,
            clock,
            began: Instant::now(),
            heard: AtomicU64::new(0),
            max_staleness,
            retention,
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// What is known of `token`.
    pub(super) fn judge(&self, token: &TokenFacts<'_>) -> Known {
        let now = self.now();
        let state = self.read();
        if state.marks.is_revoked(token, &self.tagger, now) {
            Known::Revoked
        } else if state.has_gaps(now) || self.is_silent() {
            Known::Unknown
        } else {
            Known::Valid
        }
    }

    pub(super) fn is_stale(&self) -> bool {
        self.is_silent() || self.read().has_gaps(self.now())
    }

    /// Whether nothing was heard for too long.
    fn is_silent(&self) -> bool {
        let heard = Duration::from_micros(self.heard.load(Ordering::Acquire));
        let silence = self.began.elapsed().saturating_sub(heard);
        heard.is_zero() || silence > self.max_staleness
    }

    /// Everything that was in the stream at `then` is known.
    pub(super) fn heard(&self, then: Instant) {
        let then = then.saturating_duration_since(self.began).as_micros();
        let then = u64::try_from(then).unwrap_or(u64::MAX).max(1);
        self.heard.store(then, Ordering::Release);
    }

    /// The reader begins to read everything that is retained.
    pub(super) fn reread(&self) {
        let mut state = self.write();
        state.marks.sweep(self.now());
        state.full_again = false;
    }

    /// The reader has read everything that was in the stream at `then`.
    pub(super) fn heard_all(&self, then: Instant) {
        let mut state = self.write();
        state.full = state.full_again;
        drop(state);
        self.heard(then);
    }

    /// Whether entries were left out that there is room for by now.
    pub(super) fn wants_all(&self) -> bool {
        let mut state = self.write();
        state.marks.sweep(self.now());
        state.full && state.marks.has_room()
    }

    /// Takes in entries of the stream, each with the milliseconds in its id.
    pub(super) fn take(&self, entries: impl Iterator<Item = (u64, Option<Entry>)>) {
        let mut woken = Vec::new();
        let mut state = self.write();
        let now = self.now();
        for (millis, entry) in entries {
            if let Some(entry) = entry {
                state.take(&entry, now, &mut woken);
            } else {
                let until = Timestamp::from_millis(millis) + self.retention;
                state.unreadable_until = until.max(state.unreadable_until);
            }
        }
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether an entry is missing that may count.
    fn has_gaps(&self, now: Timestamp) -> bool {
        self.full || now < self.unreadable_until
    }

    fn take(&mut self, entry: &Entry, now: Timestamp, woken: &mut Vec<Waker>) {
        if !self.marks.keep(entry, now) {
            (self.full, self.full_again) = (true, true);
        }
        if now < entry.until() {
            self.watches.end(entry, woken);
        }
    }
}

impl Listener for Shared {
    fn hear(&self, entry: &Entry) {
        let mut woken = Vec::new();
        self.write().take(entry, self.now(), &mut woken);
        woken.into_iter().for_each(Waker::wake);
    }
}

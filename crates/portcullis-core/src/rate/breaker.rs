//! Stops asking a store that does not answer, and tries again now and then.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use crate::clock::{Clock, Timestamp};

#[cfg(test)]
mod tests;

/// So many failures in a row open it, and so many in a window are the least that can.
const FAILURES: u32 = 5;

/// In a window this long, more failures than successes open it.
const WINDOW: Duration = Duration::from_secs(1);

/// How long it stays open between two tries.
const PROBE: Duration = Duration::from_millis(500);

/// Opens after 5 failures in a row, or when more than half of a second's calls failed; then lets
/// one call through every 500 ms until one succeeds.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    open: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    row: u32,
    window: Timestamp,
    succeeded: u32,
    failed: u32,
    probe_at: Timestamp,
}

impl Breaker {
    /// Whether the store may be asked. Reads the clock only while open.
    pub(super) fn admits(&self, clock: &dyn Clock) -> bool {
        if !self.open.load(Ordering::Acquire) {
            return true;
        }
        let now = clock.now();
        let mut state = self.state();
        // Further ahead than any probe is put: the clock was set back.
        let due = now >= state.probe_at || state.probe_at.since(now) > 2 * PROBE;
        if due {
            state.probe_at = now + probe_after(now);
        }
        due
    }

    /// Notes an answer; true when it closed the breaker.
    pub(super) fn succeeded(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        state.enter_window(now);
        state.row = 0;
        state.succeeded = state.succeeded.saturating_add(1);
        let was_open = self.open.swap(false, Ordering::AcqRel);
        if was_open {
            state.failed = 0;
        }
        was_open
    }

    /// Notes an error or a missed deadline; true when it opened the breaker.
    pub(super) fn failed(&self, now: Timestamp) -> bool {
        let mut state = self.state();
        state.enter_window(now);
        state.row = state.row.saturating_add(1);
        state.failed = state.failed.saturating_add(1);
        let mostly = state.failed >= FAILURES && state.failed > state.succeeded;
        if state.row < FAILURES && !mostly {
            return false;
        }
        state.probe_at = now + probe_after(now);
        !self.open.swap(true, Ordering::AcqRel)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn enter_window(&mut self, now: Timestamp) {
        if now < self.window || now.since(self.window) >= WINDOW {
            (self.window, self.succeeded, self.failed) = (now, 0, 0);
        }
    }
}

/// 500 ms, give or take a tenth by the clock's own low digits, so that nodes do not try at once.
fn probe_after(now: Timestamp) -> Duration {
    let spread = now.as_micros() % 100_000;
    PROBE.saturating_sub(Duration::from_millis(50)) + Duration::from_micros(spread)
}

//! A clock that stands still until a test moves it.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use portcullis_core::{
    answer::BoxFuture,
    clock::{Clock, Timestamp},
};

/// A clock that stands still until it is told to move, and then wakes its sleepers.
///
/// Clones share their time.
///
/// # Example
///
/// ```
/// use portcullis_core::clock::{Clock, Timestamp};
/// use portcullis_testkit::ManualClock;
/// use std::time::Duration;
///
/// let clock = ManualClock::at(Timestamp::from_secs(1_000));
/// clock.advance(Duration::from_secs(5));
/// assert_eq!(clock.now(), Timestamp::from_secs(1_005));
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    sleepers: Vec<Waker>,
}

impl ManualClock {
    /// A clock that shows `now`.
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State {
            now,
            sleepers: Vec::new(),
        })))
    }

    /// Moves the clock forward by `span`.
    pub fn advance(&self, span: Duration) {
        let now = self.now() + span;
        self.set(now);
    }

    /// Sets the clock to `now`, which may be earlier.
    pub fn set(&self, now: Timestamp) {
        let sleepers = {
            let mut state = self.state();
            state.now = now;
            std::mem::take(&mut state.sleepers)
        };
        sleepers.into_iter().for_each(Waker::wake);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for ManualClock {
    /// A clock that shows an instant of November 2023.
    fn default() -> Self {
        Self::at(Timestamp::from_secs(1_700_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.state().now
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()> {
        let clock = self.clone();
        Box::pin(poll_fn(move |cx| {
            let mut state = clock.state();
            if state.now >= deadline {
                return Poll::Ready(());
            }
            if !state
                .sleepers
                .iter()
                .any(|waker| waker.will_wake(cx.waker()))
            {
                state.sleepers.push(cx.waker().clone());
            }
            Poll::Pending
        }))
    }
}

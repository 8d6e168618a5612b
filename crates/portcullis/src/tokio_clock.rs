//! Tells the time and sleeps on the tokio timer, so that a test can pause and advance both.

use std::time::Duration;

use portcullis_core::{
    answer::BoxFuture,
    clock::{Clock, SystemClock, Timestamp},
};
use tokio::time::Instant;

/// The system's wall clock at its creation, moved on by tokio's [`Instant`].
///
/// A step of the system clock after the start is not seen. Under `tokio::time::pause` it stands
/// still and moves with `tokio::time::advance`.
///
/// # Example
///
/// ```
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build()
/// #     .unwrap().block_on(async {
/// use portcullis::{core::clock::Clock, tokio_clock::TokioClock};
/// use std::time::Duration;
///
/// let clock = TokioClock::new();
/// let start = clock.now();
/// clock.sleep_until(start + Duration::from_secs(60)).await; // at once: the runtime is paused
/// assert!(clock.now().since(start) >= Duration::from_secs(60));
/// # });
/// ```
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    epoch: Timestamp,
    started: Instant,
}

impl TokioClock {
    /// A clock that starts at the system's time.
    pub fn new() -> Self {
        Self {
            epoch: SystemClock.now(),
            started: Instant::now(),
        }
    }
}

impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for TokioClock {
    fn now(&self) -> Timestamp {
        self.epoch + self.started.elapsed()
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()> {
        // The timer counts milliseconds: one more, so that `now` has reached the deadline.
        let wait = deadline
            .since(self.now())
            .saturating_add(Duration::from_millis(1));
        Box::pin(tokio::time::sleep(wait))
    }
}

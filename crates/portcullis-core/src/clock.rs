//! Tells the time, and wakes a future at one: the only port through which time enters.
//!
//! Every decision takes a [`Timestamp`]; every layer that has to know the present holds an
//! `Arc<dyn Clock>`. [`SystemClock`] is the only caller of the system clock in the workspace.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[cfg(target_os = "linux")]
use nix::time::{ClockId, clock_gettime};

use crate::answer::BoxFuture;

#[cfg(test)]
mod tests;
mod timer;

/// A point in time, in whole microseconds since the Unix epoch.
///
/// Arithmetic saturates at both ends, so a hostile `exp` cannot wrap round.
///
/// # Example
///
/// ```
/// use portcullis_core::clock::Timestamp;
/// use std::time::Duration;
///
/// let login = Timestamp::from_secs(1_700_000_000);
/// let later = login + Duration::from_millis(1_500);
/// assert_eq!(later.since(login), Duration::from_millis(1_500));
/// assert_eq!(login.since(later), Duration::ZERO, "never negative");
/// assert_eq!(later.as_secs(), 1_700_000_001, "rounded down");
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(u64);

impl Timestamp {
    /// The last representable instant, some 584,000 years ahead.
    pub const MAX: Self = Self(u64::MAX);

    /// The instant `secs` seconds after the epoch, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// The instant `millis` milliseconds after the epoch, saturating.
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis.saturating_mul(1_000))
    }

    /// The instant `micros` microseconds after the epoch.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Whole seconds since the epoch, rounded down.
    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000
    }

    /// Whole milliseconds since the epoch, rounded down.
    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000
    }

    /// Microseconds since the epoch.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero when `earlier` is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// The instant `span` earlier, or the epoch.
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(micros(span)))
    }
}

impl std::ops::Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(micros(span)))
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// Tells the time and wakes sleepers.
///
/// Implementations must not go back by more than the stores tolerate: each store states what a
/// backward step costs. `now` is called on every request and must not block.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The present instant.
    fn now(&self) -> Timestamp;

    /// An instant that has just been the present, read for less than [`now`](Self::now) costs.
    ///
    /// It lags and never leads: what [`now`](Self::now) gives afterwards is no earlier, unless the
    /// clock was set back in between. Two calls in a row may give the same instant, and one after
    /// [`now`](Self::now) may give an earlier one. A clock that has no cheaper way gives
    /// [`now`](Self::now), which is what this does unless overridden; [`SystemClock`] says by how
    /// much it lags.
    ///
    /// For what may be a little old, such as whether something has drained; never for what a peer
    /// is told.
    fn now_coarse(&self) -> Timestamp {
        self.now()
    }

    /// A future that ends once [`now`](Self::now) has reached `deadline`.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()>;
}

/// The clock of the operating system.
///
/// Needs no async runtime: sleepers share one timer thread, started by the first of them.
///
/// On Linux [`now_coarse`](Clock::now_coarse) is the time of the kernel's last tick
/// (`CLOCK_REALTIME_COARSE`), at a fifth of the cost: 1 to 10 ms late at most, as the kernel was
/// configured, and later only while a hypervisor withholds the CPU that keeps the kernel's time.
/// Elsewhere it is [`now`](Clock::now).
///
/// # Example
///
/// ```
/// use portcullis_core::clock::{Clock, SystemClock, Timestamp};
///
/// assert!(SystemClock.now() > Timestamp::from_secs(1_700_000_000));
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that may ask the system
    fn now(&self) -> Timestamp {
        // A clock before 1970 reads as the epoch: every token is then from the future and refused.
        Timestamp::from_micros(micros(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default(),
        ))
    }

    #[cfg(target_os = "linux")]
    fn now_coarse(&self) -> Timestamp {
        let Ok(last_tick) = clock_gettime(ClockId::CLOCK_REALTIME_COARSE) else {
            return self.now(); // a sandbox that knows no such clock
        };
        // As above, 1970 is the least.
        let secs = u64::try_from(last_tick.tv_sec()).unwrap_or_default();
        let part = u64::try_from(last_tick.tv_nsec()).unwrap_or_default() / 1_000;
        Timestamp(secs.saturating_mul(1_000_000).saturating_add(part))
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()> {
        Box::pin(timer::Sleep::new(deadline))
    }
}

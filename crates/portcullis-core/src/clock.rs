//! Tells the time, and wakes a future at one: the only port through which time enters.
//!
//! Every decision takes a [`Timestamp`]; every layer that has to know the present holds an
//! `Arc<dyn Clock>`. [`SystemClock`] is the only caller of the system clock in the workspace.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use crate::answer::BoxFuture;

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

    /// A future that ends once [`now`](Self::now) has reached `deadline`.
    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()>;
}

/// The clock of the operating system.
///
/// Needs no async runtime: sleepers share one timer thread, started by the first of them.
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

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()> {
        Box::pin(timer::Sleep::new(deadline))
    }
}

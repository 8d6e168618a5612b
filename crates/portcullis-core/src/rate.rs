//! Admits or refuses by quota: GCRA and the exact log as pure functions, several limits in one
//! decision.
//!
//! | part | what it is |
//! |---|---|
//! | [`Quota`] | how many in how long: [`Quota::per`] (GCRA) or [`Quota::strict`] (exact log) |
//! | [`Limit`] | a quota with a name |
//! | [`Limiter`] | hashes keys, takes several limits at once, refunds, counts failures |
//! | [`RateStore`] | the port: memory, or Redis in one round trip |
//! | [`gcra`], [`log`] | the algorithms, without a store |
//!
//! # Which quota
//!
//! [`Quota::per`]`(n, period)` holds one integer per key and refills evenly, so a key that was
//! idle may pass up to `2n - 1` times in some window of length `period`. [`Quota::strict`] keeps
//! the last `n` admissions and never passes more than `n` times in any window; use it where a
//! policy says so. Neither bounds guessing for ever (5 per 15 minutes is 480 a day): that is what
//! [`Limiter::record_failure`] is for, a counter that does not refill.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use portcullis_core::{
//!     Secret, clock::SystemClock, keys::{DerivedKey, Purpose}, memory::MemoryRateStore,
//!     rate::{Charge, Limit, Limiter, Outcome, Quota},
//! };
//! use std::time::Duration;
//!
//! let store = Arc::new(MemoryRateStore::new(Arc::new(SystemClock)));
//! let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32]))?;
//! let limiter = Limiter::new(store, key);
//!
//! let by_account = Limit::new("login-account", Quota::strict(1, Duration::from_secs(900))?)?;
//! let charges = [Charge::new(&by_account, &[b"alice"])];
//!
//! let first = limiter.reserve(&charges).into_now().unwrap()?;
//! assert!(matches!(first, Outcome::Admitted(_)));
//! let second = limiter.reserve(&charges).into_now().unwrap()?;
//! assert!(matches!(second, Outcome::Refused { .. }));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

mod address;
mod breaker;
mod few;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod gcra;
mod key_hash;
mod limit;
mod limiter;
pub mod log;
mod memo;
mod outcome;
mod quota;
mod store;

pub use address::AddressKey;
pub use few::{Few, MAX_CHARGES};
pub use limit::{Charge, Limit};
pub use limiter::{Limiter, OnStoreFailure};
pub use outcome::{Outcome, Reservation};
pub use quota::{Quota, QuotaError, QuotaKind, Rate};
pub use store::{Counted, LimitState, RateKey, RateStore, Refund, Take, Taken};

/// What one key may at most be charged for: 31 days, in microseconds.
const MAX_PERIOD_MICROS: u64 = 31 * 24 * 3600 * 1_000_000;

fn micros(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

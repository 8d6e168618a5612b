//! What a rate store shows to the suite that tests it.

use std::sync::Arc;

use portcullis_core::{
    Answer,
    clock::{Clock as _, Timestamp},
    memory::MemoryRateStore,
    rate::RateStore,
};

use crate::ManualClock;

/// A fresh, empty rate store, and the hand on its clock.
pub trait RateHarness {
    /// The store.
    fn rates(&self) -> &dyn RateStore;

    /// The store's present.
    fn now(&self) -> Timestamp;

    /// Sets the store's clock, which may go back; ends once the store shows that time.
    fn set(&self, now: Timestamp) -> Answer<()>;
}

/// The memory store on a [`ManualClock`].
///
/// # Example
///
/// ```
/// use portcullis_testkit::{MemoryRates, RateHarness};
/// use std::time::Duration;
///
/// let memory = MemoryRates::new();
/// let later = memory.now() + Duration::from_secs(5);
/// memory.set(later).into_now().unwrap();
/// assert_eq!(memory.now(), later);
/// ```
#[derive(Debug)]
pub struct MemoryRates {
    clock: ManualClock,
    store: MemoryRateStore,
}

impl MemoryRates {
    /// An empty store.
    pub fn new() -> Self {
        let clock = ManualClock::default();
        Self {
            store: MemoryRateStore::new(Arc::new(clock.clone())),
            clock,
        }
    }

    /// The store itself.
    pub const fn store(&self) -> &MemoryRateStore {
        &self.store
    }
}

impl Default for MemoryRates {
    fn default() -> Self {
        Self::new()
    }
}

impl RateHarness for MemoryRates {
    fn rates(&self) -> &dyn RateStore {
        &self.store
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn set(&self, now: Timestamp) -> Answer<()> {
        self.clock.set(now);
        Answer::now(())
    }
}

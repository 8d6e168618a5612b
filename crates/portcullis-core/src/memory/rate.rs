//! Rate-limit state of one process: bounded, exact, and it never forgets a live entry.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    answer::Answer,
    clock::{Clock, Timestamp},
    rate::{Counted, Few, LimitState, MAX_CHARGES, RateKey, RateStore, Refund, Take, Taken},
    store::StoreError,
};
use table::Table;

mod table;
#[cfg(test)]
mod tests;

/// Shards, each behind a lock of its own; a power of two, several times the cores of a machine.
const SHARDS: usize = 64;

/// Until a new key is worth another try when every entry is alive.
const FULL_RETRY: Duration = Duration::from_secs(1);

/// Keeps limits and failure counters of one process.
///
/// Dropping an entry that is still charged would let whoever floods the store with fresh keys
/// reset another's limit, whatever the order of eviction. So none is dropped: when a shard is
/// full of live entries, keys that it does not know are refused, and those that it knows go on as
/// before. Size it from the global limit, which bounds how many keys can be alive: at most its
/// burst, and its rate times the longest period.
///
/// Entries that have drained are dropped as new ones come, a few at a time; there is no background
/// task and no pause. A refused request leaves nothing behind.
///
/// # Example
///
/// ```
/// use std::sync::Arc;
/// use portcullis_core::{clock::SystemClock, memory::MemoryRateStore};
///
/// let store = MemoryRateStore::new(Arc::new(SystemClock)).with_capacity(10_000);
/// assert_eq!(store.entries(), 0);
/// ```
pub struct MemoryRateStore {
    clock: Arc<dyn Clock>,
    shards: Box<[Mutex<Shard>]>,
    per_shard: usize,
    refused_full: AtomicU64,
}

/// Counters apart from limits: a flood of addresses leaves room for accounts.
#[derive(Default)]
struct Shard {
    limits: Table,
    counters: Table,
}

/// The shards of one decision over several limits, and where that of each key is among them.
struct Locked<'a> {
    guards: [Option<MutexGuard<'a, Shard>>; MAX_CHARGES],
    places: [usize; MAX_CHARGES],
}

impl Locked<'_> {
    fn limits(&mut self, index: usize) -> &mut Table {
        let shard = self.guards[self.places[index]].as_mut();
        &mut shard.expect("the shard of every key was locked").limits
    }
}

impl MemoryRateStore {
    /// How many limits, and as many counters, are kept unless configured.
    pub const DEFAULT_CAPACITY: usize = 1 << 18;

    /// An empty store on `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_shard: Self::DEFAULT_CAPACITY.div_ceil(SHARDS),
            refused_full: AtomicU64::new(0),
        }
    }

    /// Keeps about `entries` limits, and as many counters, rounded up to the 64 shards.
    ///
    /// The hash spreads keys unevenly: give half as much again as must fit. An entry takes some
    /// 100 bytes, an exact log 8 more per admission; memory is taken as entries come.
    #[must_use]
    pub fn with_capacity(self, entries: usize) -> Self {
        Self {
            per_shard: entries.div_ceil(SHARDS).max(1),
            ..self
        }
    }

    /// How many entries are held, drained ones that await their sweep included.
    pub fn entries(&self) -> usize {
        let held = |shard: &Mutex<Shard>| {
            let shard = lock(shard);
            shard.limits.len() + shard.counters.len()
        };
        self.shards.iter().map(held).sum()
    }

    /// How many decisions were refused because a new key found no room.
    pub fn refused_for_space(&self) -> u64 {
        self.refused_full.load(Ordering::Relaxed)
    }

    /// Locks the shards of `takes`, each once and in ascending order, so that two decisions over
    /// the same shards cannot wait for each other.
    fn lock_all(&self, takes: &[Take]) -> Locked<'_> {
        let mut wanted = [SHARDS; MAX_CHARGES];
        for (shard, take) in wanted.iter_mut().zip(takes) {
            *shard = shard_of(&take.key);
        }
        let mut order = wanted;
        order.sort_unstable();
        let guards = std::array::from_fn(|index| {
            let fresh = index == 0 || order[index - 1] != order[index];
            let shard = self.shards.get(order[index]).filter(|_| fresh);
            shard.map(lock)
        });
        let place = |shard| order.iter().position(|&locked| locked == shard);
        let places = wanted.map(|shard| place(shard).unwrap_or_default());
        Locked { guards, places }
    }

    fn decide(&self, takes: &[Take]) -> Taken {
        if let [take] = takes {
            let (state, now) = self.decide_one(take);
            return Taken {
                admitted: !state.refused || take.shadow,
                now,
                states: Few::from(state),
            };
        }
        let mut locked = self.lock_all(takes);
        // Read under the locks: an instant read before could lie behind one already charged at.
        let now = self.clock.now();
        let look = |(index, take)| {
            let state = locked.limits(index).look(take, self.per_shard, now);
            state.unwrap_or_else(|| self.refuse_new())
        };
        let mut states: Few<LimitState> = takes.iter().enumerate().map(look).collect();
        let passes = |(state, take): (&LimitState, &Take)| !state.refused || take.shadow;
        let admitted = states.iter().zip(takes).all(passes);
        if admitted {
            let charged = states.as_mut_slice().iter_mut().zip(takes).enumerate();
            for (index, (state, take)) in charged.filter(|(_, (state, _))| !state.refused) {
                *state = locked.limits(index).admit(take, now);
            }
        }
        Taken {
            admitted,
            now,
            states,
        }
    }

    /// The same for one limit, which is what most requests are charged to: one lock, one look-up.
    fn decide_one(&self, take: &Take) -> (LimitState, Timestamp) {
        let mut shard = self.shard(&take.key);
        let now = self.clock.now();
        let state = shard.limits.take(take, self.per_shard, now);
        drop(shard);
        (state.unwrap_or_else(|| self.refuse_new()), now)
    }

    /// The state of a new key without room. One decision can overshoot the capacity by the keys
    /// that it brings itself.
    fn refuse_new(&self) -> LimitState {
        self.refused_full.fetch_add(1, Ordering::Relaxed);
        LimitState {
            refused: true,
            retry_after: FULL_RETRY,
            ..LimitState::default()
        }
    }

    fn shard(&self, key: &RateKey) -> MutexGuard<'_, Shard> {
        lock(&self.shards[shard_of(key)])
    }
}

impl RateStore for MemoryRateStore {
    fn take(&self, takes: &[Take]) -> Answer<Result<Taken, StoreError>> {
        if takes.len() > MAX_CHARGES {
            return Answer::now(Err(StoreError::plain("more than 8 limits in one decision")));
        }
        Answer::now(Ok(self.decide(takes)))
    }

    fn refund(&self, refunds: &[Refund]) -> Answer<Result<(), StoreError>> {
        for refund in refunds {
            let mut shard = self.shard(&refund.key);
            let now = self.clock.now();
            shard.limits.refund(refund, now);
        }
        Answer::now(Ok(()))
    }

    fn failures(&self, key: &RateKey) -> Answer<Result<u32, StoreError>> {
        let shard = self.shard(key);
        Answer::now(Ok(shard.counters.count(key, self.clock.now())))
    }

    fn record_failure(
        &self,
        key: &RateKey,
        cap: u32,
        ttl: Duration,
    ) -> Answer<Result<Counted, StoreError>> {
        let mut shard = self.shard(key);
        let (counters, now) = (&mut shard.counters, self.clock.now());
        let counted = counters.increment(key, cap, now, ttl, self.per_shard);
        Answer::now(counted.ok_or_else(|| StoreError::plain("no room for a failure counter")))
    }

    fn is_local(&self) -> bool {
        true
    }

    fn take_one(&self, take: &Take) -> Option<LimitState> {
        Some(self.decide_one(take).0)
    }

    fn clear(&self, keys: &[RateKey]) -> Answer<Result<(), StoreError>> {
        for key in keys {
            let mut shard = self.shard(key);
            shard.limits.forget(key);
            shard.counters.forget(key);
        }
        Answer::now(Ok(()))
    }
}

impl fmt::Debug for MemoryRateStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRateStore")
            .field("capacity", &(self.per_shard * SHARDS))
            .field("entries", &self.entries())
            .finish_non_exhaustive()
    }
}

/// Neither the lowest nor the highest bits, by which a table finds its entries.
fn shard_of(key: &RateKey) -> usize {
    usize::try_from((key.folded() >> 40) % SHARDS as u64).unwrap_or_default()
}

fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

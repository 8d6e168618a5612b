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
    clock::Clock,
    rate::{
        Counted, Few, LimitState, MAX_CHARGES, QuotaKind, RateKey, RateStore, Refund, Take, Taken,
    },
    store::StoreError,
};
use counters::Counters;
use limits::Limits;

mod counters;
mod limits;
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
/// task. A refused request leaves nothing behind.
///
/// One even limit by itself ([`RateStore::take_one`]) is admitted by [`Clock::now_coarse`], and
/// refused by [`Clock::now`] only: a lag lets somebody in that much earlier, and keeps nobody out.
/// In any window at most its burst, and one for each refill of the window and the lag, pass.
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
    limits: Box<[Shard]>,
    /// Apart from limits: a flood of addresses leaves room for accounts.
    counters: Box<[Mutex<Counters>]>,
    per_shard: usize,
    refused_full: AtomicU64,
}

/// The lock and what it guards share a cache line with nothing else.
#[derive(Default)]
#[repr(align(64))]
struct Shard(Mutex<Limits>);

/// The shards of one decision over several limits, and where that of each key is among them.
struct Locked<'a> {
    guards: [Option<MutexGuard<'a, Limits>>; MAX_CHARGES],
    places: [usize; MAX_CHARGES],
}

impl Locked<'_> {
    fn limits(&mut self, index: usize) -> &mut Limits {
        let shard = self.guards[self.places[index]].as_mut();
        shard.expect("the shard of every key was locked")
    }
}

impl MemoryRateStore {
    /// How many limits, and as many counters, are kept unless configured.
    pub const DEFAULT_CAPACITY: usize = 1 << 18;

    /// An empty store on `clock`.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            limits: (0..SHARDS).map(|_| Shard::default()).collect(),
            counters: (0..SHARDS).map(|_| Mutex::default()).collect(),
            per_shard: Self::DEFAULT_CAPACITY.div_ceil(SHARDS),
            refused_full: AtomicU64::new(0),
        }
    }

    /// Keeps about `entries` limits, and as many counters, rounded up to the 64 shards.
    ///
    /// The hash spreads keys unevenly: give half as much again as must fit. An entry takes 43 to 85
    /// bytes, an exact log some 64 more and 8 per admission; memory is taken as entries come.
    #[must_use]
    pub fn with_capacity(self, entries: usize) -> Self {
        Self {
            per_shard: entries.div_ceil(SHARDS).max(1),
            ..self
        }
    }

    /// How many entries are held, drained ones that await their sweep included.
    pub fn entries(&self) -> usize {
        let limits = self.limits.iter().map(|shard| lock(&shard.0).len());
        let counters = self.counters.iter().map(|shard| lock(shard).len());
        limits.chain(counters).sum()
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
            let shard = self.limits.get(order[index]).filter(|_| fresh);
            shard.map(|shard| lock(&shard.0))
        });
        let place = |shard| order.iter().position(|&locked| locked == shard);
        let places = wanted.map(|shard| place(shard).unwrap_or_default());
        Locked { guards, places }
    }

    fn decide(&self, takes: &[Take]) -> Taken {
        if let [take] = takes {
            let mut limits = self.limits(&take.key);
            let now = self.clock.now();
            let state = limits.take(take, self.per_shard, now);
            drop(limits);
            let state = state.unwrap_or_else(|| self.refuse_new());
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

    /// Charges one limit: one lock and mostly one look-up, which is what most requests come to.
    ///
    /// The instant that admits may be a little old; what is too much then is decided anew at the
    /// present, so nobody is refused for that, or told a wait that is not exact.
    fn charge(&self, take: &Take) -> Result<(), LimitState> {
        let mut limits = self.limits(&take.key);
        if take.quota.kind() == QuotaKind::Gcra
            && limits.admits(take, self.per_shard, self.clock.now_coarse())
        {
            return Ok(());
        }
        let state = limits.take(take, self.per_shard, self.clock.now());
        drop(limits);
        let state = state.unwrap_or_else(|| self.refuse_new());
        if state.refused { Err(state) } else { Ok(()) }
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

    fn limits(&self, key: &RateKey) -> MutexGuard<'_, Limits> {
        lock(&self.limits[shard_of(key)].0)
    }

    fn counters(&self, key: &RateKey) -> MutexGuard<'_, Counters> {
        lock(&self.counters[shard_of(key)])
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
            let mut limits = self.limits(&refund.key);
            let now = self.clock.now();
            limits.refund(refund, now);
        }
        Answer::now(Ok(()))
    }

    fn failures(&self, key: &RateKey) -> Answer<Result<u32, StoreError>> {
        let counters = self.counters(key);
        Answer::now(Ok(counters.count(key, self.clock.now())))
    }

    fn record_failure(
        &self,
        key: &RateKey,
        cap: u32,
        ttl: Duration,
    ) -> Answer<Result<Counted, StoreError>> {
        let mut counters = self.counters(key);
        let counted = counters.increment(key, cap, self.clock.now(), ttl, self.per_shard);
        Answer::now(counted.ok_or_else(|| StoreError::plain("no room for a failure counter")))
    }

    fn is_local(&self) -> bool {
        true
    }

    fn take_one(&self, take: &Take) -> Option<Result<(), LimitState>> {
        Some(self.charge(take))
    }

    fn clear(&self, keys: &[RateKey]) -> Answer<Result<(), StoreError>> {
        for key in keys {
            self.limits(key).remove(key);
            self.counters(key).remove(key);
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

fn lock<T>(shard: &Mutex<T>) -> MutexGuard<'_, T> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

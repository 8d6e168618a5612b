//! What an instant that is a little old may change: a wait by as much, and nothing else.

use proptest::prelude::*;

use super::*;
use crate::{answer::BoxFuture, clock::Timestamp};

/// The most that the cheap clock of these tests lags, in microseconds.
const LAG: u64 = 10_000;

/// A clock whose cheap reading lags by as much as a test says.
#[derive(Debug)]
struct Lagging {
    now: AtomicU64,
    lag: AtomicU64,
}

impl Lagging {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(Hands::START.as_micros()),
            lag: AtomicU64::new(0),
        })
    }

    fn pass(&self, micros: u64, lag: u64) {
        self.now.fetch_add(micros, Ordering::Relaxed);
        self.lag.store(lag, Ordering::Relaxed);
    }
}

impl Clock for Lagging {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.now.load(Ordering::Relaxed))
    }

    fn now_coarse(&self) -> Timestamp {
        self.now()
            .minus(Duration::from_micros(self.lag.load(Ordering::Relaxed)))
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }
}

/// The wait that `take` is told, `None` when it is admitted.
fn wait(store: &MemoryRateStore, take: &Take, exact: bool) -> Option<u64> {
    let refused = if exact {
        let state = now(store.take(&[*take])).unwrap().states[0];
        state.refused.then_some(state)
    } else {
        store.take_one(take).unwrap().err()
    };
    refused.map(|state| u64::try_from(state.retry_after.as_micros()).unwrap())
}

proptest! {
    /// Beside an arrival time that counts what was admitted by exact instants alone.
    #[test]
    fn a_lag_shortens_waits_by_as_much_at_most_and_refuses_nobody(
        count in 1_u32..6,
        period in 1_000_u64..60_000,
        steps in prop::collection::vec((0_u64..25_000, 0..=LAG, any::<bool>()), 1..120),
    ) {
        let quota = Quota::per(count, Duration::from_micros(period)).unwrap();
        let unit = u64::try_from(quota.emission().as_micros()).unwrap();
        let full = unit * u64::from(count);
        let clock = Lagging::new();
        let store = MemoryRateStore::new(clock.clone());
        let (mut arrival, mut admitted) = (0, Vec::new());
        for (micros, lag, exact) in steps {
            clock.pass(micros, lag);
            let now = clock.now().as_micros();
            let strict = (arrival.max(now) + unit).saturating_sub(now + full);
            match wait(&store, &take(1, quota), exact) {
                None => {
                    prop_assert!(strict <= LAG, "{strict} too early");
                    arrival = arrival.max(now) + unit;
                    admitted.push(now);
                }
                Some(told) => {
                    prop_assert!(told <= strict && strict <= told + LAG, "{told}, not {strict}");
                    clock.pass(told - 1, lag);
                    prop_assert!(wait(&store, &take(1, quota), exact).is_some(), "not earlier");
                    clock.pass(1, lag);
                    prop_assert!(wait(&store, &take(1, quota), exact).is_none(), "kept its word");
                    let now = clock.now().as_micros();
                    arrival = arrival.max(now) + unit;
                    admitted.push(now);
                }
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let span = u64::try_from(last - first + 1).unwrap() * unit;
                prop_assert!(span <= to - from + full + LAG);
            }
        }
    }
}

#[test]
fn an_exact_log_knows_no_lag() {
    let clock = Lagging::new();
    let store = MemoryRateStore::new(clock.clone());
    let take = take(1, Quota::strict(1, Duration::from_millis(50)).unwrap());
    clock.pass(0, LAG);
    assert_eq!(wait(&store, &take, false), None);
    clock.pass(49_999, 0);
    assert_eq!(wait(&store, &take, false), Some(1));
    clock.pass(1, LAG);
    assert_eq!(wait(&store, &take, false), None);
}

#[test]
fn room_that_a_late_instant_does_not_see_is_found() {
    let clock = Lagging::new();
    let store = MemoryRateStore::new(clock.clone()).with_capacity(1);
    let quota = Quota::per_second(1_000).unwrap();
    let first = take(1, quota);
    let in_its_shard = |second: &Take| shard_of(&second.key) == shard_of(&first.key);
    let mut others = (2..).map(|number| take(number, quota));
    let second = others.find(in_its_shard).unwrap();
    assert_eq!(wait(&store, &first, false), None);
    clock.pass(5_000, LAG);
    assert_eq!(wait(&store, &second, false), None, "the first has drained");
    assert_eq!(store.refused_for_space(), 0);
}

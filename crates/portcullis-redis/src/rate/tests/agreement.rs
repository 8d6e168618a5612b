//! The scripts against the memory store, which is what the port promises.

use std::sync::Arc;

use portcullis_core::{clock::Timestamp, memory::MemoryRateStore};
use portcullis_testkit::ManualClock;

use super::*;
use crate::{Redis, rate::Scripts, script::Script};

/// What the tests replace in a script, and by what.
const TIME: &str = "redis.call('TIME')";
const SET_TIME: &str = "redis.call('HMGET', 'now', 'seconds', 'micros')";

/// Both stores, on one clock that is set by hand.
struct Pair {
    redis: Redis,
    ours: RedisRateStore,
    memory: MemoryRateStore,
    clock: ManualClock,
    now: Timestamp,
}

impl Pair {
    async fn start(server: &RedisServer) -> Self {
        let redis = connect(server).await;
        let now = Timestamp::from_micros(1_795_296_716_589_301);
        let clock = ManualClock::at(now);
        let timed = |script: Script| {
            assert_eq!(script.source().matches(TIME).count(), 1);
            Script::new(script.source().replace(TIME, SET_TIME))
        };
        let Scripts {
            take,
            refund,
            failure,
        } = Scripts::default();
        let scripts = Scripts {
            take: timed(take),
            refund: timed(refund),
            failure,
        };
        let ours = RedisRateStore::with_scripts(&redis, scripts);
        let memory = MemoryRateStore::new(Arc::new(clock.clone()));
        let mut pair = Self {
            redis,
            ours,
            memory,
            clock,
            now,
        };
        pair.set(now).await;
        pair
    }

    async fn set(&mut self, now: Timestamp) {
        let (seconds, micros) = (now.as_secs(), now.as_micros() % 1_000_000);
        let words = format!("HSET now seconds {seconds} micros {micros}");
        let _: i64 = ask(&self.redis, &words).await;
        self.clock.set(now);
        self.now = now;
    }

    /// Decides in both, and returns the refunds that the charges allow.
    async fn take(&self, takes: &[Take]) -> Vec<Refund> {
        let ours = self.ours.take(takes).await.unwrap();
        let wanted = self.memory.take(takes).await.unwrap();
        assert_eq!(
            (ours.admitted, ours.now, &*ours.states),
            (wanted.admitted, wanted.now, &*wanted.states),
            "{takes:#?}"
        );
        let charged = ours.states.iter().zip(takes);
        let charged = charged.filter(|(state, _)| ours.admitted && !state.refused);
        let give_back = |(state, take): (&_, &Take)| -> Refund {
            let state: &portcullis_core::rate::LimitState = state;
            refund(*take, state.mark.as_micros())
        };
        charged.map(give_back).collect()
    }

    async fn refund(&self, refunds: &[Refund]) {
        self.ours.refund(refunds).await.unwrap();
        self.memory.refund(refunds).await.unwrap();
    }
}

/// The splitmix64 generator: the same numbers on every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn small(&mut self, bound: u32) -> u32 {
        u32::try_from(self.below(u64::from(bound))).unwrap()
    }

    /// One to four limits, no key twice; periods so long that nothing expires during the test.
    fn takes(&mut self, quotas: &[Quota]) -> Vec<Take> {
        let first = self.below(quotas.len() as u64);
        let count = 1 + self.below(4);
        let indices = (first..first + count).map(|index| index % quotas.len() as u64);
        let take = |index: u64| {
            let index = u8::try_from(index).unwrap();
            let quota = quotas[usize::from(index)];
            Take {
                key: key(index),
                quota,
                cost: 1 + self.small(quota.max_cost().min(4)),
                shadow: self.below(5) == 0,
            }
        };
        indices.map(take).collect()
    }
}

fn quotas() -> Vec<Quota> {
    vec![
        Quota::per(10, HOUR).unwrap(),
        Quota::per(7, 31 * 24 * HOUR).unwrap(),
        Quota::per(999, HOUR).unwrap().with_burst(5).unwrap(),
        Quota::per(1, 2 * HOUR).unwrap(),
        Quota::strict(1, HOUR).unwrap(),
        Quota::strict(5, HOUR).unwrap(),
        Quota::strict(64, 24 * HOUR).unwrap(),
    ]
}

#[tokio::test]
async fn the_scripts_agree_with_the_memory_store_to_the_microsecond() {
    let server = RedisServer::start();
    let mut pair = Pair::start(&server).await;
    let mut numbers = Numbers(20);
    let quotas = quotas();
    let mut kept = Vec::new();
    let mut admitted = 0_u32;
    for round in 0..3_000_u32 {
        let refunds = pair.take(&numbers.takes(&quotas)).await;
        admitted += u32::from(!refunds.is_empty());
        match numbers.below(10) {
            0 => pair.refund(&refunds).await,
            1 => kept = refunds,
            2 => pair.refund(&std::mem::take(&mut kept)).await,
            _ => {}
        }
        let step = Duration::from_micros(numbers.below(600_000_000));
        if numbers.below(3) > 0 {
            pair.set(pair.now + step).await;
        }
        if round == 1_500 {
            let () = ask(&pair.redis, "SCRIPT FLUSH").await;
        }
    }
    assert!(
        (600..2_700).contains(&admitted),
        "both verdicts were seen: {admitted}"
    );
    for (name, left) in lifetimes(&pair.redis).await {
        assert!(left.is_some() || name == "now", "{name} never ends");
    }
}

#[tokio::test]
async fn a_clock_set_back_locks_nobody_out_for_longer_than_a_full_refill() {
    let server = RedisServer::start();
    let mut pair = Pair::start(&server).await;
    let start = pair.now;
    let takes = [evenly(1, 2), strict(2, 1)];
    let _ = pair.take(&takes).await;
    let _ = pair.take(&takes[..1]).await;
    pair.set(start.minus(100 * 24 * HOUR)).await;
    let _ = pair.take(&takes).await;
    let answer = pair.ours.take(&takes).await.unwrap();
    assert_eq!(answer.states[0].retry_after, takes[0].quota.emission());
    assert_eq!(answer.states[1].retry_after, HOUR);
}

#[tokio::test]
async fn a_quota_made_tighter_binds_what_was_charged_before() {
    let server = RedisServer::start();
    let pair = Pair::start(&server).await;
    let wide = Take {
        cost: 40,
        ..evenly(1, 50)
    };
    let _ = pair.take(&[wide]).await;
    let tight = Take {
        quota: Quota::per(2, HOUR).unwrap(),
        cost: 1,
        ..wide
    };
    let refunds = pair.take(&[tight]).await;
    assert_eq!(refunds, [], "refused, and for one request's time at most");
    let _ = pair.take(&[wide]).await;
}

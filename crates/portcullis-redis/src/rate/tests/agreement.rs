//! The scripts against the port's promises, and against a model in wide integers, on a clock that
//! is set by hand.

use std::sync::{Arc, Mutex};

use portcullis_core::{Answer, clock::Timestamp};
use portcullis_testkit::{RateHarness, rate_model::run_decisions};

use super::*;
use crate::{Redis, fixtures::run, rate::Scripts, script::Script};

/// What the tests replace in a script, and by what.
const TIME: &str = "redis.call('TIME')";
const SET_TIME: &str = "redis.call('HMGET', 'now', 'seconds', 'micros')";

/// A server whose time is a hash of two numbers.
struct RedisRates {
    redis: Redis,
    store: RedisRateStore,
    now: Arc<Mutex<Timestamp>>,
    _server: RedisServer,
}

async fn redis() -> RedisRates {
    let server = RedisServer::start();
    let redis = connect(&server).await;
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
    let now = Timestamp::from_micros(1_795_296_716_589_301);
    let rates = RedisRates {
        store: RedisRateStore::with_scripts(&redis, scripts),
        redis,
        now: Arc::new(Mutex::new(now)),
        _server: server,
    };
    rates.set(now).await;
    rates
}

impl RateHarness for RedisRates {
    fn rates(&self) -> &dyn RateStore {
        &self.store
    }

    fn now(&self) -> Timestamp {
        *self.now.lock().unwrap()
    }

    fn set(&self, now: Timestamp) -> Answer<()> {
        let (redis, shown) = (self.redis.clone(), self.now.clone());
        Answer::later(async move {
            let (seconds, micros) = (now.as_secs(), now.as_micros() % 1_000_000);
            let words = format!("HSET now seconds {seconds} micros {micros}");
            let _: i64 = ask(&redis, &words).await;
            *shown.lock().unwrap() = now;
        })
    }
}

portcullis_testkit::rate_store_conformance!(redis, run);

/// Two periods of 31 days beneath 2^53 microseconds, the last instant that a Lua number counts
/// exactly; and the first second of 1970.
#[tokio::test]
async fn decisions_are_exact_from_1970_to_2255() {
    let last = (1 << 53) - 2 * 31 * 24 * 3_600 * 1_000_000 - 400 * 600_000_000;
    for micros in [1, last] {
        let rates = redis().await;
        rates.set(Timestamp::from_micros(micros)).await;
        let tally = run_decisions(&rates, 300, micros).await;
        assert!(tally.admitted > 30 && tally.refused > 30, "{tally:?}");
    }
}

#[tokio::test]
async fn no_key_outlives_its_quota_after_any_sequence() {
    let rates = redis().await;
    let _ = run_decisions(&rates, 300, 7).await;
    let mut found = 0;
    for (name, left) in lifetimes(&rates.redis).await {
        let longest = 31 * 24 * HOUR + Duration::from_millis(2);
        let ends = left.is_some_and(|left| left <= longest);
        assert!(ends || name == "now", "{name}: {left:?}");
        found += 1;
    }
    assert!(found > 5, "{found}");
}

//! Measures what rate limits cost: microseconds of the server, bytes per key, what a flood of keys
//! does to memory, and what requests wait when Redis is killed under them.
//!
//! ```text
//! cargo run --release -p portcullis-redis --example limit_figures
//! ```
//!
//! It starts a `redis-server` of its own. The figures of `docs/rate-limits.md` are from it.

use std::{error::Error, fs, sync::Arc, time::Duration};

use futures_util::future::join_all;
use portcullis_core::{
    Secret,
    clock::{Clock, SystemClock, Timestamp},
    keys::{DerivedKey, Purpose},
    memory::MemoryRateStore,
    rate::{Charge, Limit, Limiter, Outcome, Quota, RateKey, RateStore, Take},
};
use portcullis_redis::{RedisConfig, RedisRateStore};
use portcullis_testkit::RedisServer;
use redis::{Client, aio::MultiplexedConnection, cmd, pipe};

type Failure = Box<dyn Error + Send + Sync>;

const HOUR: Duration = Duration::from_secs(3_600);

/// How many decisions the server's time is measured with.
const CALLS: usize = 20_000;

/// How many are under way at once.
const WIDTH: usize = 64;

/// How many fresh keys flood the memory store, twice.
const FLOOD: u32 = 1_000_000;

struct Bench {
    store: RedisRateStore,
    direct: MultiplexedConnection,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    flood()?;
    let mut server = RedisServer::start();
    let config = RedisConfig::from_url(&server.url())?.with_deadline(RedisConfig::MAX_DEADLINE)?;
    let client = Client::open(server.url())?;
    let mut bench = Bench {
        store: RedisRateStore::new(&config.connect().await?),
        direct: client.get_multiplexed_async_connection().await?,
    };
    println!(
        "\nserver: {}",
        bench.about("server", "redis_version").await?
    );
    bench.counters().await?;
    bench.decisions().await?;
    bench.memory().await?;
    outage(&mut server).await
}

/// Floods a memory store of the default size; a victim's limit is asked for all the while.
fn flood() -> Result<(), Failure> {
    let store = MemoryRateStore::new(Arc::new(SystemClock));
    let quota = Quota::strict(5, HOUR)?;
    let take = |number: u32| Take {
        key: RateKey::from_hash((u128::from(number) << 64 | 7).to_be_bytes()),
        quota,
        cost: 1,
        shadow: false,
    };
    let mut guesses = 0;
    println!(
        "flood of a memory store of {} keys",
        MemoryRateStore::DEFAULT_CAPACITY
    );
    println!("  before: {} KiB resident", resident()?);
    for round in 0..2 {
        for number in 1..=FLOOD {
            store.take_one(&take(round * FLOOD + number));
            if number % 10_000 == 0 {
                let state = store.take_one(&take(0));
                guesses += u32::from(state.is_some_and(|decided| decided.is_ok()));
            }
        }
        println!(
            "  after {} fresh keys: {} KiB resident, {} kept, {} refused for space, \
             {guesses} guesses at a quota of 5",
            (round + 1) * FLOOD,
            resident()?,
            store.entries(),
            store.refused_for_space(),
        );
    }
    Ok(())
}

/// Resident memory of this process, by Linux.
fn resident() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let text = line.unwrap_or_default().trim().trim_end_matches(" kB");
    Ok(text.parse()?)
}

impl Bench {
    async fn about(&mut self, section: &str, field: &str) -> Result<String, Failure> {
        let info: String = cmd("INFO")
            .arg(section)
            .query_async(&mut self.direct)
            .await?;
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| *name == field);
        Ok(found.map_or_else(String::new, |(_, value)| value.trim().to_owned()))
    }

    async fn reset(&mut self) -> Result<(), Failure> {
        let mut both = pipe();
        both.cmd("FLUSHALL").ignore();
        both.cmd("CONFIG").arg("RESETSTAT").ignore();
        Ok(both.query_async(&mut self.direct).await?)
    }

    /// Microseconds of the server per decision, over all of `commands`.
    async fn spent(&mut self, commands: &[&str]) -> Result<f64, Failure> {
        let mut sum = 0.0;
        for command in commands {
            let field = format!("cmdstat_{command}");
            let stats = self.about("commandstats", &field).await?;
            let micros = stats
                .split(',')
                .find_map(|part| part.strip_prefix("usec="))
                .unwrap_or("0");
            sum += micros.parse::<f64>()?;
        }
        Ok(sum / f64::from(u32::try_from(CALLS)?))
    }

    /// What counting in fixed windows costs, not atomically and without an answer to when.
    async fn counters(&mut self) -> Result<(), Failure> {
        for limits in [1, 3] {
            self.reset().await?;
            for first in (0..CALLS).step_by(WIDTH) {
                let calls = (first..CALLS.min(first + WIDTH)).map(|number| {
                    let mut direct = self.direct.clone();
                    let mut commands = pipe();
                    for limit in 0..limits {
                        let key = format!("count:{limit}:{number}");
                        commands.cmd("INCR").arg(&key).ignore();
                        commands.cmd("EXPIRE").arg(&key).arg(3_600).ignore();
                    }
                    async move { commands.query_async::<()>(&mut direct).await }
                });
                for done in join_all(calls).await {
                    done?;
                }
            }
            let spent = self.spent(&["incr", "expire"]).await?;
            println!("INCR + EXPIRE, {limits} counters: {spent:.1} µs of the server");
        }
        Ok(())
    }

    async fn decisions(&mut self) -> Result<(), Failure> {
        let even = Quota::per(10, HOUR)?;
        let exact = Quota::strict(5, HOUR)?;
        let all = Quota::per(1_000_000, HOUR)?;
        let cases: [(&str, &[Quota], bool); 5] = [
            ("1 even limit, admitted", &[even], false),
            ("3 even limits, admitted", &[even, even, all], false),
            (
                "2 even limits and an exact one, admitted",
                &[even, exact, all],
                false,
            ),
            ("1 even limit, refused", &[even], true),
            ("3 even limits, refused", &[even, even, all], true),
        ];
        for (what, quotas, is_hot) in cases {
            self.reset().await?;
            let mut refused = 0;
            for first in (0..CALLS).step_by(WIDTH) {
                let calls = (first..CALLS.min(first + WIDTH)).map(|number| {
                    let number = if is_hot { 0 } else { number as u64 };
                    self.store.take(&takes(quotas, number))
                });
                for taken in join_all(calls).await {
                    refused += usize::from(!taken?.admitted);
                }
            }
            let spent = self.spent(&["evalsha", "eval"]).await?;
            println!("take, {what}: {spent:.1} µs of the server ({refused} refused)");
        }
        Ok(())
    }

    async fn memory(&mut self) -> Result<(), Failure> {
        for (what, quota) in [
            ("even limit", Quota::per(10, HOUR)?),
            ("exact limit with one admission", Quota::strict(5, HOUR)?),
        ] {
            self.reset().await?;
            let empty: u64 = self.about("memory", "used_memory").await?.parse()?;
            for first in (0..CALLS).step_by(WIDTH) {
                let calls = (first..CALLS.min(first + WIDTH))
                    .map(|number| self.store.take(&takes(&[quota], number as u64)));
                for taken in join_all(calls).await {
                    taken?;
                }
            }
            let used: u64 = self.about("memory", "used_memory").await?.parse()?;
            println!("{what}: {} bytes a key", (used - empty) / CALLS as u64);
        }
        Ok(())
    }
}

/// One charge to each quota, under keys of `number`; the last of several is everybody's.
fn takes(quotas: &[Quota], number: u64) -> Vec<Take> {
    let take = |(limit, quota): (usize, &Quota)| {
        let is_shared = limit == 2;
        let whose = if is_shared { 0 } else { number };
        let hash = (u128::from(whose) << 64) | limit as u128;
        Take {
            key: RateKey::from_hash(hash.to_be_bytes()),
            quota: *quota,
            cost: 1,
            shadow: false,
        }
    };
    quotas.iter().enumerate().map(take).collect()
}

/// Kills the server under requests, and starts it again.
async fn outage(server: &mut RedisServer) -> Result<(), Failure> {
    let store = RedisConfig::from_url(&server.url())?.connect().await?;
    let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32]))?;
    let limiter = Limiter::new(Arc::new(RedisRateStore::new(&store)), key);
    let limit = Limit::new("address", Quota::per_second(100_000)?)?;
    println!("\n{WIDTH} requests at once, each waiting for its decision");
    round("Redis up", &limiter, &limit, 20_000).await?;
    server.stop();
    round(
        "the first after it was killed",
        &limiter,
        &limit,
        20 * WIDTH,
    )
    .await?;
    round("then", &limiter, &limit, 200_000).await?;
    server.restart();
    let began = SystemClock.now();
    while server.ask(&["DBSIZE"])?.trim() == "0" {
        round("", &limiter, &limit, 1).await?;
        tokio::task::yield_now().await;
    }
    println!(
        "decides again {:?} after its restart",
        SystemClock.now().since(began)
    );
    round("Redis up again", &limiter, &limit, 20_000).await?;
    server.freeze();
    round("the first after it froze", &limiter, &limit, 20 * WIDTH).await?;
    round("then", &limiter, &limit, 200_000).await?;
    server.thaw();
    Ok(())
}

/// Makes `count` decisions and says how long each took.
async fn round(what: &str, limiter: &Limiter, limit: &Limit, count: usize) -> Result<(), Failure> {
    let mut waits = Vec::with_capacity(count);
    for first in (0..count).step_by(WIDTH) {
        let calls = (first..count.min(first + WIDTH)).map(|number| async move {
            let name = number.to_be_bytes();
            let began: Timestamp = SystemClock.now();
            let outcome = limiter.reserve(&[Charge::new(limit, &[&name])]).await?;
            let waited = SystemClock.now().since(began);
            assert!(
                matches!(outcome, Outcome::Admitted(_)),
                "far below the quota"
            );
            Ok::<_, Failure>(waited)
        });
        for waited in join_all(calls).await {
            waits.push(waited?);
        }
    }
    waits.sort();
    let at = |share: usize| waits[(waits.len() * share / 1_000).min(waits.len() - 1)];
    if !what.is_empty() {
        println!(
            "  {what}: p50 {:?}, p99 {:?}, longest {:?}",
            at(500),
            at(990),
            at(1_000)
        );
    }
    Ok(())
}

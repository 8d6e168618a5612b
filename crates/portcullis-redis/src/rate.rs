//! The state of rate limits and the counters of failures.

use std::{fmt::Write, sync::Arc, time::Duration};

use portcullis_core::{
    Answer,
    clock::Timestamp,
    rate::{
        Counted, Few, LimitState, MAX_CHARGES, Quota, QuotaKind, RateKey, RateStore, Refund, Take,
        Taken,
    },
    store::StoreError,
};
use redis::{Cmd, cmd};

use crate::{
    Redis,
    script::{Call, Script},
    trouble::Trouble,
};

#[cfg(test)]
mod tests;

/// Puts all keys into one slot of a cluster, so that one script may touch any of them.
const TAG: &str = "{pc-rl}";

/// How many numbers the script answers for each limit.
const FIELDS: usize = 5;

/// The longest that a count of failures is kept; Redis refuses an expiry that overflows its clock.
const MAX_TTL: Duration = Duration::from_secs(3650 * 24 * 3600);

/// Keeps rate limits and failure counters in Redis, for all processes together.
///
/// Each decision is one script and one round trip, at the server's own time; nothing is written
/// when a limit refuses. Its first use after the server lost its scripts costs a second one. A
/// call that is late is not repeated, since it may have been carried out: the error goes to the
/// limiter's answer to a failing store.
///
/// Keys are the prefix, the tag `{pc-rl}`, the kind of state and the hash in [`RateKey`], nothing
/// personal; each is written together with its expiry. After a failover, what the replica had
/// not yet heard of is not counted.
///
/// # Example
///
/// ```no_run
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis_core::rate::{Quota, RateKey, RateStore, Take};
/// use portcullis_redis::{RedisConfig, RedisRateStore};
/// use std::time::Duration;
///
/// let redis = RedisConfig::from_url("redis://127.0.0.1")?.connect().await?;
/// let store = RedisRateStore::new(&redis);
/// let once = Take {
///     key: RateKey::from_hash([7; 16]),
///     quota: Quota::strict(1, Duration::from_secs(60))?,
///     cost: 1,
///     shadow: false,
/// };
/// assert!(store.take(&[once]).await?.admitted);
/// assert!(!store.take(&[once]).await?.admitted);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct RedisRateStore {
    redis: Redis,
    scripts: Arc<Scripts>,
}

#[derive(Debug)]
struct Scripts {
    take: Script,
    refund: Script,
    failure: Script,
}

impl Default for Scripts {
    fn default() -> Self {
        Self {
            take: Script::new(include_str!("rate/take.lua")),
            refund: Script::new(include_str!("rate/refund.lua")),
            failure: Script::new(include_str!("rate/failure.lua")),
        }
    }
}

/// What a key holds. It is part of the key's name, so one type never meets another's command.
#[derive(Clone, Copy)]
enum Held {
    Even,
    Log,
    Failures,
}

impl Held {
    fn of(quota: Quota) -> Self {
        match quota.kind() {
            QuotaKind::Gcra => Self::Even,
            QuotaKind::Log => Self::Log,
        }
    }

    const fn letter(self) -> char {
        match self {
            Self::Even => 'g',
            Self::Log => 'w',
            Self::Failures => 'f',
        }
    }
}

impl RedisRateStore {
    /// A store on the connection of `redis`.
    pub fn new(redis: &Redis) -> Self {
        Self::with_scripts(redis, Scripts::default())
    }

    fn with_scripts(redis: &Redis, scripts: Scripts) -> Self {
        Self {
            redis: redis.clone(),
            scripts: Arc::new(scripts),
        }
    }

    fn name(&self, held: Held, key: &RateKey) -> String {
        let prefix = self.redis.prefix();
        let mut name = String::with_capacity(prefix.len() + TAG.len() + 36);
        name.push_str(prefix);
        for part in [":", TAG, ":"] {
            name.push_str(part);
        }
        name.push(held.letter());
        name.push(':');
        for byte in key.as_bytes() {
            write!(name, "{byte:02x}").expect("writing to a string cannot fail");
        }
        name
    }

    /// Adds one limit to `call`, with a `last` number that differs between the scripts.
    fn push(&self, call: &mut Call, key: &RateKey, quota: Quota, cost: u32, last: u64) {
        let kind = u64::from(quota.kind() == QuotaKind::Log);
        let unit = u64::try_from(quota.emission().as_micros()).unwrap_or(u64::MAX);
        let capacity = u64::from(quota.capacity());
        call.push(
            self.name(Held::of(quota), key),
            &[kind, unit, capacity, u64::from(cost), last],
        );
    }

    /// Every name that `keys` can have state under.
    fn clear_command(&self, keys: &[RateKey]) -> Cmd {
        let mut command = cmd("DEL");
        for key in keys {
            for held in [Held::Even, Held::Log, Held::Failures] {
                command.arg(self.name(held, key));
            }
        }
        command
    }
}

impl RateStore for RedisRateStore {
    fn take(&self, takes: &[Take]) -> Answer<Result<Taken, StoreError>> {
        if takes.len() > MAX_CHARGES {
            return Answer::now(Err(StoreError::plain("more than 8 limits in one decision")));
        }
        let mut call = Call::default();
        for take in takes {
            let shadow = u64::from(take.shadow);
            self.push(&mut call, &take.key, take.quota, take.cost, shadow);
        }
        let (store, limits) = (self.clone(), takes.len());
        Answer::later(async move {
            let reply: Result<Vec<u64>, _> = store.redis.run(&store.scripts.take, &call).await;
            reply
                .and_then(|numbers| read_taken(&numbers, limits))
                .map_err(|trouble| trouble.into_store_error("take"))
        })
    }

    fn refund(&self, refunds: &[Refund]) -> Answer<Result<(), StoreError>> {
        if refunds.is_empty() {
            return Answer::now(Ok(()));
        }
        let mut call = Call::default();
        for refund in refunds {
            let mark = refund.mark.as_micros();
            self.push(&mut call, &refund.key, refund.quota, refund.cost, mark);
        }
        let store = self.clone();
        Answer::later(async move {
            let touched: Result<u64, _> = store.redis.run(&store.scripts.refund, &call).await;
            touched
                .map(|_touched| ())
                .map_err(|trouble| trouble.into_store_error("refund"))
        })
    }

    fn failures(&self, key: &RateKey) -> Answer<Result<u32, StoreError>> {
        let (store, command) = (self.clone(), get(self.name(Held::Failures, key)));
        Answer::later(async move {
            let count: Result<Option<u32>, _> = store.redis.ask(&command).await;
            count
                .map(Option::unwrap_or_default)
                .map_err(|trouble| trouble.into_store_error("failures"))
        })
    }

    fn record_failure(
        &self,
        key: &RateKey,
        cap: u32,
        ttl: Duration,
    ) -> Answer<Result<Counted, StoreError>> {
        let mut call = Call::default();
        let ttl = ttl.min(MAX_TTL).as_micros().div_ceil(1_000).max(1);
        let ttl = u64::try_from(ttl).unwrap_or(u64::MAX);
        call.push(self.name(Held::Failures, key), &[u64::from(cap), ttl]);
        let store = self.clone();
        Answer::later(async move {
            let count: Result<i64, _> = store.redis.run(&store.scripts.failure, &call).await;
            count
                .map(|count| u32::try_from(count).map_or(Counted::AtCap, Counted::Recorded))
                .map_err(|trouble| trouble.into_store_error("record_failure"))
        })
    }

    fn clear(&self, keys: &[RateKey]) -> Answer<Result<(), StoreError>> {
        if keys.is_empty() {
            return Answer::now(Ok(()));
        }
        let (store, command) = (self.clone(), self.clear_command(keys));
        Answer::later(async move {
            let gone: Result<u64, _> = store.redis.ask(&command).await;
            gone.map(|_gone| ())
                .map_err(|trouble| trouble.into_store_error("clear"))
        })
    }
}

fn get(name: String) -> Cmd {
    cmd("GET").arg(name).take()
}

/// Reads the reply of the script over so many `limits`.
fn read_taken(numbers: &[u64], limits: usize) -> Result<Taken, Trouble> {
    let wrong = || Trouble::reply(format!("{} numbers for {limits} limits", numbers.len()));
    let (&[admitted, now], rest) = numbers.split_first_chunk().ok_or_else(wrong)?;
    let (states, odd) = rest.as_chunks::<FIELDS>();
    if states.len() != limits || !odd.is_empty() {
        return Err(wrong());
    }
    let states: Few<LimitState> = states.iter().map(read_state).collect();
    Ok(Taken {
        admitted: admitted == 1,
        now: Timestamp::from_micros(now),
        states,
    })
}

fn read_state(fields: &[u64; FIELDS]) -> LimitState {
    let &[refused, remaining, retry, reset, mark] = fields;
    LimitState {
        refused: refused == 1,
        remaining: u32::try_from(remaining).unwrap_or(u32::MAX),
        retry_after: Duration::from_micros(retry),
        reset_after: Duration::from_micros(reset),
        mark: Timestamp::from_micros(mark),
    }
}

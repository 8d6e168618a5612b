//! Opens what sessions and counters are kept in: the memory of this process, or Redis.

use std::{sync::Arc, time::Duration};

use portcullis::refresh::Stores;
use portcullis_core::{clock::Clock, keys::RotationKeys};
use portcullis_redis::{FeedConfig, RedisConfig, RedisRateStore, RedisSessions};

use crate::{
    config::{ConfigError, Settings},
    telemetry,
};

/// How long a decision about a session may take. A refresh that gets no answer is 503, and the
/// client's next try gets what this one would have got. Limits wait for less, then decide alone.
const DEADLINE: Duration = Duration::from_secs(1);

/// The stores for `settings`; with `--redis`, those of every process that is given the same `keys`.
///
/// # Errors
///
/// [`ConfigError`] naming the flag when Redis cannot be reached, or is too old.
pub async fn open(
    settings: &Settings,
    keys: &RotationKeys,
    clock: Arc<dyn Clock>,
) -> Result<Stores, ConfigError> {
    match &settings.redis {
        Some(redis) => shared(redis.clone(), keys, clock).await,
        None => Ok(Stores::memory(clock)),
    }
}

async fn shared(
    config: RedisConfig,
    keys: &RotationKeys,
    clock: Arc<dyn Clock>,
) -> Result<Stores, ConfigError> {
    let config = config.with_deadline(DEADLINE);
    let config = config.map_err(|error| ConfigError::new(format!("--redis: {error}")))?;
    let config = config.with_audit(telemetry::audit());
    let unreachable = |error: &dyn std::error::Error| {
        ConfigError::new(format!(
            "--redis: {error}; see that Redis 7.0 or Valkey 7.2 answers there, or leave it out to \
             keep sessions and counters in this process's memory"
        ))
    };
    let redis = config
        .connect()
        .await
        .map_err(|error| unreachable(&error))?;
    if let Some(policy) = redis.server().evicts() {
        tracing::warn!(
            policy,
            "--redis: a full server drops sessions, revocations and counters that still count: \
             set its maxmemory-policy to noeviction"
        );
    }
    let sessions = Arc::new(RedisSessions::new(&redis, keys));
    // Every request is checked against what this process hears, without a round trip.
    let feed = FeedConfig::new().with_clock(clock);
    let feed = feed.start(&redis, keys, sessions.clone()).await;
    Ok(Stores {
        families: sessions.clone(),
        revocations: Arc::new(feed.map_err(|error| unreachable(&error))?),
        blacklist: sessions,
        rates: Arc::new(RedisRateStore::new(&redis)),
    })
}

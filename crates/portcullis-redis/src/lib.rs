//! Keeps what the layers of portcullis must share between processes in Redis or Valkey.
//!
//! [`RedisConfig`] says where Redis is, [`Redis`] is the connection to it, and each port of
//! `portcullis-core` has a store on it: [`RedisSessions`] keeps refresh families, revocations and
//! the blacklist, [`RedisRateStore`] rate limits and counters of failures. [`RevocationFeed`]
//! answers from memory what any process has revoked. Everything runs on tokio.
//!
//! # Example
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis_core::{Secret, keys::RotationKeys};
//! use portcullis_redis::{FeedConfig, RedisConfig, RedisRateStore, RedisSessions};
//! use std::sync::Arc;
//!
//! let redis = RedisConfig::from_url("redis+sentinel://10.0.0.1,10.0.0.2,10.0.0.3/main")?
//!     .with_prefix("shop")?
//!     .connect()
//!     .await?;
//! if let Some(policy) = redis.server().evicts() {
//!     eprintln!("Redis may drop live entries: maxmemory-policy is {policy}, not noeviction");
//! }
//! let limits = RedisRateStore::new(&redis);
//! let keys = RotationKeys::new(1, &Secret::new([7; 32]))?;
//! let sessions = RedisSessions::new(&redis, &keys);
//! let revocations = FeedConfig::new()
//!     .start(&redis, &keys, Arc::new(sessions.clone()))
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! * `tls` (default): `rediss://`, by rustls with aws-lc-rs as its provider, whatever provider the
//!   process has installed or not.

mod cluster;
mod config;
mod dial;
mod feed;
mod handle;
mod host;
mod lanes;
mod link;
mod nodes;
mod rate;
mod script;
mod sentinel;
mod server;
mod sessions;
mod slot;
mod tag;
#[cfg_attr(not(feature = "tls"), path = "tls/absent.rs")]
mod tls;
mod trouble;
mod url;

#[cfg(test)]
mod fixtures;

pub use config::{ConfigError, RedisConfig};
pub use feed::{FeedConfig, OnStale, RevocationFeed};
pub use handle::Redis;
pub use rate::RedisRateStore;
pub use server::{ConnectError, Product, Server};
pub use sessions::RedisSessions;

//! Keeps what the layers of portcullis must share between processes in Redis or Valkey.
//!
//! [`RedisConfig`] says where the server is, [`Redis`] is the connection to it, and each port of
//! `portcullis-core` has a store on it: so far [`RedisRateStore`] for rate limits and counters of
//! failures. Everything runs on tokio.
//!
//! # Example
//!
//! ```no_run
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! use portcullis_redis::{RedisConfig, RedisRateStore};
//!
//! let redis = RedisConfig::from_url("redis://127.0.0.1:6379/0")?
//!     .with_prefix("shop")?
//!     .connect()
//!     .await?;
//! if let Some(policy) = redis.server().evicts() {
//!     eprintln!("Redis may drop live limits: maxmemory-policy is {policy}, not noeviction");
//! }
//! let store = RedisRateStore::new(&redis);
//! # Ok(())
//! # }
//! ```

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

//! What tests of and with portcullis need: a clock that is moved by hand, a cookie jar as strict
//! as a browser's, conformance suites for stores, a model to hold their sessions against, and
//! Redis servers of a test's own.

pub mod clock;
pub mod conformance;
pub mod harness;
pub mod jar;
pub mod model;
pub mod rate_model;
pub mod rates;
pub mod redis;

pub use clock::ManualClock;
pub use harness::{Harness, MemoryHarness, block_on};
pub use jar::CookieJar;
pub use rates::{MemoryRates, RateHarness};
pub use redis::{RedisCluster, RedisSentinels, RedisServer};

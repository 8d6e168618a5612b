use std::time::Duration;

use portcullis_core::{
    Secret,
    keys::RotationKeys,
    memory::MemorySessions,
    store::{Confirmation, Revocations, TokenFacts},
};
use portcullis_testkit::RedisServer;
use tokio::time::Instant;

use super::{Call, Redis, Script};
use crate::{
    FeedConfig, RedisConfig, RevocationFeed,
    feed::{Entry, Fact, append},
    fixtures::{ask, eventually},
    tag::Tagger,
    trouble::Trouble,
};

mod clustered;
mod confirmed;
#[cfg(feature = "tls")]
mod encrypted;
mod least;
mod outages;
mod watched;

/// Far more than a deadline, and far less than anybody would wait.
const BOUND: Duration = Duration::from_secs(3);

/// How long replicas are waited for.
const WAIT: Duration = Duration::from_secs(1);

/// Writes its argument, which names the run.
fn script() -> Script {
    Script::new("return redis.call('RPUSH', KEYS[1], ARGV[1])")
}

fn call(word: &str) -> Call {
    Call::default().key("{list}").arg(word)
}

async fn run(redis: &Redis, word: &str) -> Result<u64, Trouble> {
    redis.run(&script(), &call(word)).await
}

async fn revoke(redis: &Redis, word: &str) -> Result<Confirmation, Trouble> {
    let answer = redis.run_confirmed::<u64>(&script(), &call(word)).await;
    answer.map(|(_length, confirmation)| confirmation)
}

async fn list(redis: &Redis) -> Vec<String> {
    ask(redis, "LRANGE {list} 0 -1").await
}

/// Connects with a deadline that a busy machine seldom misses.
async fn connect(config: RedisConfig) -> Redis {
    let config = config.with_deadline(Duration::from_secs(1)).unwrap();
    config.connect().await.unwrap()
}

async fn connect_to(url: &str) -> Redis {
    connect(RedisConfig::from_url(url).unwrap()).await
}

/// As [`connect_to`]; revocations wait for so many replicas.
async fn demanding(url: &str, replicas: u32) -> Redis {
    let config = RedisConfig::from_url(url).unwrap();
    connect(config.with_min_replicas(replicas, WAIT).unwrap()).await
}

fn keys() -> RotationKeys {
    RotationKeys::new(1, &Secret::new([1; 32])).unwrap()
}

/// A feed on a connection of its own, as of another node.
async fn another_node(config: RedisConfig) -> RevocationFeed {
    let redis = connect(config).await;
    let clock = std::sync::Arc::new(portcullis_core::clock::SystemClock);
    let remote = std::sync::Arc::new(MemorySessions::new(clock));
    FeedConfig::new()
        .start(&redis, &keys(), remote)
        .await
        .unwrap()
}

/// The end of ann's session `sid`.
fn ended(sid: &str) -> Entry {
    Entry {
        fact: Fact::Session {
            user: Tagger::new(&keys()).user("ann"),
            sid: sid.to_owned(),
        },
        expires: u64::from(u32::MAX),
    }
}

/// Tells the nodes, as often as it takes, that ann's session `sid` has ended.
async fn tell(redis: &Redis, sid: &str) {
    let told = async || append(redis, &ended(sid)).await.is_ok();
    eventually("the stream takes an entry", told).await;
}

/// Waits until `feed` knows from Redis that ann's session `sid` has ended.
async fn hears(feed: &RevocationFeed, sid: &str) {
    let at = portcullis_core::clock::Timestamp::from_secs(u64::from(u32::MAX));
    let token = TokenFacts {
        subject: "ann",
        session: Some(sid),
        jti: "jti",
        issued_at: at,
        session_started: Some(at),
    };
    let known = async || !feed.is_stale() && feed.is_revoked(&token).await.unwrap();
    eventually("the node hears", known).await;
}

#[test]
fn what_a_user_holds_on_to_can_be_shared_and_cloned() {
    fn shared<T: Send + Sync + Unpin + Clone>() {}
    shared::<RedisConfig>();
    shared::<Redis>();
    shared::<FeedConfig>();
    shared::<RevocationFeed>();
    shared::<crate::RedisSessions>();
    shared::<crate::RedisRateStore>();
}

//! What several tests need: a server, a connection to it, and a way to ask it directly.

use std::time::Duration;

use portcullis_testkit::RedisServer;
use redis::{Cmd, FromRedisValue, cmd};

use crate::{Redis, RedisConfig};

/// Connects with a deadline that a busy machine does not miss by chance.
pub(crate) async fn connect(server: &RedisServer) -> Redis {
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let patient = config.with_deadline(RedisConfig::MAX_DEADLINE).unwrap();
    patient.connect().await.unwrap()
}

/// Connects with the deadline of production.
pub(crate) async fn connect_hastily(server: &RedisServer) -> Redis {
    let config = RedisConfig::from_url(&server.url()).unwrap();
    config.connect().await.unwrap()
}

/// The command in `words`, separated by spaces.
pub(crate) fn command(words: &str) -> Cmd {
    let mut words = words.split(' ');
    let mut command = cmd(words.next().unwrap_or_default());
    command.arg(words.collect::<Vec<_>>()).take()
}

pub(crate) async fn ask<T: FromRedisValue>(redis: &Redis, words: &str) -> T {
    redis.ask(&command(words)).await.unwrap()
}

/// Every key and how long it has to live; none when it has no end.
pub(crate) async fn lifetimes(redis: &Redis) -> Vec<(String, Option<Duration>)> {
    let keys: Vec<String> = ask(redis, "KEYS *").await;
    let mut found = Vec::new();
    for key in keys {
        let left: i64 = ask(redis, &format!("PTTL {key}")).await;
        found.push((key, u64::try_from(left).ok().map(Duration::from_millis)));
    }
    found
}

/// Runs `future` to its end, with a runtime for the connections that it makes.
pub(crate) fn run<F: Future>(future: F) -> F::Output {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().build().unwrap().block_on(future)
}

/// The time that nothing in a test takes unless it never happens.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Looks again and again until `it_is`; fails when that takes too long.
pub(crate) async fn eventually(what: &str, mut it_is: impl AsyncFnMut() -> bool) {
    let looking = async {
        while !it_is().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let looked = tokio::time::timeout(PATIENCE, looking).await;
    looked.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"));
}

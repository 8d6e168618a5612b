use std::{sync::Arc, time::Duration};

use futures_util::future::Shared;
use portcullis_testkit::RedisServer;
use redis::RedisConnectionInfo;
use tokio::time::Instant;

use super::{Link, Target};
use crate::{
    Redis, RedisConfig,
    dial::{Connection, Dialer},
    fixtures::{PATIENCE, ask, command, eventually},
    host::Host,
    trouble::Trouble,
};

async fn connect(server: &RedisServer) -> Redis {
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config.with_deadline(Duration::from_millis(500)).unwrap();
    config.connect().await.unwrap()
}

/// Which of its connections the server sees us on.
async fn number(redis: &Redis) -> u64 {
    ask(redis, "CLIENT ID").await
}

async fn write(redis: &Redis) -> Result<(), Trouble> {
    redis.ask(&command("SET key value")).await
}

#[tokio::test]
async fn a_connection_to_a_replica_is_replaced_and_one_that_works_is_kept() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let first = number(&redis).await;
    write(&redis).await.unwrap();
    let wrong: Result<u64, _> = redis.ask(&command("INCR key")).await;
    wrong.expect_err("a word cannot be counted up");
    assert_eq!(number(&redis).await, first);
    server.ask(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    write(&redis).await.expect_err("a replica takes no writes");
    assert_ne!(number(&redis).await, first);
}

#[tokio::test]
async fn three_late_answers_in_a_row_end_a_connection() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let first = number(&redis).await;
    for late in [2, 3] {
        server.freeze();
        for _ in 0..late {
            write(&redis).await.expect_err("nobody answers");
        }
        server.thaw();
        eventually("it answers", async || write(&redis).await.is_ok()).await;
        assert_eq!(
            number(&redis).await == first,
            late < 3,
            "{late} late answers"
        );
    }
}

fn dialer() -> Arc<Dialer> {
    Arc::new(Dialer::new(RedisConnectionInfo::default(), None))
}

fn host(server: &RedisServer) -> Host {
    Host::new("127.0.0.1", server.port())
}

#[tokio::test]
async fn a_connection_that_the_server_closed_is_not_written_to() {
    let server = RedisServer::start();
    let link = Link::new(Target::Node(dialer(), host(&server)));
    let ask = async || {
        let until = Instant::now() + PATIENCE;
        link.ask(&command("CLIENT ID"), false, until).await
    };
    let first = ask().await.unwrap();
    server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
    eventually("its end arrives", async || {
        let slot = link.slot();
        let made = slot.connection.as_ref().and_then(Shared::peek);
        made.is_some_and(|made| made.as_ref().is_ok_and(Connection::is_closed))
    })
    .await;
    assert_ne!(ask().await.expect("on another connection"), first);
}

#[tokio::test]
async fn a_connection_that_is_dropped_closes_though_an_answer_is_awaited() {
    let server = RedisServer::start();
    let mut connection = dialer().dial(&host(&server)).await.unwrap();
    let blocked = || {
        let clients = server.ask(&["INFO", "clients"]).unwrap();
        clients.contains("blocked_clients:1")
    };
    let waiting = tokio::spawn(async move { connection.ask(&command("BLPOP list 0")).await });
    eventually("it waits", async || blocked()).await;
    waiting.abort();
    eventually("it is closed", async || !blocked()).await;
}

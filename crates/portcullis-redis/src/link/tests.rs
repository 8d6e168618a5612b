use std::time::Duration;

use portcullis_testkit::RedisServer;

use crate::{
    Redis, RedisConfig,
    fixtures::{ask, command, eventually},
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

#[tokio::test]
async fn a_connection_that_the_server_closed_is_not_written_to() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let first = number(&redis).await;
    server
        .ask(&["CLIENT", "KILL", "ID", &first.to_string()])
        .unwrap();
    eventually("its end arrives", async || {
        redis
            .ask::<u64>(&command("CLIENT ID"))
            .await
            .is_ok_and(|number| number != first)
    })
    .await;
    write(&redis).await.unwrap();
}

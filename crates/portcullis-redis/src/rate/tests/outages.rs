//! What a caller sees while the server is away, full, frozen or a replica.

use portcullis_core::store::StoreError;
use tokio::time::timeout;

use super::*;
use crate::{RedisConfig, fixtures::connect_hastily};

/// Far more than the deadline of 50 ms, and far less than anybody would wait.
const BOUND: Duration = Duration::from_secs(2);

async fn take_in_time(store: &RedisRateStore) -> Result<bool, StoreError> {
    let taken = timeout(BOUND, store.take(&[strict(1, 64)])).await;
    taken
        .expect("the deadline holds")
        .map(|taken| taken.admitted)
}

#[track_caller]
fn check_error(answer: Result<bool, StoreError>, part: &str) {
    let error = answer.expect_err(part).to_string();
    assert!(error.contains(part), "{error}");
}

/// Asks until the store works again; a busy machine may need more than one attempt.
async fn recover(store: &RedisRateStore) -> bool {
    for _ in 0..100 {
        if take_in_time(store).await.is_ok() {
            return true;
        }
        tokio::task::yield_now().await;
    }
    false
}

#[tokio::test]
async fn a_killed_server_is_an_error_at_once_and_works_again_after_a_restart() {
    let mut server = RedisServer::start();
    let store = RedisRateStore::new(&connect_hastily(&server).await);
    assert!(recover(&store).await);
    server.stop();
    for _ in 0..5 {
        let error = take_in_time(&store).await.expect_err("nobody is there");
        let text = error.to_string();
        let known = text.contains("cannot be reached") || text.contains("in time");
        assert!(known, "{text}");
    }
    server.restart();
    assert!(recover(&store).await, "without rebuilding the store");
}

#[tokio::test]
async fn a_frozen_server_is_left_after_the_deadline_and_found_again() {
    let server = RedisServer::start();
    let store = RedisRateStore::new(&connect_hastily(&server).await);
    assert!(recover(&store).await);
    server.freeze();
    for _ in 0..4 {
        check_error(take_in_time(&store).await, "in time");
    }
    server.thaw();
    assert!(recover(&store).await);
}

#[tokio::test]
async fn a_late_take_is_not_sent_again() {
    let server = RedisServer::start();
    let watcher = connect(&server).await;
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config.with_deadline(Duration::from_millis(500)).unwrap();
    let store = RedisRateStore::new(&config.connect().await.unwrap());
    assert!(take_in_time(&store).await.unwrap());
    let () = ask(&watcher, "CONFIG RESETSTAT").await;
    server.freeze();
    check_error(take_in_time(&store).await, "in time");
    server.thaw();
    // On the same connection, so the server has read all that was sent before.
    assert!(take_in_time(&store).await.unwrap());
    let stats: String = ask(&watcher, "INFO commandstats").await;
    assert!(stats.contains("cmdstat_evalsha:calls=2,"), "{stats}");
    assert!(!stats.contains("cmdstat_eval:"), "{stats}");
}

#[tokio::test]
async fn a_server_turned_replica_or_full_says_so_and_is_used_again_afterwards() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisRateStore::new(&redis);
    assert!(take_in_time(&store).await.unwrap());
    let () = ask(&redis, "REPLICAOF 127.0.0.1 1").await;
    check_error(take_in_time(&store).await, "READONLY");
    let () = ask(&redis, "REPLICAOF NO ONE").await;
    assert!(take_in_time(&store).await.unwrap());

    let () = ask(&redis, "CONFIG SET maxmemory 1").await;
    check_error(take_in_time(&store).await, "OOM");
    let () = ask(&redis, "CONFIG SET maxmemory 0").await;
    assert!(take_in_time(&store).await.unwrap());
}

#[tokio::test]
async fn a_policy_that_evicts_and_a_missing_password_show_at_connect() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    assert_eq!(redis.server().evicts(), None);
    let () = ask(&redis, "CONFIG SET maxmemory-policy allkeys-lru").await;
    let warned = connect(&server).await;
    assert_eq!(warned.server().evicts(), Some("allkeys-lru"));

    let () = ask(&redis, "CONFIG SET requirepass sesame").await;
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let error = config.connect().await.unwrap_err();
    assert!(error.to_string().contains("NOAUTH"), "{error}");
    assert!(!error.is_version());
    let url = server.url().replace("//", "//:sesame@");
    let open = RedisConfig::from_url(&url).unwrap().connect().await;
    assert!(open.is_ok(), "{open:?}");
}

#[tokio::test]
async fn nobody_listening_is_an_error_at_connect() {
    let mut server = RedisServer::start();
    server.stop();
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let error = config.connect().await.unwrap_err().to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}

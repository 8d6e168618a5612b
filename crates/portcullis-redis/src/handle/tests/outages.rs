//! A server that is away for longer than anybody waits.

use super::*;

#[tokio::test]
async fn a_server_frozen_for_ten_seconds_is_an_error_in_time_and_found_again() {
    let server = RedisServer::start();
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let redis = config.with_min_replicas(1, WAIT).unwrap();
    let redis = redis.connect().await.unwrap();
    let feed = another_node(RedisConfig::from_url(&server.url()).unwrap()).await;
    eventually("it decides", async || run(&redis, "a").await.is_ok()).await;
    server.freeze();
    let begun = Instant::now();
    eventually("ten seconds are over", async || {
        let asked = Instant::now();
        run(&redis, "b").await.unwrap_err();
        revoke(&redis, "c").await.unwrap_err();
        assert!(
            asked.elapsed() < Duration::from_secs(1),
            "{:?}",
            asked.elapsed()
        );
        begun.elapsed() > Duration::from_secs(10)
    })
    .await;
    assert!(feed.is_stale());
    server.thaw();
    eventually("it decides again", async || run(&redis, "d").await.is_ok()).await;
    eventually("it revokes again", async || {
        revoke(&redis, "e").await.is_ok()
    })
    .await;
    tell(&redis, "a").await;
    hears(&feed, "a").await;
}

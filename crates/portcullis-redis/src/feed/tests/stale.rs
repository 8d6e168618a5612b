//! What a node answers that may have missed something.

use portcullis_testkit::ManualClock;

use super::*;

const SHORT: Duration = Duration::from_secs(2);

async fn short(redis: &Redis, on_stale: OnStale, remote: Arc<Remote>) -> RevocationFeed {
    let config = FeedConfig::new().with_on_stale(on_stale);
    let config = config.with_max_staleness(SHORT).unwrap();
    config.start(redis, &keys(1), remote).await.unwrap()
}

#[tokio::test]
async fn a_node_that_hears_nothing_does_what_it_was_told_until_it_hears_again() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let remote = Arc::new(Remote {
        revoked: true,
        ..Remote::default()
    });
    let asking = short(&redis, OnStale::Remote, remote.clone()).await;
    let refusing = short(&redis, OnStale::Reject, remote.clone()).await;
    let admitting = short(&redis, OnStale::Admit, remote.clone()).await;
    append(&redis, &ended("a")).await.unwrap();
    let all = [&asking, &refusing, &admitting];
    for feed in all {
        comes_to_know(feed, of_session("a")).await;
        assert!(!is_revoked(feed, of_session("b")).await);
    }
    assert_eq!(remote.asked.load(Ordering::Relaxed), 0, "memory answers");

    server.freeze();
    let begun = Instant::now();
    eventually("they are stale", async || {
        all.iter().all(|feed| feed.is_stale())
    })
    .await;
    assert!(begun.elapsed() < SHORT + SOON, "{:?}", begun.elapsed());
    assert!(
        is_revoked(&asking, of_session("b")).await,
        "the store says so"
    );
    assert!(refusing.is_revoked(&of_session("b")).await.is_err());
    assert!(!is_revoked(&admitting, of_session("b")).await);
    for feed in all {
        assert!(is_revoked(feed, of_session("a")).await, "it is known");
    }

    server.thaw();
    eventually("they hear again", async || {
        all.iter().all(|feed| !feed.is_stale())
    })
    .await;
    assert!(!is_revoked(&asking, of_session("b")).await);
    append(&redis, &ended("b")).await.unwrap();
    for feed in all {
        comes_to_know(feed, of_session("b")).await;
    }
}

#[tokio::test]
async fn a_node_whose_server_became_a_replica_is_stale() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let feed = short(&redis, OnStale::Admit, Arc::default()).await;
    let () = ask(&redis, "REPLICAOF 127.0.0.1 1").await;
    eventually("it is stale", async || feed.is_stale()).await;
    let () = ask(&redis, "REPLICAOF NO ONE").await;
    eventually("it hears again", async || !feed.is_stale()).await;
}

#[tokio::test]
async fn a_node_that_is_full_forgets_nothing_and_asks_until_there_is_room() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let clock = ManualClock::at(SystemClock.now());
    let remote = Arc::new(Remote::default());
    let config = FeedConfig::new().with_max_entries(16);
    let config = config.with_clock(Arc::new(clock.clone()));
    let feed = config
        .start(&redis, &keys(1), remote.clone())
        .await
        .unwrap();
    let until = |hours: u64, entry| Entry {
        expires: in_an_hour() + hours * 3600,
        ..entry
    };
    for number in 0..16 {
        let entry = until(0, ended(&format!("s{number}")));
        append(&redis, &entry).await.unwrap();
    }
    assert!(!feed.is_stale());
    let watch = feed.watch(&of_session("late")).expect("the feed can watch");
    append(&redis, &until(1, ended("late"))).await.unwrap();
    timeout(SOON, watch)
        .await
        .expect("a stream ends though the entry is not kept");
    assert!(feed.is_stale());
    assert!(is_revoked(&feed, of_session("s0")).await, "none made room");
    assert!(!is_revoked(&feed, of_session("late")).await);
    assert_eq!(remote.asked.load(Ordering::Relaxed), 1, "the store decides");

    clock.advance(Duration::from_secs(5_000));
    eventually("it reads everything again", async || !feed.is_stale()).await;
    assert!(is_revoked(&feed, of_session("late")).await);
    assert!(!is_revoked(&feed, of_session("s0")).await, "expired");
    assert_eq!(feed.entries(), 1);
}

#[tokio::test]
async fn an_entry_that_means_nothing_to_a_node_makes_it_ask() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let feed = node(&server).await;
    let _: String = ask(&redis, &format!("XADD {} * k x u y", stream(&redis))).await;
    eventually("it is stale", async || feed.is_stale()).await;
    append(&redis, &ended("a")).await.unwrap();
    comes_to_know(&feed, of_session("a")).await;
}

#[tokio::test]
async fn a_watch_too_many_ends_at_once() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let feed = follow(&redis, FeedConfig::new().with_max_watches(1)).await;
    let first = feed.watch(&of_session("a")).expect("the feed can watch");
    let second = feed.watch(&of_session("b")).expect("the feed can watch");
    timeout(PATIENCE, second).await.expect("no room");
    drop(first);
    assert_eq!(feed.entries(), 0);
    let third = feed.watch(&of_session("c")).expect("the feed can watch");
    append(&redis, &ended("c")).await.unwrap();
    timeout(PATIENCE, third).await.expect("it is watched");
}

//! A primary that sentinels watch.

use portcullis_testkit::RedisSentinels;

use super::*;

#[tokio::test]
async fn after_a_crash_of_the_primary_the_new_one_decides_and_the_old_one_never_again() {
    let mut watched = RedisSentinels::start(2);
    let url = watched.url();
    let redis = demanding(&url, 1).await;
    let feed = another_node(RedisConfig::from_url(&url).unwrap()).await;
    assert_eq!(run(&redis, "a").await.unwrap(), 1);
    assert_eq!(revoke(&redis, "b").await.unwrap(), Confirmation::Confirmed);
    tell(&redis, "before").await;
    hears(&feed, "before").await;

    let old = watched.primary();
    watched.servers_mut()[old].stop();
    let begun = Instant::now();
    run(&redis, "lost").await.unwrap_err();
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    watched.await_other_primary(old);
    eventually("the new primary decides", async || {
        run(&redis, "c").await.is_ok()
    })
    .await;
    eventually("a revocation is confirmed again", async || {
        matches!(revoke(&redis, "d").await, Ok(Confirmation::Confirmed))
    })
    .await;
    tell(&redis, "after").await;
    hears(&feed, "after").await;
    assert_eq!(&list(&redis).await[..3], ["a", "b", "c"]);

    watched.servers_mut()[old].restart();
    eventually("the old primary is a replica", async || {
        !watched.servers()[old].is_primary()
    })
    .await;
    run(&redis, "e").await.unwrap();
    let length = crate::fixtures::command("LLEN {list}");
    eventually("there is one history", async || {
        let held = watched.servers()[old].ask(&["LLEN", "{list}"]);
        let length: Result<String, _> = redis.ask(&length).await;
        held.is_ok_and(|held| length.is_ok_and(|length| held == length && held != "0"))
    })
    .await;
}

#[tokio::test]
async fn a_primary_that_is_demoted_alive_is_left_for_its_successor() {
    let watched = RedisSentinels::start(1);
    let url = watched.url();
    let redis = demanding(&url, 1).await;
    let feed = another_node(RedisConfig::from_url(&url).unwrap()).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    let old = watched.primary();
    watched.fail_over();
    watched.await_other_primary(old);
    eventually("the new primary decides", async || {
        run(&redis, "b").await.is_ok()
    })
    .await;
    eventually("a revocation is taken", async || {
        revoke(&redis, "c").await.is_ok()
    })
    .await;
    tell(&redis, "after").await;
    hears(&feed, "after").await;
    assert_eq!(list(&redis).await[..2], ["a", "b"]);
}

#[tokio::test]
async fn a_frozen_primary_that_was_replaced_is_not_believed_when_it_wakes_up() {
    let watched = RedisSentinels::start(2);
    let url = watched.url();
    let redis = demanding(&url, 1).await;
    let feed = another_node(RedisConfig::from_url(&url).unwrap()).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    let old = watched.primary();
    watched.servers()[old].freeze();
    watched.await_other_primary(old);
    eventually("the new primary decides", async || {
        run(&redis, "b").await.is_ok()
    })
    .await;
    eventually("a revocation is confirmed", async || {
        matches!(revoke(&redis, "c").await, Ok(Confirmation::Confirmed))
    })
    .await;
    tell(&redis, "frozen").await;
    hears(&feed, "frozen").await;
    watched.servers()[old].thaw();
    run(&redis, "d").await.unwrap();
    eventually("the old primary is a replica", async || {
        !watched.servers()[old].is_primary()
    })
    .await;
    assert_eq!(revoke(&redis, "e").await.unwrap(), Confirmation::Confirmed);
    let found = list(&redis).await;
    assert_eq!(found[..2], ["a", "b"]);
    assert_eq!(found[found.len() - 2..], ["d", "e"]);
}

#[tokio::test]
async fn a_server_that_is_no_primary_by_its_own_word_is_not_used() {
    let watched = RedisSentinels::start(1);
    let named = &watched.servers()[watched.primary()];
    named.ask(&["REPLICAOF", "127.0.0.1", "1"]).unwrap();
    let refused = RedisConfig::from_url(&watched.url())
        .unwrap()
        .connect()
        .await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("READONLY"), "{error}");
}

#[tokio::test]
async fn one_sentinel_is_enough_and_a_service_that_none_knows_is_an_error() {
    let mut watched = RedisSentinels::start(1);
    for sentinel in &mut watched.sentinels_mut()[..2] {
        sentinel.stop();
    }
    let redis = connect_to(&watched.url()).await;
    run(&redis, "a").await.unwrap();

    let unknown = watched.url().replace("/main", "/other");
    let refused = RedisConfig::from_url(&unknown).unwrap().connect().await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("\"other\""), "{error}");

    watched.sentinels_mut()[2].stop();
    run(&redis, "b")
        .await
        .expect("who is connected needs no sentinel");
    let refused = RedisConfig::from_url(&watched.url())
        .unwrap()
        .connect()
        .await;
    let error = refused.unwrap_err().to_string();
    assert!(error.contains("cannot be reached"), "{error}");
}

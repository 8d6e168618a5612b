//! What nodes tell each other.

use super::*;

#[tokio::test]
async fn a_revocation_on_one_node_is_known_on_another_within_a_second() {
    let server = RedisServer::start();
    let here = connect(&server).await;
    let there = node(&server).await;
    for (entry, token) in [
        (ended("a"), of_session("a")),
        (denied("b"), of_django("b", 10)),
        (cut(1_000), of_django("c", 6)),
        (cut(10_000), of_session("d")),
    ] {
        assert!(!is_revoked(&there, token).await, "{entry:?}");
        let watch = there.watch(&token).expect("the feed can watch");
        let begun = Instant::now();
        append(&here, &entry).await.unwrap();
        timeout(SOON, watch).await.expect("a stream ends in time");
        assert!(is_revoked(&there, token).await, "{entry:?}");
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
    }
    assert_eq!(there.entries(), 3, "of two cuts the later one is kept");
}

#[tokio::test]
async fn what_was_revoked_before_a_node_started_is_known_from_its_start() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    for number in 0..1_200 {
        append(&redis, &ended(&format!("s{number}"))).await.unwrap();
    }
    let late = node(&server).await;
    for sid in ["s0", "s999", "s1000", "s1199"] {
        assert!(is_revoked(&late, of_session(sid)).await, "{sid}");
    }
    assert!(!is_revoked(&late, of_session("s1200")).await);
    let over = late.watch(&of_session("s7")).expect("the feed can watch");
    timeout(SOON, over).await.expect("it ends at once");
}

#[tokio::test]
async fn the_node_that_revokes_does_not_wait_for_its_own_word() {
    let mut server = RedisServer::start();
    let redis = connect(&server).await;
    let feed = follow(&redis, FeedConfig::new()).await;
    let answer = feed.deny("ann", "b", Timestamp::from_secs(in_an_hour()));
    assert_eq!(answer.await.unwrap(), Confirmation::Unconfirmed);
    assert!(is_revoked(&feed, of_django("b", 10)).await);
    let mut other = of_django("b", 10);
    other.subject = "bob";
    assert!(!is_revoked(&feed, other).await, "ann's token, not bob's");

    let answer = feed.deny("nobody", "b", Timestamp::from_secs(in_an_hour()));
    assert!(answer.await.is_err(), "the store's refusal is handed on");

    server.stop();
    assert!(append(&redis, &ended("a")).await.is_err(), "nobody is told");
    assert!(
        is_revoked(&feed, of_session("a")).await,
        "but here it counts"
    );
}

#[tokio::test]
async fn ids_below_the_last_one_are_read_too() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let feed = node(&server).await;
    append(&redis, &ended("a")).await.unwrap();
    comes_to_know(&feed, of_session("a")).await;
    // As after a failover to a replica with a slower clock that had not heard of everything.
    let key = stream(&redis);
    let () = ask(&redis, &format!("DEL {key}")).await;
    let fields = format!("k s u {} v b e {}", tagger().user("ann"), in_an_hour());
    let _: String = ask(&redis, &format!("XADD {key} 1-1 {fields}")).await;
    comes_to_know(&feed, of_session("b")).await;
    assert!(
        is_revoked(&feed, of_session("a")).await,
        "what it knew it still knows"
    );
    append(&redis, &ended("c")).await.unwrap();
    comes_to_know(&feed, of_session("c")).await;
}

#[tokio::test]
async fn a_node_reads_everything_again_after_a_restart_of_the_server() {
    let mut server = RedisServer::start();
    let redis = connect(&server).await;
    let feed = node(&server).await;
    append(&redis, &ended("a")).await.unwrap();
    comes_to_know(&feed, of_session("a")).await;
    server.restart();
    eventually("the connection is renewed", async || {
        append(&redis, &ended("b")).await.is_ok()
    })
    .await;
    comes_to_know(&feed, of_session("b")).await;
    assert!(
        is_revoked(&feed, of_session("a")).await,
        "lost there, kept here"
    );
}

#[tokio::test]
async fn both_keys_are_known_while_one_replaces_the_other() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let both = keys(2).with_previous(1, &Secret::new([1; 32])).unwrap();
    let remote = Arc::new(Remote::default());
    let feed = FeedConfig::new()
        .start(&redis, &both, remote)
        .await
        .unwrap();
    for (entry, token) in [
        (ended("a"), of_session("a")),
        (denied("b"), of_django("b", 10)),
        (cut(1_000), of_django("c", 6)),
    ] {
        append(&redis, &entry).await.unwrap();
        assert!(is_revoked(&feed, token).await, "{entry:?}");
    }
}

#[tokio::test]
async fn the_stream_ends_by_itself_and_keeps_no_more_than_is_needed() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let key = stream(&redis);
    for number in 1..=1_000 {
        let _: String = ask(&redis, &format!("XADD {key} {number}-1 k old")).await;
    }
    append(&redis, &ended("a")).await.unwrap();
    let left: u64 = ask(&redis, &format!("XLEN {key}")).await;
    assert!(
        left <= 200,
        "{left} are left, but for whole blocks of the stream"
    );
    let millis: u64 = ask(&redis, &format!("PTTL {key}")).await;
    let lives = Duration::from_millis(millis);
    assert!(
        lives <= redis.retention() && lives + SOON > redis.retention(),
        "{lives:?}"
    );
    let text: Vec<(String, Vec<String>)> =
        ask(&redis, &format!("XREVRANGE {key} + - COUNT 1")).await;
    assert!(
        !format!("{text:?}").contains("ann"),
        "{text:?} names a user"
    );
}

#[tokio::test]
async fn an_entry_that_the_server_took_too_long_for_is_sent_again() {
    let server = RedisServer::start();
    let deadline = Duration::from_millis(500);
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config.with_deadline(deadline).unwrap();
    let redis = config.connect().await.unwrap();
    let there = node(&server).await;
    append(&redis, &ended("a")).await.unwrap();
    server.freeze();
    let entry = ended("b");
    let mut appended = std::pin::pin!(append(&redis, &entry));
    let early = timeout(deadline + deadline / 5, appended.as_mut()).await;
    assert!(early.is_err(), "the second attempt is on its way");
    server.thaw();
    appended.await.unwrap();
    comes_to_know(&there, of_session("b")).await;
}

#[tokio::test]
async fn a_feed_that_is_dropped_leaves_its_connection() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let clients = async || {
        let list: String = redis.ask(&command("CLIENT LIST")).await.unwrap();
        list.lines().count()
    };
    let feed = node(&server).await;
    let with = clients().await;
    drop(feed);
    eventually("its connections are closed", async || {
        clients().await < with
    })
    .await;
}

#[tokio::test]
async fn a_stream_that_cannot_be_read_is_an_error_at_the_start() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let () = ask(&redis, &format!("SET {} text", stream(&redis))).await;
    let remote = Arc::new(Remote::default());
    let started = FeedConfig::new().start(&redis, &keys(1), remote).await;
    let error = started.unwrap_err().to_string();
    assert!(error.contains("WRONGTYPE"), "{error}");
}

//! Revocations that wait for replicas.

use futures_util::future::join_all;

use super::*;

#[tokio::test]
async fn what_a_replica_holds_is_confirmed_and_what_it_cannot_hold_is_not() {
    let server = RedisServer::start();
    let replica = server.start_replica();
    let redis = demanding(&server.url(), 1).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    assert_eq!(replica.ask(&["LRANGE", "{list}", "0", "-1"]).unwrap(), "a");

    replica.freeze();
    let begun = Instant::now();
    assert_eq!(
        revoke(&redis, "b").await.unwrap(),
        Confirmation::Unconfirmed
    );
    let took = begun.elapsed();
    assert!(
        took >= WAIT && took < WAIT + Duration::from_secs(1),
        "{took:?}"
    );

    replica.thaw();
    eventually("the replica is in step", async || {
        revoke(&redis, "c").await.unwrap() == Confirmation::Confirmed
    })
    .await;
    assert_eq!(
        &list(&redis).await[..3],
        ["a", "b", "c"],
        "written all the same"
    );
}

#[tokio::test]
async fn more_replicas_than_there_are_confirm_nothing_and_none_demanded_confirm_at_once() {
    let server = RedisServer::start();
    assert_eq!(
        revoke(&demanding(&server.url(), 1).await, "a")
            .await
            .unwrap(),
        Confirmation::Unconfirmed
    );
    let redis = demanding(&server.url(), 0).await;
    let begun = Instant::now();
    assert_eq!(revoke(&redis, "b").await.unwrap(), Confirmation::Confirmed);
    assert!(begun.elapsed() < WAIT, "{:?}", begun.elapsed());
    let stats = server.ask(&["INFO", "commandstats"]).unwrap();
    assert!(stats.contains("cmdstat_wait:calls=1,"), "{stats}");
}

#[tokio::test]
async fn many_revocations_at_once_are_all_written_while_nothing_confirms_them() {
    let server = RedisServer::start();
    let redis = demanding(&server.url(), 1).await;
    let words: Vec<_> = (0..100).map(|number| number.to_string()).collect();
    let begun = Instant::now();
    let all = join_all(words.iter().map(|word| revoke(&redis, word))).await;
    assert!(
        all.iter()
            .all(|done| matches!(done, Ok(Confirmation::Unconfirmed)))
    );
    assert_eq!(list(&redis).await.len(), words.len(), "each one once");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(5), "side by side: {took:?}");
}

#[tokio::test]
async fn ordinary_decisions_are_not_kept_waiting() {
    let server = RedisServer::start();
    let redis = demanding(&server.url(), 1).await;
    let waiting = tokio::spawn({
        let redis = redis.clone();
        async move { revoke(&redis, "a").await.unwrap() }
    });
    eventually("it waits", async || list(&redis).await == ["a"]).await;
    let begun = Instant::now();
    run(&redis, "b").await.unwrap();
    assert!(begun.elapsed() < WAIT / 2, "{:?}", begun.elapsed());
    assert_eq!(waiting.await.unwrap(), Confirmation::Unconfirmed);
}

#[tokio::test]
async fn a_spare_connection_that_the_server_closed_is_not_used() {
    let server = RedisServer::start();
    let _replica = server.start_replica();
    let redis = demanding(&server.url(), 1).await;
    for word in ["a", "b", "c"] {
        assert_eq!(
            revoke(&redis, word).await.unwrap(),
            Confirmation::Confirmed,
            "{word}"
        );
        server.ask(&["CLIENT", "KILL", "TYPE", "normal"]).unwrap();
        server.ask(&["SCRIPT", "FLUSH"]).unwrap();
        // The list is read on the other connection, which has been closed as well.
        eventually("the list can be read", async || {
            let read: Result<Vec<String>, _> = redis
                .ask(&crate::fixtures::command("LRANGE {list} 0 -1"))
                .await;
            read.is_ok()
        })
        .await;
    }
    assert_eq!(list(&redis).await, ["a", "b", "c"]);
}

#[tokio::test]
async fn a_node_that_is_no_primary_for_a_while_refuses_and_is_used_again() {
    let server = RedisServer::start();
    let replica = server.start_replica();
    let redis = demanding(&server.url(), 1).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    let port = replica.port().to_string();
    server.ask(&["REPLICAOF", "127.0.0.1", &port]).unwrap();
    let answer = redis.run_confirmed::<u64>(&script(), &call("b")).await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("READONLY"), "{error}");
    server.ask(&["REPLICAOF", "NO", "ONE"]).unwrap();
    let _ = revoke(&redis, "c").await.unwrap();
    assert_eq!(list(&redis).await, ["a", "c"]);
}

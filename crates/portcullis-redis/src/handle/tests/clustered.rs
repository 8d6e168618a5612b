//! A cluster.

use portcullis_testkit::RedisCluster;

use super::*;
use crate::slot::Slot;

const KEY: &str = "{list}";

#[tokio::test]
async fn every_key_is_found_and_a_revocation_is_confirmed_where_it_was_written() {
    let cluster = RedisCluster::start(3, 3);
    let redis = demanding(&cluster.url(), 1).await;
    for number in 0..60 {
        let key = format!("{{user{number}}}:list");
        let call = Call::default().key(&*key).arg("a");
        let length: u64 = redis.run(&script(), &call).await.unwrap();
        assert_eq!(length, 1, "{key}");
        let (length, held) = redis.run_confirmed::<u64>(&script(), &call).await.unwrap();
        assert_eq!((length, held), (2, Confirmation::Confirmed), "{key}");
    }
    let holding = |node: &RedisServer| node.ask(&["DBSIZE"]).unwrap() != "0";
    assert!(
        cluster.nodes().iter().all(holding),
        "they are spread over all nodes"
    );
}

#[tokio::test]
async fn slots_that_move_are_followed() {
    let cluster = RedisCluster::start(2, 0);
    let redis = connect_to(&cluster.url()).await;
    assert_eq!(run(&redis, "a").await.unwrap(), 1);
    let slot = Slot::of_key(KEY.as_bytes()).0.to_string();
    let from = &cluster.nodes()[cluster.primary_of(KEY)];
    let to = &cluster.nodes()[1 - cluster.primary_of(KEY)];
    let [from_id, to_id] = [from, to].map(|node| node.ask(&["CLUSTER", "MYID"]).unwrap());
    to.ask(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &from_id])
        .unwrap();
    from.ask(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &to_id])
        .unwrap();
    assert_eq!(run(&redis, "b").await.unwrap(), 2, "it is still here");
    let port = to.port().to_string();
    from.ask(&["MIGRATE", "127.0.0.1", &port, KEY, "0", "5000"])
        .unwrap();
    assert_eq!(
        run(&redis, "c").await.unwrap(),
        3,
        "asked of the other node"
    );
    let revoking = demanding(&cluster.url(), 1).await;
    let taken = revoke(&revoking, "d").await.unwrap();
    assert_eq!(taken, Confirmation::Unconfirmed);
    for node in [to, from] {
        node.ask(&["CLUSTER", "SETSLOT", &slot, "NODE", &to_id])
            .unwrap();
    }
    assert_eq!(
        run(&redis, "e").await.unwrap(),
        5,
        "moved to the other node"
    );
    assert_eq!(list(&redis).await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test]
async fn after_a_crash_of_a_primary_its_replica_decides_and_other_keys_never_noticed() {
    let mut cluster = RedisCluster::start(3, 3);
    let url = cluster.url();
    let redis = demanding(&url, 1).await;
    let feed = another_node(RedisConfig::from_url(&url).unwrap()).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    tell(&redis, "before").await;
    hears(&feed, "before").await;

    let old = cluster.primary_of(KEY);
    let other = other_key(&cluster, old);
    cluster.nodes_mut()[old].stop();
    let begun = Instant::now();
    run(&redis, "lost").await.unwrap_err();
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
    let call = Call::default().key(&*other).arg("a");
    let _: u64 = redis.run(&script(), &call).await.unwrap();

    cluster.await_other_primary(KEY, old);
    eventually("the replica decides", async || {
        run(&redis, "b").await.is_ok()
    })
    .await;
    eventually("revocations are taken", async || {
        revoke(&redis, "c").await.is_ok()
    })
    .await;
    assert_eq!(list(&redis).await[..2], ["a", "b"]);
    tell(&redis, "after").await;
    hears(&feed, "after").await;

    cluster.nodes_mut()[old].restart();
    eventually("the old primary is a replica", async || {
        !cluster.nodes()[old].is_primary()
    })
    .await;
    run(&redis, "d").await.unwrap();
}

/// A key that another node than `old` decides on.
fn other_key(cluster: &RedisCluster, old: usize) -> String {
    let mut keys = (0..).map(|number| format!("{{other{number}}}"));
    let elsewhere = |key: &String| cluster.primary_of(key) != old;
    keys.find(elsewhere).expect("there are two other primaries")
}

#[tokio::test]
async fn a_primary_that_is_demoted_alive_is_left_for_its_successor() {
    let cluster = RedisCluster::start(3, 3);
    let url = cluster.url();
    let (redis, fresh) = (demanding(&url, 1).await, demanding(&url, 1).await);
    let deciding = connect_to(&url).await;
    let feed = another_node(RedisConfig::from_url(&url).unwrap()).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    for key in [KEY, "portcullis:{pc-feed}:revoked"] {
        let old = cluster.primary_of(key);
        cluster.fail_over(old);
        cluster.await_other_primary(key, old);
    }
    let told = "the old one says where it is";
    let _ = revoke(&redis, "b").await.expect(told);
    let _ = revoke(&fresh, "c").await.expect(told);
    assert_eq!(run(&deciding, "d").await.expect(told), 4);
    eventually("revocations are confirmed", async || {
        matches!(revoke(&redis, "e").await, Ok(Confirmation::Confirmed))
    })
    .await;
    assert_eq!(list(&redis).await[..4], ["a", "b", "c", "d"]);
    tell(&redis, "after").await;
    hears(&feed, "after").await;
}

#[tokio::test]
async fn a_frozen_primary_that_was_replaced_is_not_believed_when_it_wakes_up() {
    let cluster = RedisCluster::start(3, 3);
    let redis = demanding(&cluster.url(), 1).await;
    assert_eq!(revoke(&redis, "a").await.unwrap(), Confirmation::Confirmed);
    let old = cluster.primary_of(KEY);
    cluster.nodes()[old].freeze();
    cluster.await_other_primary(KEY, old);
    eventually("the replica decides", async || {
        run(&redis, "b").await.is_ok()
    })
    .await;
    eventually("revocations are taken", async || {
        revoke(&redis, "c").await.is_ok()
    })
    .await;
    cluster.nodes()[old].thaw();
    run(&redis, "d").await.unwrap();
    eventually("the old primary is a replica", async || {
        !cluster.nodes()[old].is_primary()
    })
    .await;
    eventually("a revocation is confirmed", async || {
        matches!(revoke(&redis, "e").await, Ok(Confirmation::Confirmed))
    })
    .await;
    assert_eq!(list(&redis).await[..2], ["a", "b"]);
}

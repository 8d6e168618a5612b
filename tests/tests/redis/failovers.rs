//! Another server takes over, with all that it has heard of.

use portcullis_testkit::{RedisCluster, RedisSentinels, RedisServer};
use tokio::task::yield_now;

use super::{
    faults::{Before, check},
    refreshes::{OVERLAP, storm, successors},
    world::{World, claims, insist},
};

/// Waits until `replica` holds every key of `primary`: a failover before that forgets.
async fn caught_up(primary: &RedisServer, replica: &RedisServer) {
    let keys = |server: &RedisServer| {
        let keys = server.ask(&["KEYS", "*"]).unwrap();
        let mut keys: Vec<_> = keys.lines().map(str::to_owned).collect();
        keys.sort();
        keys
    };
    while keys(primary) != keys(replica) {
        yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sentinels_elect_another_primary() {
    let mut watched = RedisSentinels::start(1);
    let before = Before::new(&watched.url()).await;
    let old = watched.primary();
    caught_up(&watched.servers()[old], &watched.servers()[1 - old]).await;
    watched.servers_mut()[old].stop();
    let during = before.during().await;
    watched.await_other_primary(old);
    let fault = "sentinels: primary killed, a replica elected";
    check(fault, &during, before.afterwards().await);
    before.world.scan(&watched.servers()[1 - old]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replica_in_a_cluster_takes_over() {
    let mut cluster = RedisCluster::start(3, 3);
    let before = Before::new(&cluster.url()).await;
    let family = family(&cluster);
    let old = cluster.primary_of(&family);
    let primary = &cluster.nodes()[old];
    let of = format!("\n{}\n", primary.port());
    let follows = |node: &&RedisServer| {
        let role = node.ask(&["ROLE"]).unwrap();
        role.starts_with("slave") && role.contains(&of)
    };
    caught_up(primary, cluster.nodes().iter().find(follows).unwrap()).await;
    cluster.nodes_mut()[old].stop();
    let during = before.during().await;
    cluster.await_other_primary(&family, old);
    // It comes back as the replica of the one that took its place.
    cluster.nodes_mut()[old].restart();
    let fault = "cluster: the user's primary killed, its replica takes over";
    check(fault, &during, before.afterwards().await);
    for node in cluster.nodes().iter().filter(|node| node.is_primary()) {
        before.world.scan(node);
    }
}

/// The key of a family, wherever it is.
fn family(cluster: &RedisCluster) -> String {
    let families = |node: &RedisServer| node.ask(&["KEYS", "*:f:*"]).unwrap();
    let found: Vec<_> = cluster.nodes().iter().map(families).collect();
    let found = found.iter().find(|keys| !keys.is_empty()).unwrap();
    found.lines().next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_uses_at_once_are_one_rotation_while_the_primary_is_killed() {
    let mut watched = RedisSentinels::start(1);
    let world = World::new(watched.url()).with_overlap(OVERLAP);
    let nodes = [world.node().await, world.node().await];
    let browser = nodes[0].log_in("ann").await;
    let old = watched.primary();
    caught_up(&watched.servers()[old], &watched.servers()[1 - old]).await;

    let uses = tokio::spawn({
        let (nodes, browser) = (nodes.clone(), browser.clone());
        async move { storm(&nodes, &browser).await }
    });
    // When the rotation has happened, and most of the others wait.
    let family = watched.servers()[old].ask(&["KEYS", "*:f:*"]).unwrap();
    while watched.servers()[old]
        .ask(&["HGET", family.trim(), "g"])
        .unwrap()
        == "0"
    {
        yield_now().await;
    }
    watched.servers_mut()[old].stop();
    let replies = uses.await.unwrap();
    for reply in &replies {
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    let jti = |token: String| claims(&token)["jti"].as_str().unwrap().to_owned();
    assert_eq!(successors(&replies, jti).len(), 1, "one successor");
    let mut winner = browser.clone();
    winner.refresh = successors(&replies, |token| token)
        .into_iter()
        .next()
        .unwrap();
    for node in &nodes {
        insist(|| node.refresh(&winner)).await.expect(200);
    }
    world.scan(&watched.servers()[1 - old]);
}

//! On a cluster, before a replica, and under sentinels.

use std::time::Duration;

use futures_util::future::join_all;
use portcullis_core::{
    clock::{Clock, SystemClock},
    rotation::{NewFamily, Opened, Presented, RevokeReason, RotationPolicy, SessionId, Verdict},
    store::{Blacklist, Confirmation, FamilyStore, Revocations, TokenFacts},
};
use portcullis_testkit::{RedisCluster, RedisSentinels, RedisServer};

use super::{super::RedisSessions, harness::keys};
use crate::{
    Redis, RedisConfig,
    fixtures::{ask, connect, eventually},
};

/// Everything that is shown here is shown without waiting: nothing overlaps.
fn policy() -> RotationPolicy {
    RotationPolicy::default()
        .with_max_families(2)
        .with_overlap(Duration::ZERO)
}

async fn connect_to(url: &str, replicas: u32) -> Redis {
    let config = RedisConfig::from_url(url).unwrap();
    let config = config.with_deadline(RedisConfig::MAX_DEADLINE).unwrap();
    let config = config.with_min_replicas(replicas, Duration::from_secs(5));
    config.unwrap().connect().await.unwrap()
}

async fn open(store: &RedisSessions, subject: &str, sid: &str) -> Opened {
    let sid = SessionId::parse(sid).unwrap();
    let family = NewFamily {
        subject,
        sid: &sid,
        key_version: 1,
        label: None,
    };
    store.open(&family, &policy()).await.unwrap()
}

async fn rotate(store: &RedisSessions, subject: &str, sid: &str, generation: u64) -> String {
    let presented = Presented {
        subject,
        sid,
        generation,
        adoption: None,
    };
    match store.rotate(&presented, &policy()).await.unwrap() {
        Verdict::Granted(grant) => format!("{:?} {}", grant.kind, grant.generation),
        Verdict::Refused(refusal) => format!("{refusal:?}"),
    }
}

/// What a user may live through, from the first login to the end of all sessions. The ids are in
/// order, for logins of one millisecond.
async fn live(store: &RedisSessions, subject: &str) {
    for sid in ["0", "a", "b"] {
        open(store, subject, sid).await;
    }
    let sessions = store.list(subject).await.unwrap();
    assert_eq!(sessions.len(), 2, "{subject}");
    for (generation, verdict) in [
        (0, "Rotated 1"),
        (0, "Lost 1"),
        (1, "Rotated 2"),
        (0, "Reuse"),
    ] {
        assert_eq!(rotate(store, subject, "a", generation).await, verdict);
    }
    let opened = open(store, subject, "c").await;
    let expires = SystemClock.now() + Duration::from_secs(300);
    let token = TokenFacts {
        subject,
        session: Some("c"),
        jti: "access",
        issued_at: opened.created,
        session_started: Some(opened.created),
    };
    assert!(!store.is_revoked(&token).await.unwrap());
    let _ = store.deny(subject, "access", expires).await.unwrap();
    assert!(store.is_revoked(&token).await.unwrap());
    let _ = store.add(subject, "jti", expires).await.unwrap();
    assert!(store.contains(subject, "jti").await.unwrap());
    let reason = RevokeReason::Logout;
    let _ = store.revoke(subject, "b", reason, &policy()).await.unwrap();
    assert_eq!(rotate(store, subject, "b", 0).await, "Revoked(Logout)");
    let _ = store.revoke_all(subject, &policy()).await.unwrap();
    assert_eq!(rotate(store, subject, "c", 0).await, "Revoked(User)");
    assert!(store.list(subject).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_keys_of_each_user_are_in_one_slot_of_a_cluster() {
    let cluster = RedisCluster::start(3, 0);
    let store = RedisSessions::new(&connect_to(&cluster.url(), 0).await, &keys(&[1]));
    for user in 0..20 {
        live(&store, &format!("user{user}")).await;
    }
    for node in cluster.nodes() {
        assert_ne!(node.ask(&["DBSIZE"]).unwrap(), "0", "they are spread");
    }
}

#[tokio::test]
async fn what_a_replica_was_waited_for_is_not_forgotten_by_a_failover() {
    let server = RedisServer::start();
    let replica = server.start_replica();
    let redis = connect_to(&server.url(), 1).await;
    let store = RedisSessions::new(&redis, &keys(&[1]));
    for sid in ["forgiven", "gone"] {
        open(&store, "ann", sid).await;
    }
    let waits = async || {
        let stats: String = ask(&redis, "INFO commandstats").await;
        let line = stats
            .lines()
            .find_map(|line| line.strip_prefix("cmdstat_wait:calls="));
        line.and_then(|line| line.split(',').next())
            .unwrap_or("0")
            .to_owned()
    };
    assert_eq!(rotate(&store, "ann", "forgiven", 0).await, "Rotated 1");
    assert_eq!(waits().await, "0", "a rotation waits for nobody");
    assert_eq!(rotate(&store, "ann", "forgiven", 0).await, "Lost 1");
    assert_eq!(waits().await, "1");
    let reason = RevokeReason::Logout;
    let ended = store
        .revoke("ann", "gone", reason, &policy())
        .await
        .unwrap();
    assert_eq!(ended, Confirmation::Confirmed);
    drop(server);

    let promoted = connect(&replica).await;
    let () = ask(&promoted, "REPLICAOF NO ONE").await;
    let store = RedisSessions::new(&promoted, &keys(&[1]));
    assert_eq!(rotate(&store, "ann", "gone", 0).await, "Revoked(Logout)");
    assert_eq!(
        rotate(&store, "ann", "forgiven", 0).await,
        "Reuse",
        "not forgiven twice"
    );
}

#[tokio::test]
async fn a_revocation_that_no_replica_holds_is_written_and_reported() {
    let server = RedisServer::start();
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config
        .with_min_replicas(1, Duration::from_millis(20))
        .unwrap();
    let store = RedisSessions::new(&config.connect().await.unwrap(), &keys(&[1]));
    let patient = RedisSessions::new(&connect(&server).await, &keys(&[1]));
    open(&patient, "ann", "a").await;
    let expires = SystemClock.now() + Duration::from_secs(300);
    let reason = RevokeReason::Logout;
    eventually("the logout is written", async || {
        let ended = store.revoke("ann", "a", reason, &policy()).await;
        ended.is_ok_and(|confirmation| confirmation == Confirmation::Unconfirmed)
    })
    .await;
    assert_eq!(rotate(&patient, "ann", "a", 0).await, "Revoked(Logout)");
    eventually("the denial is written", async || {
        let denied = store.deny("ann", "access", expires).await;
        denied.is_ok_and(|confirmation| confirmation == Confirmation::Unconfirmed)
    })
    .await;
    eventually("the cut is written", async || {
        let cut = store.revoke_all("ann", &policy()).await;
        cut.is_ok_and(|confirmation| confirmation == Confirmation::Unconfirmed)
    })
    .await;
}

#[track_caller]
fn check_successor(verdict: &Verdict) {
    match verdict {
        Verdict::Granted(grant) => assert_eq!(grant.generation, 1),
        Verdict::Refused(refusal) => panic!("signed out: {refusal:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn uses_of_one_token_while_the_primary_is_killed_all_end_with_one_successor() {
    let mut sentinels = RedisSentinels::start(1);
    let url = sentinels.url();
    let confirmed = RedisSessions::new(&connect_to(&url, 1).await, &keys(&[1]));
    let stores = [connect_to(&url, 0).await, connect_to(&url, 0).await];
    let stores = stores.map(|redis| RedisSessions::new(&redis, &keys(&[1])));
    let policy = RotationPolicy::default();
    open(&stores[0], "ann", "a").await;
    let expires = SystemClock.now() + Duration::from_secs(300);
    let held = confirmed.add("ann", "the replica has all before", expires);
    assert_eq!(held.await.unwrap(), Confirmation::Confirmed);

    let presented = Presented {
        subject: "ann",
        sid: "a",
        generation: 0,
        adoption: None,
    };
    let use_it = |number: usize| tokio::spawn(stores[number % 2].rotate(&presented, &policy));
    let mut uses: Vec<_> = (0..250).map(use_it).collect();
    let old = sentinels.primary();
    sentinels.servers_mut()[old].stop();
    uses.extend((250..500).map(use_it));
    for verdict in join_all(uses).await {
        // What failed is a 503: the client keeps its cookie and tries again.
        if let Ok(verdict) = verdict.unwrap() {
            check_successor(&verdict);
        }
    }
    sentinels.await_other_primary(old);
    for store in &stores {
        eventually("the new primary decides", async || {
            store.list("ann").await.is_ok()
        })
        .await;
    }
    for verdict in join_all((0..100).map(use_it)).await {
        check_successor(&verdict.unwrap().unwrap());
    }
    assert_eq!(stores[1].list("ann").await.unwrap().len(), 1);
}

//! Many at once, over two connections as of two processes.

use std::{collections::HashSet, time::Duration};

use futures_util::future::join_all;
use portcullis_core::{
    clock::Timestamp,
    rotation::{
        Grant, GrantKind, NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId,
        Verdict,
    },
    store::{Confirmation, FamilyStore, Revocations, TokenFacts},
};
use portcullis_testkit::RedisServer;

use super::{super::RedisSessions, harness::keys, keyspace::check_keys};
use crate::{
    Redis,
    fixtures::{ask, connect},
};

/// Two processes on one server, by its own clock.
async fn two_nodes(server: &RedisServer) -> (Redis, [RedisSessions; 2]) {
    let nodes = [connect(server).await, connect(server).await];
    let stores = nodes
        .each_ref()
        .map(|redis| RedisSessions::new(redis, &keys(&[1])));
    (connect(server).await, stores)
}

async fn log_in(store: &RedisSessions, label: &str) -> SessionId {
    let sid = SessionId::random().unwrap();
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 1,
        label: Some(label),
    };
    let opened = store.open(&family, &RotationPolicy::default()).await;
    opened.unwrap();
    sid
}

fn presented(sid: &SessionId, generation: u64) -> Presented<'_> {
    Presented {
        subject: "ann",
        sid: sid.as_str(),
        generation,
        adoption: None,
    }
}

async fn log_out(store: &RedisSessions, sid: &SessionId) -> Confirmation {
    let policy = RotationPolicy::default();
    let revoked = store.revoke("ann", sid.as_str(), RevokeReason::Logout, &policy);
    revoked.await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_uses_of_one_token_over_two_nodes_are_one_rotation() {
    let server = RedisServer::start();
    let (redis, stores) = two_nodes(&server).await;
    let sid = log_in(&stores[0], "Firefox").await;
    let policy = RotationPolicy::default();
    let uses = (0..500).map(|number| {
        let verdict = stores[number % 2].rotate(&presented(&sid, 0), &policy);
        tokio::spawn(verdict)
    });
    let mut grants: Vec<Grant> = Vec::new();
    for verdict in join_all(uses).await {
        match verdict.unwrap().unwrap() {
            Verdict::Granted(grant) => grants.push(grant),
            refused @ Verdict::Refused(_) => panic!("nobody is signed out: {refused:?}"),
        }
    }
    let successor = |grant: &Grant| (grant.generation, grant.issued_at, grant.key_version);
    assert!(
        grants
            .iter()
            .all(|grant| successor(grant) == (1, grants[0].issued_at, 1)),
        "the same token for all"
    );
    let rotated = grants
        .iter()
        .filter(|grant| grant.kind == GrantKind::Rotated);
    assert_eq!(rotated.count(), 1);
    assert_eq!(stores[1].list("ann").await.unwrap().len(), 1);
    check_keys(&redis, &[]).await;
}

/// `PORTCULLIS_CASES=2000` races a logout against the refreshes that often.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_refreshed_once_a_racing_logout_has_answered() {
    let server = RedisServer::start();
    let (redis, [here, there]) = two_nodes(&server).await;
    let policy = RotationPolicy::default();
    let rounds = std::env::var("PORTCULLIS_CASES").ok();
    let rounds = rounds.and_then(|count| count.parse().ok()).unwrap_or(100);
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
    for round in 0..rounds {
        let sid = log_in(&here, "Firefox").await;
        let before = round % 5;
        let refresh =
            |store: &RedisSessions| tokio::spawn(store.rotate(&presented(&sid, 0), &policy));
        let mut refreshes: Vec<_> = (0..before).map(|_| refresh(&here)).collect();
        let logout = tokio::spawn({
            let (there, sid) = (there.clone(), sid.clone());
            async move { log_out(&there, &sid).await }
        });
        refreshes.extend((before..5).map(|_| refresh(&here)));
        assert_eq!(logout.await.unwrap(), Confirmation::Confirmed);
        for store in [&here, &there] {
            for generation in 0..3 {
                let late = store.rotate(&presented(&sid, generation), &policy);
                assert_eq!(late.await.unwrap(), ended);
            }
        }
        for verdict in join_all(refreshes).await {
            let verdict = verdict.unwrap().unwrap();
            assert!(
                verdict == ended || matches!(verdict, Verdict::Granted(_)),
                "{verdict:?}"
            );
        }
    }
    assert!(here.list("ann").await.unwrap().is_empty());
    check_keys(&redis, &[]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logins_at_once_leave_no_more_families_than_allowed() {
    let server = RedisServer::start();
    let (redis, stores) = two_nodes(&server).await;
    let policy = RotationPolicy::default().with_max_families(5);
    let sids: Vec<_> = (0..40).map(|_| SessionId::random().unwrap()).collect();
    let logins = sids.iter().enumerate().map(|(number, sid)| {
        let family = NewFamily {
            subject: "ann",
            sid,
            key_version: 1,
            label: None,
        };
        tokio::spawn(stores[number % 2].open(&family, &policy))
    });
    for opened in join_all(logins).await {
        opened.unwrap().unwrap();
    }
    let living = stores[0].list("ann").await.unwrap();
    assert_eq!(living.len(), 5);
    // Some are told twice: by the login that ended them, and by the next one.
    let told: Vec<(String, Vec<String>)> =
        ask(&redis, "XRANGE portcullis:{pc-feed}:revoked - +").await;
    let told: HashSet<_> = told.iter().map(|(_, fields)| &fields[5]).collect();
    assert_eq!(told.len(), 35, "the nodes hear of each that was ended");
    assert!(
        living
            .iter()
            .all(|line| !told.contains(&line.sid.as_str().to_owned()))
    );
}

/// Logs in, and ends the session again, or all of them.
async fn come_and_go(
    store: &RedisSessions,
    policy: &RotationPolicy,
    everywhere: bool,
) -> SessionId {
    let sid = SessionId::random().unwrap();
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 1,
        label: None,
    };
    store.open(&family, policy).await.unwrap();
    let ended = if everywhere {
        store.revoke_all("ann", policy)
    } else {
        store.revoke("ann", sid.as_str(), RevokeReason::Logout, policy)
    };
    let _ = ended.await.unwrap();
    sid
}

#[tokio::test]
async fn a_user_who_comes_and_goes_all_day_leaves_few_keys() {
    let policy = RotationPolicy::default()
        .with_max_families(2)
        .with_access(Duration::from_secs(1))
        .with_overlap(Duration::ZERO);
    for everywhere in [false, true] {
        let server = RedisServer::start();
        let (redis, [store, _]) = two_nodes(&server).await;
        let mut rounds = 0;
        let mut before = come_and_go(&store, &policy, everywhere).await;
        // Once the first tombstones have served, a login makes room.
        while ask::<u64>(&redis, "DBSIZE").await > rounds {
            assert!(rounds < 10_000, "every one is kept");
            rounds += 1;
            let sid = come_and_go(&store, &policy, everywhere).await;
            let last = TokenFacts {
                subject: "ann",
                session: Some(before.as_str()),
                jti: "access",
                issued_at: Timestamp::default(),
                session_started: (!everywhere).then_some(Timestamp::MAX),
            };
            assert!(store.is_revoked(&last).await.unwrap(), "what denies stays");
            before = sid;
        }
    }
}

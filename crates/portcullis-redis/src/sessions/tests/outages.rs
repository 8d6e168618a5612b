//! What a caller sees while the server is away, full, frozen, emptied or a replica.

use std::time::Duration;

use futures_util::FutureExt;
use portcullis_core::{
    Answer,
    clock::Timestamp,
    rotation::{
        GrantKind, NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId, Verdict,
    },
    store::{Blacklist, Confirmation, FamilyStore, Revocations, StoreError, TokenFacts},
};
use portcullis_testkit::RedisServer;
use tokio::time::timeout;

use super::{super::RedisSessions, harness::keys};
use crate::{
    RedisConfig,
    fixtures::{ask, connect, connect_hastily, eventually},
};

/// Far more than the deadlines of one answer, and far less than anybody would wait.
const BOUND: Duration = Duration::from_secs(5);

async fn open(store: &RedisSessions, sid: &str) -> Result<(), StoreError> {
    let sid = SessionId::parse(sid).unwrap();
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 1,
        label: None,
    };
    let opened = store.open(&family, &RotationPolicy::default()).await;
    opened.map(drop)
}

async fn rotate(store: &RedisSessions, sid: &str, generation: u64) -> Result<Verdict, StoreError> {
    let presented = Presented {
        subject: "ann",
        sid,
        generation,
        adoption: None,
    };
    let verdict = timeout(BOUND, store.rotate(&presented, &RotationPolicy::default())).await;
    verdict.expect("the deadline holds")
}

async fn log_out(store: &RedisSessions, sid: &str) -> Result<(), StoreError> {
    let policy = RotationPolicy::default();
    let revoked = store.revoke("ann", sid, RevokeReason::Logout, &policy);
    let revoked = timeout(BOUND, revoked).await.expect("the deadline holds");
    revoked.map(|confirmation| assert_eq!(confirmation, Confirmation::Confirmed))
}

fn kind(verdict: &Verdict) -> (GrantKind, u64) {
    match verdict {
        Verdict::Granted(grant) => (grant.kind, grant.generation),
        Verdict::Refused(refusal) => panic!("refused: {refusal:?}"),
    }
}

/// What an error says, with its source.
#[track_caller]
fn said<T: std::fmt::Debug>(answer: Result<T, StoreError>) -> String {
    let error = answer.expect_err("the server cannot do that");
    let source = std::error::Error::source(&error).expect("there is always a reason");
    format!("{error} {source}")
}

/// Calls every method once, and gives what each of them says.
async fn every_error(store: &RedisSessions) -> Vec<String> {
    let policy = RotationPolicy::default();
    let expires = Timestamp::from_secs(4_000_000_000);
    let token = TokenFacts {
        subject: "ann",
        session: Some("a"),
        jti: "access",
        issued_at: expires,
        session_started: Some(expires),
    };
    vec![
        said(open(store, "fresh").await),
        said(rotate(store, "a", 0).await),
        said(log_out(store, "a").await),
        said(store.revoke_all("ann", &policy).await),
        said(store.list("ann").await),
        said(store.is_revoked(&token).await),
        said(store.deny("ann", "access", expires).await),
        said(store.contains("ann", "jti").await),
        said(store.add("ann", "jti", expires).await),
    ]
}

#[tokio::test]
async fn every_method_says_that_nobody_is_there_and_works_after_a_restart() {
    let mut server = RedisServer::start();
    let store = RedisSessions::new(&connect(&server).await, &keys(&[1]));
    open(&store, "a").await.unwrap();
    server.stop();
    for text in every_error(&store).await {
        assert!(text.contains("Redis cannot be reached"), "{text}");
    }
    server.restart();
    let verdict = rotate(&store, "a", 0).await.unwrap();
    assert_eq!(verdict, Verdict::Refused(Refusal::Unknown), "all is lost");
    open(&store, "a").await.unwrap();
    assert_eq!(
        kind(&rotate(&store, "a", 0).await.unwrap()),
        (GrantKind::Rotated, 1)
    );
}

#[tokio::test]
async fn a_rotation_that_came_too_late_is_not_sent_again_and_its_retry_gets_the_successor() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let patient = RedisSessions::new(&redis, &keys(&[1]));
    for sid in ["a", "b"] {
        open(&patient, sid).await.unwrap();
    }
    // So that the server knows both scripts.
    let _ = rotate(&patient, "b", 0).await.unwrap();
    let _ = patient.list("ann").await.unwrap();
    let hasty = RedisSessions::new(&connect_hastily(&server).await, &keys(&[1]));
    let () = ask(&redis, "CONFIG RESETSTAT").await;
    server.freeze();
    let text = said(rotate(&hasty, "a", 0).await);
    assert!(text.contains("did not answer in time rotate"), "{text}");
    server.thaw();
    // On the same connection, so the server has read all that was sent before.
    while hasty.list("ann").await.is_err() {}
    let verdict = rotate(&patient, "a", 0).await.unwrap();
    assert_eq!(
        kind(&verdict),
        (GrantKind::Replay, 1),
        "it had been carried out"
    );
    let stats: String = ask(&redis, "INFO commandstats").await;
    assert!(!stats.contains("cmdstat_eval:"), "{stats}");
}

#[tokio::test]
async fn a_full_server_refuses_whatever_writes_and_forgets_nothing() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisSessions::new(&redis, &keys(&[1]));
    open(&store, "a").await.unwrap();
    log_out(&store, "gone").await.unwrap();
    let () = ask(&redis, "CONFIG SET maxmemory 1").await;
    for text in [
        said(open(&store, "b").await),
        said(rotate(&store, "a", 0).await),
        said(log_out(&store, "a").await),
    ] {
        assert!(text.contains("OOM"), "{text}");
    }
    assert_eq!(store.list("ann").await.unwrap().len(), 1, "reading goes on");
    let () = ask(&redis, "CONFIG SET maxmemory 0").await;
    assert_eq!(
        kind(&rotate(&store, "a", 0).await.unwrap()),
        (GrantKind::Rotated, 1)
    );
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
    assert_eq!(rotate(&store, "gone", 0).await.unwrap(), ended);
}

#[tokio::test]
async fn a_server_turned_replica_says_so_and_is_used_again_afterwards() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisSessions::new(&redis, &keys(&[1]));
    open(&store, "a").await.unwrap();
    let () = ask(&redis, "REPLICAOF 127.0.0.1 1").await;
    let text = said(rotate(&store, "a", 0).await);
    assert!(text.contains("READONLY"), "{text}");
    let () = ask(&redis, "REPLICAOF NO ONE").await;
    assert_eq!(
        kind(&rotate(&store, "a", 0).await.unwrap()),
        (GrantKind::Rotated, 1)
    );
}

#[tokio::test]
async fn a_server_that_forgets_its_scripts_is_taught_them_within_each_call() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisSessions::new(&redis, &keys(&[1]));
    let forget = || async {
        let () = ask(&redis, "SCRIPT FLUSH").await;
    };
    let expires = Timestamp::from_secs(4_000_000_000);
    forget().await;
    open(&store, "a").await.unwrap();
    forget().await;
    assert_eq!(
        kind(&rotate(&store, "a", 0).await.unwrap()),
        (GrantKind::Rotated, 1)
    );
    forget().await;
    assert_eq!(store.list("ann").await.unwrap().len(), 1);
    forget().await;
    let _ = store.deny("ann", "access", expires).await.unwrap();
    forget().await;
    let token = TokenFacts {
        subject: "ann",
        session: Some("a"),
        jti: "access",
        issued_at: expires,
        session_started: Some(expires),
    };
    assert!(store.is_revoked(&token).await.unwrap());
    forget().await;
    log_out(&store, "a").await.unwrap();
    forget().await;
    let _ = store
        .revoke_all("ann", &RotationPolicy::default())
        .await
        .unwrap();
}

#[tokio::test]
async fn an_emptied_server_knows_nobody_and_a_new_login_works() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisSessions::new(&redis, &keys(&[1]));
    open(&store, "a").await.unwrap();
    let _ = rotate(&store, "a", 0).await.unwrap();
    let () = ask(&redis, "FLUSHALL").await;
    for generation in 0..3 {
        let verdict = rotate(&store, "a", generation).await.unwrap();
        assert_eq!(
            verdict,
            Verdict::Refused(Refusal::Unknown),
            "nothing is revived"
        );
    }
    open(&store, "b").await.unwrap();
    assert_eq!(
        kind(&rotate(&store, "b", 0).await.unwrap()),
        (GrantKind::Rotated, 1)
    );
}

#[tokio::test]
async fn a_deadline_of_production_is_kept_while_the_server_is_frozen() {
    let server = RedisServer::start();
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let store = RedisSessions::new(&config.connect().await.unwrap(), &keys(&[1]));
    server.freeze();
    for _ in 0..3 {
        let text = said(rotate(&store, "a", 0).await);
        assert!(text.contains("did not answer in time"), "{text}");
    }
    server.thaw();
}

/// Sends what `answer` begins with, and hangs up.
fn hang_up<T>(answer: Answer<T>) {
    assert!(answer.now_or_never().is_none());
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_no_node_untold() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisSessions::new(&redis, &keys(&[1]));
    let policy = RotationPolicy::default().with_overlap(Duration::ZERO);
    for sid in ["a", "b"] {
        open(&store, sid).await.unwrap();
    }
    let refresh = |generation| {
        let presented = Presented {
            subject: "ann",
            sid: "b",
            generation,
            adoption: None,
        };
        store.rotate(&presented, &policy)
    };
    for generation in 0..2 {
        let _ = refresh(generation).await.unwrap();
    }
    let told = async |count: u64| {
        eventually("the nodes are told", async || {
            let entries: u64 = ask(&redis, "XLEN portcullis:{pc-feed}:revoked").await;
            entries == count
        })
        .await;
    };
    hang_up(store.revoke("ann", "a", RevokeReason::Logout, &policy));
    told(1).await;
    hang_up(refresh(0));
    told(2).await;
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Reuse));
    assert_eq!(refresh(1).await.unwrap(), ended);
    told(3).await;
    hang_up(store.revoke_all("ann", &policy));
    told(4).await;
    hang_up(store.deny("ann", "access", Timestamp::from_secs(4_000_000_000)));
    told(5).await;
}

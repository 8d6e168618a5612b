//! While the rotation key is replaced, a user has two tags.

use std::time::Duration;

use portcullis_core::{
    clock::Timestamp,
    rotation::{
        Adoption, NewFamily, Opened, Presented, RevokeReason, RotationPolicy, SessionId, Verdict,
    },
    store::{Blacklist, FamilyStore, Revocations, TokenFacts},
};
use portcullis_testkit::Harness;

use super::{harness::RedisHarness, keyspace::users_keys};
use crate::fixtures::ask;

/// A process that opens families under the old key, and one that opens them under the new one.
async fn two_nodes() -> (RedisHarness, RedisHarness) {
    let old = RedisHarness::start_with(&[1, 2]).await;
    let new = old.beside(&[2, 1]).await;
    (old, new)
}

fn policy() -> RotationPolicy {
    RotationPolicy::default().with_max_families(3)
}

/// Moves the clock, so that no two families are of one millisecond.
async fn tick(node: &RedisHarness) {
    node.set(node.now() + Duration::from_millis(10)).await;
}

async fn open(node: &RedisHarness, sid: &str, key_version: u32) -> Opened {
    tick(node).await;
    let sid = SessionId::parse(sid).unwrap();
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version,
        label: None,
    };
    node.store.open(&family, &policy()).await.unwrap()
}

async fn rotate(node: &RedisHarness, sid: &str, adoption: Option<Adoption>) -> String {
    let presented = Presented {
        subject: "ann",
        sid,
        generation: 0,
        adoption,
    };
    match node.store.rotate(&presented, &policy()).await.unwrap() {
        Verdict::Granted(grant) => format!("{:?} {}", grant.kind, grant.key_version),
        Verdict::Refused(refusal) => format!("{refusal:?}"),
    }
}

async fn is_revoked(node: &RedisHarness, sid: &str, opened: &Opened) -> bool {
    let token = TokenFacts {
        subject: "ann",
        session: Some(sid),
        jti: "access",
        issued_at: opened.created,
        session_started: Some(opened.created),
    };
    node.store.is_revoked(&token).await.unwrap()
}

async fn listed(node: &RedisHarness) -> Vec<String> {
    let sessions = node.store.list("ann").await.unwrap();
    let sids = sessions
        .iter()
        .map(|session| session.sid.as_str().to_owned());
    sids.collect()
}

fn django(node: &RedisHarness, key_version: u32) -> Adoption {
    let created = Timestamp::from_secs(node.now().as_secs() - 60);
    Adoption {
        created,
        absolute_end: created + Duration::from_secs(86_400),
        token_expires: created + Duration::from_secs(3_600),
        key_version,
    }
}

#[tokio::test]
async fn both_nodes_refresh_list_and_end_the_families_of_both_versions() {
    let (old, new) = two_nodes().await;
    let (a, b) = (open(&old, "a", 1).await, open(&new, "b", 2).await);
    for node in [&old, &new] {
        assert_eq!(listed(node).await, ["b", "a"]);
    }
    assert_eq!(rotate(&new, "a", None).await, "Rotated 1");
    assert_eq!(rotate(&old, "a", None).await, "Replay 1");
    assert_eq!(rotate(&old, "b", None).await, "Rotated 2");

    let reason = RevokeReason::Logout;
    let _ = new
        .store
        .revoke("ann", "a", reason, &policy())
        .await
        .unwrap();
    let _ = old
        .store
        .revoke("ann", "b", reason, &policy())
        .await
        .unwrap();
    for node in [&old, &new] {
        assert!(listed(node).await.is_empty());
        for (sid, opened) in [("a", &a), ("b", &b)] {
            assert_eq!(rotate(node, sid, None).await, "Revoked(Logout)");
            assert!(is_revoked(node, sid, opened).await);
        }
    }
}

#[tokio::test]
async fn an_id_in_use_under_one_version_is_taken_under_the_other() {
    let (old, new) = two_nodes().await;
    open(&old, "a", 1).await;
    let sid = SessionId::parse("a").unwrap();
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 2,
        label: None,
    };
    assert!(new.store.open(&family, &policy()).await.is_err());
}

#[tokio::test]
async fn the_families_of_both_versions_together_stay_within_the_limit() {
    let (old, new) = two_nodes().await;
    for sid in ["a", "b", "c"] {
        open(&old, sid, 1).await;
    }
    open(&new, "d", 2).await;
    assert_eq!(listed(&new).await, ["d", "c", "b"]);
    assert_eq!(rotate(&new, "a", None).await, "Revoked(Evicted)");
    for sid in ["e", "f", "g"] {
        open(&new, sid, 2).await;
    }
    assert_eq!(listed(&old).await, ["g", "f", "e"]);
}

#[tokio::test]
async fn a_cut_ends_what_either_version_opened_and_spares_the_next_login() {
    let (old, new) = two_nodes().await;
    // A family that is younger than the clock: opened in the millisecond of an earlier cut.
    let _ = old.store.revoke_all("ann", &policy()).await.unwrap();
    let now = old.now();
    let a = open(&old, "a", 1).await;
    old.set(now).await;
    let b = open(&new, "b", 2).await;
    old.set(now).await;
    let _ = new.store.revoke_all("ann", &policy()).await.unwrap();
    let c = open(&new, "c", 2).await;
    old.set(now).await;
    let d = open(&old, "d", 1).await;
    for node in [&old, &new] {
        for (sid, opened) in [("a", &a), ("b", &b)] {
            assert!(is_revoked(node, sid, opened).await, "{sid}");
            assert_eq!(rotate(node, sid, None).await, "Revoked(User)");
        }
        for (sid, opened) in [("c", &c), ("d", &d)] {
            assert!(!is_revoked(node, sid, opened).await, "{sid}");
        }
    }
}

#[tokio::test]
async fn both_versions_have_the_same_cut_whichever_has_the_younger_family() {
    let (old, new) = two_nodes().await;
    let now = old.now();
    open(&new, "b", 2).await;
    open(&old, "a", 1).await;
    old.set(now).await;
    let _ = new.store.revoke_all("ann", &policy()).await.unwrap();
    let keys = users_keys(&new.redis).await;
    let mut cuts: Vec<u64> = Vec::new();
    for key in keys.iter().filter(|key| key.ends_with(":n")) {
        cuts.push(ask(&new.redis, &format!("GET {key}")).await);
    }
    let youngest = now.as_millis() + 20;
    assert_eq!(cuts, [youngest, youngest]);
}

#[tokio::test]
async fn a_login_after_a_cut_of_the_old_version_alone_is_spared_too() {
    let old = RedisHarness::start_with(&[1]).await;
    let new = old.beside(&[2, 1]).await;
    let now = old.now();
    let _ = old.store.revoke_all("ann", &policy()).await.unwrap();
    old.set(now.minus(Duration::from_secs(1))).await;
    let a = open(&new, "a", 2).await;
    assert!(
        !is_revoked(&new, "a", &a).await,
        "though the clock went back"
    );
}

#[tokio::test]
async fn a_django_token_that_one_version_knows_is_not_adopted_by_the_other() {
    let (old, new) = two_nodes().await;
    let token = django(&old, 1);
    assert_eq!(rotate(&old, "jti", Some(token)).await, "Rotated 1");
    let again = Adoption {
        key_version: 2,
        ..token
    };
    assert_eq!(rotate(&new, "jti", Some(again)).await, "Replay 1");
    assert!(new.store.contains("ann", "jti").await.unwrap());

    let expires = token.token_expires;
    let _ = old.store.add("ann", "listed", expires).await.unwrap();
    assert_eq!(rotate(&new, "listed", Some(again)).await, "Revoked(Listed)");

    let reason = RevokeReason::Logout;
    let _ = old
        .store
        .revoke("ann", "gone", reason, &policy())
        .await
        .unwrap();
    assert_eq!(rotate(&new, "gone", Some(again)).await, "Revoked(Logout)");

    assert_eq!(rotate(&new, "fresh", Some(again)).await, "Rotated 2");
    let _ = old.store.revoke_all("ann", &policy()).await.unwrap();
    assert_eq!(rotate(&new, "cut", Some(again)).await, "Revoked(User)");
}

#[tokio::test]
async fn a_token_denied_by_one_node_is_denied_by_the_other() {
    let (old, new) = two_nodes().await;
    let opened = open(&old, "a", 1).await;
    let expires = old.now() + Duration::from_secs(300);
    let _ = new.store.deny("ann", "access", expires).await.unwrap();
    assert!(is_revoked(&old, "a", &opened).await);
    assert!(is_revoked(&new, "a", &opened).await);
}

#[tokio::test]
async fn one_version_of_the_key_costs_one_script_and_two_cost_two() {
    for (versions, calls) in [(&[1][..], 1), (&[1, 2], 2)] {
        let node = RedisHarness::start_with(versions).await;
        open(&node, "a", 1).await;
        let () = ask(&node.redis, "CONFIG RESETSTAT").await;
        assert!(!listed(&node).await.is_empty());
        let stats: String = ask(&node.redis, "INFO commandstats").await;
        let wanted = format!("cmdstat_evalsha:calls={calls},");
        assert!(stats.contains(&wanted), "{stats}");
    }
}

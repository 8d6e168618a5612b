//! What is kept, for how long, and who is told when it is not.

use std::sync::Arc;

use portcullis_core::audit::MemoryAudit;
use portcullis_testkit::RedisServer;

use super::{super::append, *};
use crate::{
    RedisConfig,
    fixtures::{ask, connect, eventually},
};

fn session(sid: &str, expires: u64) -> Entry {
    let user = crate::tag::Tag::parse("0123456789abcdef0123456789abcdef").unwrap();
    let sid = sid.to_owned();
    Entry {
        fact: Fact::Session { user, sid },
        expires,
    }
}

#[test]
fn one_task_is_asked_to_tell_and_another_once_it_has_gone() {
    let owed = Owed::default();
    assert_eq!(owed.keep(&session("a", 9)), Kept::First);
    assert_eq!(owed.keep(&session("b", 9)), Kept::Queued);
    for sid in ["a", "b"] {
        assert_eq!(owed.next(), Some(session(sid, 9)));
        owed.settle(&session(sid, 9));
    }
    assert_eq!(owed.next(), None);
    assert_eq!(owed.keep(&session("c", 9)), Kept::First);
}

#[test]
fn a_repeated_entry_takes_no_room_and_counts_for_longer() {
    let owed = Owed::default();
    for expires in [5, 9, 7] {
        owed.keep(&session("a", expires));
    }
    assert_eq!(owed.len(), 1);
    assert_eq!(owed.next(), Some(session("a", 9)));
    owed.settle(&session("a", 7));
    assert_eq!(owed.len(), 1, "the nodes would forget it too early");
    owed.settle(&session("a", 9));
    assert_eq!(owed.len(), 0);
}

#[test]
fn there_is_a_bound_and_what_is_above_it_is_refused() {
    let owed = Owed {
        most: 2,
        ..Owed::default()
    };
    owed.keep(&session("a", 9));
    owed.keep(&session("b", 9));
    assert_eq!(owed.keep(&session("c", 9)), Kept::Refused);
    assert_eq!(owed.keep(&session("b", 10)), Kept::Queued);
    assert_eq!(owed.len(), 2);
}

#[test]
fn an_entry_is_given_up_when_no_leeway_lets_its_tokens_live() {
    let owed = Owed::default();
    owed.keep(&session("a", 100));
    owed.keep(&session("b", 101));
    assert_eq!(owed.give_up(Timestamp::from_secs(159)), []);
    assert_eq!(owed.give_up(Timestamp::from_secs(160)), [session("a", 100)]);
    assert_eq!(owed.len(), 1);
}

#[tokio::test]
async fn an_entry_that_is_written_is_not_owed_any_more() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    redis.owed().keep(&session("a", 4_000_000_000));
    append(&redis, &session("a", 4_000_000_001)).await.unwrap();
    assert_eq!(redis.owed_revocations(), 0);
}

#[tokio::test]
async fn what_expires_before_it_can_be_told_is_reported() {
    let server = RedisServer::start();
    let audit = Arc::new(MemoryAudit::default());
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config.with_deadline(RedisConfig::MAX_DEADLINE).unwrap();
    let redis = config.with_audit(audit.clone()).connect().await.unwrap();
    let () = ask(&redis, "SET portcullis:{pc-feed}:revoked wrong EX 600").await;
    assert!(append(&redis, &session("a", 1)).await.is_err());
    let kinds = [AuditKind::RevocationOwed, AuditKind::RevocationUntold];
    eventually("it is given up", async || audit.kinds() == kinds).await;
    assert_eq!(redis.owed_revocations(), 0);
}

#[tokio::test]
async fn what_there_is_no_room_for_is_reported() {
    let server = RedisServer::start();
    let audit = Arc::new(MemoryAudit::default());
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config.with_deadline(RedisConfig::MAX_DEADLINE).unwrap();
    let redis = config.with_audit(audit.clone()).connect().await.unwrap();
    let far = 4_000_000_000;
    for number in 0..MOST {
        redis.owed().keep(&session(&number.to_string(), far));
    }
    let () = ask(&redis, "SET portcullis:{pc-feed}:revoked wrong EX 600").await;
    assert!(append(&redis, &session("a", far)).await.is_err());
    assert_eq!(audit.kinds(), [AuditKind::RevocationUntold]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_runtime_left_behind_is_told_by_the_next_one_that_owes() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let () = ask(&redis, "SET portcullis:{pc-feed}:revoked wrong EX 600").await;
    let elsewhere = {
        let redis = redis.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = { runtime }.enable_time().build().unwrap();
            runtime.block_on(append(&redis, &session("a", 4_000_000_000)))
        }
    };
    assert!(
        tokio::task::spawn_blocking(elsewhere)
            .await
            .unwrap()
            .is_err()
    );
    assert!(append(&redis, &session("b", 4_000_000_000)).await.is_err());
    assert_eq!(redis.owed_revocations(), 2);
    let () = ask(&redis, "DEL portcullis:{pc-feed}:revoked").await;
    eventually("both are told", async || redis.owed_revocations() == 0).await;
}

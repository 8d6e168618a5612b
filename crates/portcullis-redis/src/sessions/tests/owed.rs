//! A session ends, and the nodes cannot be told.

use std::{sync::Arc, time::Duration};

use portcullis_core::{
    audit::{AuditKind, MemoryAudit},
    clock::Timestamp,
    rotation::{NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId, Verdict},
    store::{FamilyStore, Revocations, StoreError},
};
use portcullis_testkit::RedisServer;

use super::{super::RedisSessions, harness::keys};
use crate::{
    Redis, RedisConfig,
    fixtures::{ask, eventually, run},
};

const FEED: &str = "portcullis:{pc-feed}:revoked";

/// Whatever ends sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Ending {
    Deny,
    Evict,
    Known,
    Logout,
    LogoutAll,
    Reuse,
}

impl Ending {
    const ALL: [Self; 6] = [
        Self::Deny,
        Self::Evict,
        Self::Known,
        Self::Logout,
        Self::LogoutAll,
        Self::Reuse,
    ];

    /// What the entry in the feed names.
    const fn named(self) -> &'static str {
        match self {
            Self::Deny => "k t",
            Self::LogoutAll => "k n",
            Self::Evict | Self::Known | Self::Logout | Self::Reuse => "v a",
        }
    }
}

/// A process.
struct Node {
    redis: Redis,
    store: RedisSessions,
    audit: Arc<MemoryAudit>,
    policy: RotationPolicy,
}

impl Node {
    async fn new(server: &RedisServer) -> Self {
        Self::with_keys(server, &[1]).await
    }

    async fn with_keys(server: &RedisServer, versions: &[u32]) -> Self {
        let audit = Arc::new(MemoryAudit::default());
        let config = RedisConfig::from_url(&server.url()).unwrap();
        let config = config.with_deadline(RedisConfig::MAX_DEADLINE).unwrap();
        let redis = config.with_audit(audit.clone()).connect().await.unwrap();
        Self {
            store: RedisSessions::new(&redis, &keys(versions)),
            redis,
            audit,
            policy: RotationPolicy::default()
                .with_max_families(2)
                .with_overlap(Duration::ZERO),
        }
    }

    async fn open(&self, sid: &str) -> Result<(), StoreError> {
        let sid = SessionId::parse(sid).unwrap();
        let family = NewFamily {
            subject: "ann",
            sid: &sid,
            key_version: 1,
            label: None,
        };
        self.store.open(&family, &self.policy).await.map(drop)
    }

    async fn rotate(&self, generation: u64) -> Result<Verdict, StoreError> {
        let presented = Presented {
            subject: "ann",
            sid: "a",
            generation,
            adoption: None,
        };
        self.store.rotate(&presented, &self.policy).await
    }

    /// The sessions `a`, which has been refreshed twice, and `b`.
    async fn prepare(&self) {
        for sid in ["a", "b"] {
            self.open(sid).await.unwrap();
        }
        for generation in 0..2 {
            let _ = self.rotate(generation).await.unwrap();
        }
    }

    /// Ends `a`, for the first time or again; a login always brings a new id.
    async fn end(&self, ending: Ending, time: usize) -> Result<(), StoreError> {
        let (store, policy) = (&self.store, &self.policy);
        let reason = RevokeReason::Logout;
        match ending {
            Ending::Deny => {
                let expires = Timestamp::from_secs(4_000_000_000);
                store.deny("ann", "access", expires).await.map(drop)
            }
            Ending::Evict => self.open(&format!("c{time}")).await,
            Ending::Known => {
                let ended = store.revoke_known("ann", "a", reason, policy).await;
                ended.map(|known| assert!(known.is_some()))
            }
            Ending::Logout => store.revoke("ann", "a", reason, policy).await.map(drop),
            Ending::LogoutAll => store.revoke_all("ann", policy).await.map(drop),
            Ending::Reuse => self.rotate(0).await.map(|verdict| {
                assert!(matches!(verdict, Verdict::Refused(_)), "{verdict:?}");
            }),
        }
    }
}

/// Makes the feed a key that nothing can be appended to.
async fn spoil(redis: &Redis) {
    let () = ask(redis, &format!("SET {FEED} wrong EX 600")).await;
}

async fn mend(redis: &Redis) {
    let _: u64 = ask(redis, &format!("DEL {FEED}")).await;
}

/// All that the feed holds, each field as its name and its value.
async fn told(redis: &Redis) -> Vec<String> {
    let entries: Vec<(String, Vec<String>)> = ask(redis, &format!("XRANGE {FEED} - +")).await;
    let fields = entries.iter().flat_map(|(_, fields)| fields.chunks(2));
    fields.map(|pair| pair.join(" ")).collect()
}

#[test]
fn the_repetition_tells_the_nodes_what_a_process_that_died_could_not() {
    for ending in Ending::ALL {
        let server = RedisServer::start();
        // Its end is that of the runtime: nothing that it still wanted to do is done.
        let audit = run(async {
            let dying = Node::new(&server).await;
            dying.prepare().await;
            spoil(&dying.redis).await;
            let error = dying.end(ending, 1).await.expect_err("nobody is told");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("WRONGTYPE"), "{ending:?}: {source}");
            dying.audit.clone()
        });
        let kinds = [AuditKind::RevocationOwed, AuditKind::RevocationUntold];
        assert_eq!(audit.kinds(), kinds, "{ending:?}");
        run(async {
            let other = Node::new(&server).await;
            mend(&other.redis).await;
            other.end(ending, 2).await.unwrap();
            let told = told(&other.redis).await;
            let is_told = told.iter().any(|field| field == ending.named());
            assert!(is_told, "{ending:?}: {told:?}");
        });
    }
}

#[tokio::test]
async fn what_the_nodes_could_not_be_told_they_are_told_without_a_repetition() {
    for ending in Ending::ALL {
        let server = RedisServer::start();
        let node = Node::new(&server).await;
        node.prepare().await;
        spoil(&node.redis).await;
        let ended = node.end(ending, 1).await;
        assert!(ended.is_err(), "{ending:?}");
        assert_eq!(node.redis.owed_revocations(), 1, "{ending:?}");
        assert_eq!(node.audit.kinds(), [AuditKind::RevocationOwed]);
        mend(&node.redis).await;
        eventually("nothing is owed", async || {
            node.redis.owed_revocations() == 0
        })
        .await;
        let told = told(&node.redis).await;
        let is_told = told.iter().any(|field| field == ending.named());
        assert!(is_told, "{ending:?}: {told:?}");
        // The next debt finds somebody to pay it, too.
        spoil(&node.redis).await;
        assert!(node.end(Ending::Deny, 2).await.is_err());
        mend(&node.redis).await;
        eventually("nothing is owed", async || {
            node.redis.owed_revocations() == 0
        })
        .await;
    }
}

#[tokio::test]
async fn logouts_of_unknown_sessions_hide_no_eviction() {
    let server = RedisServer::start();
    let node = Node::new(&server).await;
    node.prepare().await;
    let reason = RevokeReason::Logout;
    for number in 0..10 {
        let sid = format!("unknown{number}");
        let _ = node.store.revoke("ann", &sid, reason, &node.policy).await;
    }
    node.end(Ending::Evict, 1).await.unwrap();
    mend(&node.redis).await;
    node.end(Ending::Evict, 2).await.unwrap();
    let told = told(&node.redis).await;
    let is_told = |field: &str| told.iter().any(|told| told == field);
    assert!(is_told("v a") && is_told("v b"), "{told:?}");
    assert!(
        !told.iter().any(|told| told.contains("unknown")),
        "{told:?}"
    );
}

#[tokio::test]
async fn each_of_several_sessions_that_make_room_is_owed() {
    let server = RedisServer::start();
    let mut node = Node::new(&server).await;
    node.policy = node.policy.with_max_families(12);
    for number in 0..12 {
        node.open(&format!("s{number}")).await.unwrap();
    }
    spoil(&node.redis).await;
    node.policy = node.policy.with_max_families(2);
    assert!(node.open("new").await.is_err());
    assert_eq!(node.redis.owed_revocations(), 11);
}

#[tokio::test]
async fn the_repetition_of_a_session_that_cannot_live_any_more_tells_nobody() {
    let server = RedisServer::start();
    let mut node = Node::new(&server).await;
    node.policy = node.policy.with_access(Duration::from_secs(1));
    node.prepare().await;
    node.end(Ending::Logout, 1).await.unwrap();
    mend(&node.redis).await;
    // As if it had ended two minutes ago, more than the longest leeway.
    for key in server.ask(&["KEYS", "*:i"]).unwrap().lines() {
        server.ask(&["ZINCRBY", key, "120000", "a"]).unwrap();
    }
    node.end(Ending::Logout, 2).await.unwrap();
    node.end(Ending::Known, 2).await.unwrap();
    assert_eq!(told(&node.redis).await, [""; 0]);
}

#[tokio::test]
async fn a_login_that_makes_no_room_tells_nobody_of_earlier_ones() {
    let server = RedisServer::start();
    let node = Node::new(&server).await;
    node.prepare().await;
    node.end(Ending::Evict, 1).await.unwrap();
    mend(&node.redis).await;
    let reason = RevokeReason::Logout;
    let _ = node.store.revoke("ann", "b", reason, &node.policy).await;
    mend(&node.redis).await;
    node.open("d").await.unwrap();
    assert_eq!(told(&node.redis).await, [""; 0]);
}

#[tokio::test]
async fn a_known_session_is_ended_under_the_tags_of_both_rotation_keys() {
    let server = RedisServer::start();
    let old = Node::new(&server).await;
    old.prepare().await;
    let node = Node::with_keys(&server, &[2, 1]).await;
    node.end(Ending::Known, 1).await.unwrap();
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
    assert_eq!(node.rotate(2).await.unwrap(), ended);
    let tombstones = server.ask(&["KEYS", "*:f:a"]).unwrap();
    assert_eq!(tombstones.lines().count(), 2, "{tombstones}");
    let reason = RevokeReason::Logout;
    let unknown = node.store.revoke_known("ann", "x", reason, &node.policy);
    assert!(unknown.await.unwrap().is_none());
    assert_eq!(server.ask(&["KEYS", "*:f:x"]).unwrap(), "");
}

//! The user with least privilege that the operating manual tells to make.

use std::{collections::BTreeSet, fs, path::Path, sync::Arc};

use portcullis_core::{
    clock::Timestamp,
    rate::{Quota, RateKey, RateStore, Refund, Take},
    rotation::{Adoption, NewFamily, Presented, RevokeReason, RotationPolicy, SessionId},
    store::{Blacklist, FamilyStore},
};

use super::*;
use crate::{RedisRateStore, RedisSessions, fixtures::command};

/// The commands that are sent from Rust; those of the scripts are in the scripts.
const SENT: &[&str] = &[
    "asking",
    "cluster|slots",
    "del",
    "eval",
    "evalsha",
    "exists",
    "get",
    "info",
    "role",
    "select",
    "wait",
    "xrange",
    "xread",
    "xrevrange",
];

/// Those that one server by itself is not sent.
const ELSEWHERE: &[&str] = &["asking", "cluster|slots", "select"];

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The line of the manual.
fn line() -> String {
    let manual = fs::read_to_string(folder().join("../../docs/operating-redis.md")).unwrap();
    let line = manual.lines().find(|line| line.starts_with("ACL SETUSER"));
    line.expect("the manual tells how to make the user")
        .to_owned()
}

fn granted() -> BTreeSet<String> {
    let line = line();
    let words = line.split(' ').filter_map(|word| word.strip_prefix('+'));
    words.map(str::to_owned).collect()
}

/// What the scripts in `folder` call, and those in the folders within.
fn called_by_scripts(folder: &Path, called: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            called_by_scripts(&path, called);
        } else if path.extension().is_some_and(|end| end == "lua") {
            let script = fs::read_to_string(&path).unwrap();
            for part in script.split("call(").skip(1) {
                let name = part
                    .strip_prefix('\'')
                    .and_then(|part| part.split('\'').next());
                let name = name.unwrap_or_else(|| panic!("{path:?} calls {part:.20}"));
                called.insert(name.to_lowercase());
            }
        }
    }
}

#[test]
fn the_user_of_the_manual_may_do_what_the_sources_do_and_nothing_else() {
    let mut wanted: BTreeSet<_> = SENT.iter().map(|&name| name.to_owned()).collect();
    called_by_scripts(&folder().join("src"), &mut wanted);
    assert_eq!(granted(), wanted);
}

async fn use_rates(redis: &Redis) {
    let store = RedisRateStore::new(redis);
    let (key, hour) = (RateKey::from_hash([7; 16]), Duration::from_secs(3600));
    for quota in [
        Quota::strict(2, hour).unwrap(),
        Quota::per(2, hour).unwrap(),
    ] {
        let take = Take {
            key,
            quota,
            cost: 1,
            shadow: false,
        };
        let taken = store.take(&[take]).await.unwrap();
        for _ in 0..2 {
            store.take(&[take]).await.unwrap();
        }
        let refund = Refund {
            key,
            quota,
            cost: 1,
            mark: taken.states[0].mark,
        };
        store.refund(&[refund]).await.unwrap();
    }
    let _ = store.record_failure(&key, 5, hour).await.unwrap();
    assert_eq!(store.failures(&key).await.unwrap(), 1);
    store.clear(&[key]).await.unwrap();
}

async fn use_sessions(store: &RedisSessions, server: &RedisServer) {
    let policy = RotationPolicy::default().with_max_families(2);
    for sid in ["a", "b", "c", "d"] {
        // As if the family of "a" had been idle for too long.
        for key in server.ask(&["KEYS", "*:f:a"]).unwrap().lines() {
            server.ask(&["DEL", key]).unwrap();
        }
        let sid = SessionId::parse(sid).unwrap();
        let family = NewFamily {
            subject: "ann",
            sid: &sid,
            key_version: 1,
            label: Some("Firefox"),
        };
        store.open(&family, &policy).await.unwrap();
    }
    let far = Timestamp::from_secs(u64::from(u32::MAX));
    let adoption = Adoption {
        created: far.minus(Duration::from_secs(60)),
        absolute_end: far,
        token_expires: far,
        key_version: 1,
    };
    let presented = [
        ("c", 0, None),
        ("c", 0, None),
        ("c", 5, None),
        ("c", 1, None),
    ];
    let adopted = [("django", 0, Some(adoption)), ("django", 0, Some(adoption))];
    for (sid, generation, adoption) in presented.into_iter().chain(adopted) {
        let presented = Presented {
            subject: "ann",
            sid,
            generation,
            adoption,
        };
        store.rotate(&presented, &policy).await.unwrap();
    }
    assert!(!store.list("ann").await.unwrap().is_empty());
    let reason = RevokeReason::Logout;
    let _ = store.revoke("ann", "d", reason, &policy).await.unwrap();
    let _ = store.revoke_all("ann", &policy).await.unwrap();
    let _ = store.add("ann", "listed", far).await.unwrap();
    assert!(store.contains("ann", "listed").await.unwrap());
    let _ = store.deny("ann", "denied", far).await.unwrap();
    let token = TokenFacts {
        subject: "ann",
        session: Some("d"),
        jti: "denied",
        issued_at: far,
        session_started: Some(far),
    };
    assert!(store.is_revoked(&token).await.unwrap());
}

#[tokio::test]
async fn every_store_and_the_feed_work_as_that_user() {
    let server = RedisServer::start();
    let _replica = server.start_replica();
    let line = line();
    server.ask(&line.split(' ').collect::<Vec<_>>()).unwrap();
    let password = line
        .split(' ')
        .find_map(|word| word.strip_prefix('>'))
        .unwrap();
    let url = server
        .url()
        .replace("//", &format!("//portcullis:{password}@"));
    server.ask(&["CONFIG", "RESETSTAT"]).unwrap();

    let redis = demanding(&url, 1).await;
    let sessions = RedisSessions::new(&redis, &keys());
    let (keys, remote) = (keys(), Arc::new(sessions.clone()));
    let feed = FeedConfig::new()
        .start(&redis, &keys, remote)
        .await
        .unwrap();
    let there = another_node(RedisConfig::from_url(&url).unwrap()).await;
    use_rates(&redis).await;
    use_sessions(&sessions, &server).await;
    let far = Timestamp::from_secs(u64::from(u32::MAX));
    let _ = feed.deny("ann", "denied", far).await.unwrap();
    tell(&redis, "a").await;
    hears(&there, "a").await;
    let stats = async || server.ask(&["INFO", "commandstats"]).unwrap();
    eventually("the feeds look round", async || {
        stats().await.contains("cmdstat_xrevrange")
    })
    .await;

    let stats = stats().await;
    let used = |name: &String| stats.contains(&format!("cmdstat_{name}:"));
    let elsewhere = |name: &String| ELSEWHERE.contains(&&**name);
    let unused: Vec<_> = granted()
        .into_iter()
        .filter(|name| !used(name) && !elsewhere(name))
        .collect();
    assert!(unused.is_empty(), "{unused:?} were not put to the test");
    let log = server.ask(&["ACL", "LOG"]).unwrap();
    assert_eq!(log, "", "nothing was refused");
}

#[tokio::test]
async fn that_user_may_touch_nobody_elses_keys_and_run_nothing_else() {
    let server = RedisServer::start();
    let line = line();
    server.ask(&line.split(' ').collect::<Vec<_>>()).unwrap();
    let password = line
        .split(' ')
        .find_map(|word| word.strip_prefix('>'))
        .unwrap();
    let url = server
        .url()
        .replace("//", &format!("//portcullis:{password}@"));
    let redis = connect_to(&url).await;
    for words in [
        "GET other:key",
        "FLUSHALL",
        "KEYS *",
        "CONFIG GET *",
        "SCRIPT FLUSH",
        "REPLICAOF NO ONE",
        "ACL LIST",
        "PUBLISH portcullis word",
        "CLUSTER RESET",
    ] {
        let refused: Result<redis::Value, _> = redis.ask(&command(words)).await;
        let error = refused.expect_err(words).to_string();
        assert!(error.contains("NOPERM"), "{words}: {error}");
    }
}

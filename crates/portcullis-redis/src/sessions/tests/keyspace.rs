//! What is left in Redis: nothing without an end, nothing that could be used.

use std::time::Duration;

use portcullis_core::{
    Answer,
    clock::Timestamp,
    keys::Purpose,
    rotation::{
        Adoption, NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId, Verdict,
        refresh_jti,
    },
    store::{Blacklist, Confirmation, FamilyStore, Revocations, StoreError, TokenFacts},
};
use portcullis_testkit::Harness;
use redis::{Value, cmd};

use super::harness::{RedisHarness, keys};
use crate::{Redis, fixtures::ask};

/// The names of all keys that belong to users.
pub(super) async fn users_keys(redis: &Redis) -> Vec<String> {
    let mut keys: Vec<String> = ask(redis, "KEYS *{[0-9a-f]*").await;
    keys.sort();
    keys
}

/// Checks that every key has an end, and that neither a name nor a value holds any of `secrets`.
#[track_caller]
pub(super) fn check_keys(redis: &Redis, secrets: &[&str]) -> impl Future<Output = ()> {
    let (redis, caller) = (redis.clone(), std::panic::Location::caller());
    let secrets: Vec<String> = secrets.iter().map(|&secret| secret.to_owned()).collect();
    async move {
        let keys: Vec<String> = ask(&redis, "KEYS *").await;
        for key in keys.iter().filter(|key| *key != "now") {
            let left: i64 = ask(&redis, &format!("PTTL {key}")).await;
            assert!(left > 0, "{key} never ends ({caller})");
            let held = format!("{key} {}", content(&redis, key).await);
            let found = secrets.iter().find(|secret| held.contains(secret.as_str()));
            assert_eq!(found, None, "in {held} ({caller})");
        }
    }
}

/// The value of `key`, whatever its type is.
async fn content(redis: &Redis, key: &str) -> String {
    let kind: String = ask(redis, &format!("TYPE {key}")).await;
    let command = match kind.as_str() {
        "string" => cmd("GET").arg(key).take(),
        "hash" => cmd("HGETALL").arg(key).take(),
        "zset" => cmd("ZRANGE")
            .arg(key)
            .arg(0)
            .arg(-1)
            .arg("WITHSCORES")
            .take(),
        "stream" => cmd("XRANGE").arg(key).arg("-").arg("+").take(),
        other => panic!("{key} is a {other}"),
    };
    let value: Value = redis.ask(&command).await.unwrap();
    text(&value)
}

fn text(value: &Value) -> String {
    match value {
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(" "),
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    }
}

const SUBJECT: &str = "user-4711";

fn presented(sid: &str, generation: u64, adoption: Option<Adoption>) -> Presented<'_> {
    Presented {
        subject: SUBJECT,
        sid,
        generation,
        adoption,
    }
}

async fn open(node: &RedisHarness, sid: &str) {
    let sid = SessionId::parse(sid).unwrap();
    let family = NewFamily {
        subject: SUBJECT,
        sid: &sid,
        key_version: 1,
        label: Some("Firefox on Linux"),
    };
    let policy = RotationPolicy::default();
    node.store.open(&family, &policy).await.unwrap();
}

async fn rotate(node: &RedisHarness, presented: &Presented<'_>) -> Verdict {
    let policy = RotationPolicy::default();
    node.store.rotate(presented, &policy).await.unwrap()
}

fn django(node: &RedisHarness) -> Adoption {
    let created = Timestamp::from_secs(node.now().as_secs() - 60);
    Adoption {
        created,
        absolute_end: created + Duration::from_secs(30 * 86_400),
        token_expires: created + Duration::from_secs(86_400),
        key_version: 1,
    }
}

/// Everything that can leave a key: a family in each state, a denial, a listing and a cut.
async fn live_through_everything(node: &RedisHarness) {
    let policy = RotationPolicy::default();
    for sid in ["alive", "reused", "ended"] {
        open(node, sid).await;
        node.set(node.now() + Duration::from_millis(1)).await;
    }
    for (generation, seconds) in [(0, 60), (1, 60)] {
        for sid in ["alive", "reused"] {
            let granted = rotate(node, &presented(sid, generation, None)).await;
            assert!(matches!(granted, Verdict::Granted(_)), "{granted:?}");
        }
        node.set(node.now() + Duration::from_secs(seconds)).await;
    }
    let lost = rotate(node, &presented("alive", 1, None)).await;
    assert!(matches!(lost, Verdict::Granted(_)), "{lost:?}");
    let stolen = rotate(node, &presented("reused", 0, None)).await;
    assert_eq!(stolen, Verdict::Refused(Refusal::Reuse));
    for sid in ["ended", "unknown"] {
        let ended = node
            .store
            .revoke(SUBJECT, sid, RevokeReason::Logout, &policy);
        let _ = ended.await.unwrap();
    }
    let adopted = rotate(node, &presented("adopted", 0, Some(django(node)))).await;
    assert!(matches!(adopted, Verdict::Granted(_)), "{adopted:?}");
    let expires = node.now() + Duration::from_secs(300);
    let _ = node
        .store
        .deny(SUBJECT, "jti-denied", expires)
        .await
        .unwrap();
    let _ = node
        .store
        .add(SUBJECT, "jti-listed", expires)
        .await
        .unwrap();
}

#[tokio::test]
async fn no_key_names_the_user_or_holds_what_could_be_used() {
    let node = RedisHarness::start().await;
    live_through_everything(&node).await;
    let key = keys(&[1]).current().derive(Purpose::Successor);
    let families = ["alive", "reused", "ended", "adopted"];
    let issued = families.map(|sid| (0..4).map(move |generation| (sid, generation)));
    let mut secrets: Vec<String> = issued
        .into_iter()
        .flatten()
        .map(|(sid, generation)| refresh_jti(&key, sid, generation))
        .collect();
    secrets.extend([SUBJECT, "jti-denied", "jti-listed"].map(str::to_owned));
    let secrets: Vec<&str> = secrets.iter().map(String::as_str).collect();
    check_keys(&node.redis, &secrets).await;
    let _ = node
        .store
        .revoke_all(SUBJECT, &RotationPolicy::default())
        .await;
    check_keys(&node.redis, &secrets).await;
}

/// The keys of users with their kind, and the seconds from `start` until they expire.
async fn kept(node: &RedisHarness, start: u64) -> Vec<(String, u64)> {
    let mut found = Vec::new();
    for name in users_keys(&node.redis).await {
        let expires: u64 = ask(&node.redis, &format!("PEXPIRETIME {name}")).await;
        let (_, rest) = name.split_once("}:").expect("every key has a tag");
        let kind = rest.split(':').next().unwrap_or_default().to_owned();
        found.push((kind, (expires - start) / 1_000));
    }
    found.sort();
    found
}

#[tokio::test]
async fn every_key_is_kept_for_as_long_as_the_documentation_says() {
    const DAY: u64 = 86_400;
    let node = RedisHarness::start().await;
    // On a whole second, so that what is rounded down to one is exact.
    node.set(Timestamp::from_secs(node.now().as_secs())).await;
    let start = node.now();
    open(&node, "alive").await;
    let policy = RotationPolicy::default();
    let after = |seconds| start + Duration::from_secs(seconds);
    let reason = RevokeReason::Logout;
    confirm(node.store.revoke(SUBJECT, "ended", reason, &policy)).await;
    confirm(node.store.deny(SUBJECT, "j", after(300))).await;
    confirm(node.store.add(SUBJECT, "j", after(900))).await;
    confirm(node.store.revoke_all(SUBJECT, &policy)).await;
    let wanted = [
        ("b", 900),
        ("d", 300),
        ("f", 7 * DAY),
        ("f", 14 * DAY),
        ("i", 14 * DAY),
        ("n", 14 * DAY + 65),
    ];
    let wanted = wanted.map(|(kind, seconds)| (kind.to_owned(), seconds));
    assert_eq!(kept(&node, start.as_millis()).await, wanted);
}

#[tokio::test]
async fn of_an_ended_session_only_the_reason_and_the_end_are_kept() {
    let node = RedisHarness::start().await;
    live_through_everything(&node).await;
    for key in users_keys(&node.redis).await {
        let Some((_, sid)) = key.split_once("}:f:") else {
            continue;
        };
        let mut fields: Vec<String> = ask(&node.redis, &format!("HKEYS {key}")).await;
        fields.sort();
        let is_ended = ["reused", "ended", "unknown"].contains(&sid);
        assert_eq!(fields == ["a", "s"], is_ended, "{key}: {fields:?}");
    }
}

#[tokio::test]
async fn a_login_drops_the_sessions_that_idled_out_from_the_index() {
    let node = RedisHarness::start().await;
    for (day, sid) in [(0, "a"), (1, "b"), (9, "c")] {
        node.set(node.now() + Duration::from_secs(day * 86_400))
            .await;
        open(&node, sid).await;
    }
    let keys = users_keys(&node.redis).await;
    let index = keys
        .iter()
        .find(|key| key.ends_with(":i"))
        .expect("an index");
    let named: Vec<String> = ask(&node.redis, &format!("ZRANGE {index} 0 -1")).await;
    assert_eq!(named, ["c"]);
}

/// What the feed was told, without the times: kind, and the id of a session.
async fn told(node: &RedisHarness) -> Vec<String> {
    let entries: Vec<(String, Vec<String>)> =
        ask(&node.redis, "XRANGE portcullis:{pc-feed}:revoked - +").await;
    let entry = |(_, fields): (String, Vec<String>)| {
        let field = |name: &str| {
            let place = fields
                .iter()
                .position(|field| field == name)
                .expect("named");
            fields[place + 1].clone()
        };
        match field("k").as_str() {
            "s" => format!("session {}", field("v")),
            kind => kind.to_owned(),
        }
    };
    entries.into_iter().map(entry).collect()
}

#[tokio::test]
async fn the_nodes_are_told_of_whatever_ends_a_session_and_of_nothing_else() {
    let node = RedisHarness::start().await;
    live_through_everything(&node).await;
    let wanted = ["session reused", "session ended", "session unknown", "t"];
    assert_eq!(told(&node).await, wanted);

    let tight = RotationPolicy::default().with_max_families(1);
    let sid = SessionId::parse("only").unwrap();
    let family = NewFamily {
        subject: SUBJECT,
        sid: &sid,
        key_version: 1,
        label: None,
    };
    node.store.open(&family, &tight).await.unwrap();
    let mut evicted = told(&node).await.split_off(wanted.len());
    evicted.sort();
    assert_eq!(evicted, ["session adopted", "session alive"]);

    let _ = node.store.revoke_all(SUBJECT, &tight).await.unwrap();
    assert_eq!(told(&node).await.pop().as_deref(), Some("n"));
}

/// How many commands of ours the server has answered since its statistics were reset, leaving out
/// what scripts call.
async fn commands(node: &RedisHarness) -> u64 {
    let stats: String = ask(&node.redis, "INFO commandstats").await;
    let count = |name: &str| -> u64 {
        let line = stats.lines().find_map(|line| line.strip_prefix(name));
        let calls = line.and_then(|line| line.split(['=', ',']).nth(1));
        calls.map_or(0, |calls| calls.parse().unwrap())
    };
    count("cmdstat_evalsha:") + count("cmdstat_eval:") + count("cmdstat_wait:")
}

async fn confirm(answer: Answer<Result<Confirmation, StoreError>>) {
    assert_eq!(answer.await.unwrap(), Confirmation::Confirmed);
}

/// Calls one method, by name.
async fn call(node: &RedisHarness, method: &str) {
    let (store, policy) = (&node.store, RotationPolicy::default());
    let expires = node.now() + Duration::from_secs(300);
    let token = TokenFacts {
        subject: SUBJECT,
        session: Some("alive"),
        jti: "access",
        issued_at: node.now(),
        session_started: Some(node.now()),
    };
    match method {
        "add" => confirm(store.add(SUBJECT, "j", expires)).await,
        "deny" => confirm(store.deny(SUBJECT, "j", expires)).await,
        "is_revoked" => drop(store.is_revoked(&token).await.unwrap()),
        "list" => drop(store.list(SUBJECT).await.unwrap()),
        "open" => open(node, SessionId::random().unwrap().as_str()).await,
        "revoke" => {
            let reason = RevokeReason::Logout;
            confirm(store.revoke(SUBJECT, "alive", reason, &policy)).await;
        }
        "revoke_all" => confirm(store.revoke_all(SUBJECT, &policy)).await,
        _ => {
            let _ = rotate(node, &presented("alive", 0, None)).await;
        }
    }
}

#[tokio::test]
async fn a_decision_costs_one_round_trip_and_a_revocation_a_second_one() {
    let node = RedisHarness::start().await;
    open(&node, "alive").await;
    for (method, wanted) in [
        ("open", 1),
        ("rotate", 1),
        ("list", 1),
        ("is_revoked", 1),
        ("add", 1),
        ("deny", 2),
        ("revoke", 2),
        ("revoke_all", 2),
    ] {
        // The first call teaches the server the scripts.
        call(&node, method).await;
        let () = ask(&node.redis, "CONFIG RESETSTAT").await;
        call(&node, method).await;
        assert_eq!(commands(&node).await, wanted, "{method}");
    }
}

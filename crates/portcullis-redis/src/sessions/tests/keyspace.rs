//! What is left in Redis: nothing without an end, nothing that could be used.

use redis::{Value, cmd};

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

use std::time::Duration;

use super::RedisConfig;

#[track_caller]
fn check_url(url: &str, want: Result<(), &str>) {
    match (RedisConfig::from_url(url), want) {
        (Ok(_), Ok(())) => {}
        (Err(error), Err(part)) => {
            let text = error.to_string();
            assert!(text.contains(part), "{url}: {text}");
            assert!(text.contains("redis://["), "{text} names what works");
            assert!(!text.contains("hunter2"), "{text} shows the password");
        }
        (got, want) => panic!("{url}: {got:?}, not {want:?}"),
    }
}

#[test]
fn only_a_plain_redis_url_is_accepted_and_a_refusal_never_shows_the_password() {
    check_url("redis://127.0.0.1", Ok(()));
    check_url("redis://user:hunter2@localhost:7000/3", Ok(()));
    check_url("rediss://:hunter2@localhost", Err("TLS"));
    check_url("redis+cluster://:hunter2@a,b", Err("clusters"));
    check_url("redis+sentinel://:hunter2@a/main", Err("sentinels"));
    check_url("unix:///run/redis.sock?pass=hunter2", Err("another scheme"));
    check_url("hunter2://localhost", Err("another scheme"));
    check_url("localhost:6379", Err("or of none"));
    check_url("redis://:hunter2@localhost:port", Err("the Redis URL"));
    check_url("redis://:hunter2@localhost/name", Err("the Redis URL"));
}

#[test]
fn a_prefix_cannot_move_keys_to_another_slot() {
    let config = || RedisConfig::from_url("redis://localhost").unwrap();
    for bad in ["", "a b", "a{b", "a}b", "é", "a\n", &"x".repeat(65)] {
        let error = config().with_prefix(bad).unwrap_err().to_string();
        assert!(error.contains("without braces"), "{bad:?}: {error}");
    }
    assert!(config().with_prefix(&"x".repeat(64)).is_ok());
}

#[test]
fn a_deadline_lies_between_a_millisecond_and_five_seconds() {
    let config = || RedisConfig::from_url("redis://localhost").unwrap();
    for bad in [0, 999, 5_000_001] {
        config()
            .with_deadline(Duration::from_micros(bad))
            .unwrap_err();
    }
    for good in [1_000, 5_000_000] {
        let config = config().with_deadline(Duration::from_micros(good));
        assert!(config.is_ok(), "{good}");
    }
}

#[test]
fn debug_does_not_show_the_password() {
    let config = RedisConfig::from_url("redis://user:hunter2@localhost").unwrap();
    assert!(!format!("{config:?}").contains("hunter2"));
}

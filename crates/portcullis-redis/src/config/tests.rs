use std::time::Duration;

use super::RedisConfig;

#[test]
fn a_url_that_cannot_be_read_names_what_works_and_never_shows_the_password() {
    for url in ["hunter2://localhost", "redis://:hunter2@localhost:port"] {
        let error = RedisConfig::from_url(url).unwrap_err().to_string();
        assert!(error.contains("redis://["), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[cfg(not(feature = "tls"))]
#[test]
fn without_tls_an_encrypted_url_names_the_feature_that_is_missing() {
    for url in [
        "rediss://a",
        "rediss+cluster://a",
        "rediss+sentinel://a/main",
    ] {
        let error = RedisConfig::from_url(url).unwrap_err().to_string();
        assert!(error.contains("feature `tls`"), "{error}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_certificate_authority_needs_tls_and_has_to_be_one() {
    let config = |url| RedisConfig::from_url(url).unwrap();
    let error = config("redis://a").with_ca_pem(b"").unwrap_err();
    assert!(error.to_string().contains("rediss://"), "{error}");
    for bad in [
        "",
        "hunter2",
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
    ] {
        let error = config("rediss://a").with_ca_pem(bad.as_bytes());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("BEGIN CERTIFICATE"), "{bad:?}: {error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
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

#[cfg(feature = "tls")]
#[test]
fn a_client_certificate_needs_its_own_key() {
    let made = || rcgen::generate_simple_self_signed(["client".to_owned()]).unwrap();
    let (ours, others) = (made(), made());
    let (chain, key) = (ours.cert.pem(), ours.signing_key.serialize_pem());
    let other = others.signing_key.serialize_pem();
    let config = |url| RedisConfig::from_url(url).unwrap();
    let with = |url, chain: &str, key: &str| {
        let with = config(url).with_client_pem(chain.as_bytes(), key.as_bytes());
        with.map_err(|error| error.to_string())
    };
    assert!(with("rediss://a", &chain, &key).is_ok());
    for (chain, key) in [
        ("", &*key),
        (&*chain, ""),
        (&*chain, &*other),
        (&*key, &*key),
    ] {
        let error = with("rediss://a", chain, key).unwrap_err();
        assert!(error.contains("BEGIN PRIVATE KEY"), "{error}");
    }
    let error = with("redis://a", &chain, &key).unwrap_err();
    assert!(error.contains("rediss://"), "{error}");
    let shown = format!("{:?}", with("rediss://a", &chain, &key));
    assert!(!shown.contains("PRIVATE"), "{shown}");
}

#[test]
fn only_sentinels_are_logged_in_at() {
    let config = |url| RedisConfig::from_url(url).unwrap();
    let sentinels = config("redis+sentinel://a/main").with_sentinel_login(None, "hunter2");
    assert!(!format!("{:?}", sentinels.unwrap()).contains("hunter2"));
    for url in ["redis://a", "redis+cluster://a"] {
        let error = config(url).with_sentinel_login(Some("u"), "hunter2");
        let error = error.unwrap_err().to_string();
        assert!(error.contains("redis+sentinel://"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
}

#[test]
fn what_a_revocation_waits_for_and_how_long_it_is_kept_have_bounds() {
    let config = || RedisConfig::from_url("redis://a").unwrap();
    let (millis, secs) = (Duration::from_millis, Duration::from_secs);
    for (wait, works) in [(0, false), (1, true), (5_000, true), (5_001, false)] {
        let with = config().with_min_replicas(1, millis(wait));
        assert_eq!(with.is_ok(), works, "{wait} ms");
    }
    let most = 31 * 24 * 3600;
    for (kept, works) in [(59, false), (60, true), (most, true), (most + 1, false)] {
        let with = config().with_retention(secs(kept));
        assert_eq!(with.is_ok(), works, "{kept} s");
    }
}

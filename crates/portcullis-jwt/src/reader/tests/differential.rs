//! What we accept, jsonwebtoken accepts with the same claims; what is left to chance is the token.

// The oracle's own entry points are what is compared here.
#![allow(clippy::disallowed_methods)]

use jsonwebtoken::{DecodingKey, Validation, crypto::CryptoProvider};
use portcullis_core::clock::{Clock, SystemClock};
use proptest::prelude::*;

use super::*;

/// The oracle's provider has to be named where two are compiled in.
fn oracle() -> (DecodingKey, Validation) {
    #[cfg(feature = "aws-lc-rs")]
    let provider: &'static CryptoProvider = &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
    #[cfg(not(feature = "aws-lc-rs"))]
    let provider: &'static CryptoProvider = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
    // A second test of this process finds it installed.
    let _ = provider.install_default();
    let mut rules = Validation::new(jsonwebtoken::Algorithm::HS256);
    rules.leeway = 0;
    rules.validate_nbf = true;
    rules.validate_aud = false;
    (DecodingKey::from_secret(&SECRET), rules)
}

fn header_text() -> impl Strategy<Value = String> {
    let member = prop_oneof![
        Just(r#""typ":"JWT""#),
        Just(r#""typ":"jwt""#),
        Just(r#""typ":null"#),
        Just(r#""kid":"a""#),
        Just(r#""crit":["x"]"#),
        Just(r#""b64":false"#),
        Just(r#""zip":"DEF""#),
        Just(r#""jwk":{}"#),
        Just(r#""x":1"#),
    ];
    let alg = prop_oneof![
        8 => Just(r#""alg":"HS256""#),
        1 => Just(r#""alg":"HS384""#),
        1 => Just(r#""alg":"none""#),
        1 => Just(r#""alg":{"HS256":null}"#),
        1 => Just(r#""alg":null"#),
    ];
    let members = prop::collection::vec(member, 0..3);
    (alg, members).prop_map(|(alg, members)| {
        let members = [&[alg][..], &members[..]].concat();
        format!("{{{}}}", members.join(","))
    })
}

fn value(now: u64) -> impl Strategy<Value = String> {
    prop_oneof![
        6 => Just((now + 300).to_string()),
        2 => Just((now - 300).to_string()),
        1 => Just(format!("{}.5", now + 300)),
        1 => Just(format!("\"{}\"", now + 300)),
        1 => Just("null".to_owned()),
        1 => any::<i64>().prop_map(|n| n.to_string()),
        2 => "[ -~]{0,12}".prop_map(|text| serde_json::Value::from(text).to_string()),
        1 => Just(r#"["a",{"b":{}}]"#.to_owned()),
        1 => Just(r#"{"a":1,"a":2}"#.to_owned()),
    ]
}

fn payload_text(now: u64) -> impl Strategy<Value = String> {
    let name = prop_oneof![
        Just("exp"),
        Just("iat"),
        Just("nbf"),
        Just("jti"),
        Just("user_id"),
        Just("sid"),
        Just("sat"),
        Just("sexp"),
        Just("aud"),
        Just("x"),
    ];
    let changes = prop::collection::vec((name, value(now)), 0..3);
    (changes, any::<bool>()).prop_map(move |(changes, append)| {
        let exp = (now + 300).to_string();
        let iat = (now - 10).to_string();
        let mut members = CLAIMS.map(|(name, json)| (name, json.to_owned())).to_vec();
        members[1].1 = exp;
        members[2].1 = iat;
        for (name, json) in changes {
            let old = members.iter_mut().find(|(other, _)| *other == name);
            match old {
                Some(old) if !append => old.1 = json,
                _ => members.push((name, json)),
            }
        }
        let members: Vec<String> = members
            .iter()
            .map(|(name, json)| format!("\"{name}\":{json}"))
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

/// At most one byte of the finished token is changed, inserted or removed.
fn damage() -> impl Strategy<Value = Option<(usize, u8, u8)>> {
    prop_oneof![
        3 => Just(None),
        1 => (any::<usize>(), any::<u8>(), 0_u8..3).prop_map(Some),
    ]
}

fn damaged(token: String, damage: Option<(usize, u8, u8)>) -> Vec<u8> {
    let mut bytes = token.into_bytes();
    if let Some((at, byte, how)) = damage {
        let at = at % bytes.len();
        match how {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            _ => drop(bytes.remove(at)),
        }
    }
    bytes
}

/// How many tokens are made for the same instant.
const CASES_AT_ONE_TIME: u32 = 1_000;

#[test]
fn what_we_accept_is_a_subset_of_what_jsonwebtoken_accepts() {
    let cases = std::env::var("PORTCULLIS_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(5_000_u32);
    // jsonwebtoken asks the system for the time: a turn ends long before its tokens expire.
    let turns = cases.div_ceil(CASES_AT_ONE_TIME);
    let accepted: u32 = (0..turns).map(|_| accepted_by_both()).sum();
    assert!(
        accepted > turns * 60,
        "{accepted} accepted: the comparison compared something"
    );
}

/// Compares [`CASES_AT_ONE_TIME`] tokens, and counts those that we accept.
fn accepted_by_both() -> u32 {
    let now = SystemClock.now();
    let (key, rules) = oracle();
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig {
        cases: CASES_AT_ONE_TIME,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let inputs = (header_text(), payload_text(now.as_secs()), damage());
    let accepted = std::cell::Cell::new(0_u32);
    runner
        .run(&inputs, |(header, payload, damage)| {
            let token = damaged(signed(&header, &payload), damage);
            let ours = reader().read_access::<serde_json::Value>(&token, now);
            let Ok(ours) = ours else { return Ok(()) };
            accepted.set(accepted.get() + 1);
            let theirs = jsonwebtoken::decode::<serde_json::Value>(&token, &key, &rules);
            let theirs = theirs.map_err(|e| TestCaseError::fail(format!("only we accept: {e}")))?;
            prop_assert_eq!(theirs.claims["jti"].as_str(), Some(ours.base().jti()));
            prop_assert_eq!(
                theirs.claims["exp"].as_u64(),
                Some(ours.base().expires_at().as_secs())
            );
            Ok(())
        })
        .unwrap();
    accepted.get()
}

#[test]
fn the_oracle_passes_what_the_strict_reader_is_for() {
    let (key, rules) = oracle();
    let now = SystemClock.now().as_secs();
    let exp = (now + 300).to_string();
    let text = payload(&[("exp", &exp), ("token_type", r#""refresh""#), ("jti", "")]);
    let lax = signed(r#"{"alg":"HS256","crit":["x"],"zip":"DEF"}"#, &text);
    assert!(jsonwebtoken::decode::<serde_json::Value>(&lax, &key, &rules).is_ok());
    refused(&reader(), &lax, TokenRejection::Critical);
}

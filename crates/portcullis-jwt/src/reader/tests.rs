use std::{collections::BTreeMap, time::Duration};

use portcullis_core::{Secret, clock::Timestamp};
use serde::Deserialize;

use super::*;
use crate::{KeySet, SigningKey, compact, hmac_key::HmacKey};

mod accepted;
mod boundaries;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod differential;
mod hostile_claims;
mod hostile_form;

const SECRET: [u8; 32] = *b"an HMAC secret of 32 bytes, ours";
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;

/// The claims of an access token that is accepted at [`NOW`].
const CLAIMS: [(&str, &str); 5] = [
    ("token_type", r#""access""#),
    ("exp", "1700000300"),
    ("iat", "1699999999"),
    ("jti", r#""0123456789abcdef0123456789abcdef""#),
    ("user_id", r#""42""#),
];

const SESSION: [(&str, &str); 3] = [
    ("sid", r#""QUJDREVGR0hJSktMTU5PUA""#),
    ("sat", "1699999000123"),
    ("sexp", "1701000000"),
];

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new(SECRET)).unwrap()
}

fn reader() -> TokenReader {
    TokenReader::new(keys())
}

/// A token of exactly these texts, rightly signed: the holder of the key is the enemy.
fn signed(header: &str, payload: &str) -> String {
    signed_bytes(header.as_bytes(), payload.as_bytes())
}

fn signed_bytes(header: &[u8], payload: &[u8]) -> String {
    let message = [compact::encode(header), compact::encode(payload)].join(".");
    sign_message(&message)
}

fn sign_message(message: &str) -> String {
    let key = HmacKey::new(crate::Algorithm::Hs256, &SECRET).unwrap();
    let signature = compact::encode(&key.sign(message.as_bytes()));
    [message, &signature].join(".")
}

/// [`CLAIMS`] with `changes` in place or added; a change to nothing removes.
fn payload(changes: &[(&str, &str)]) -> String {
    let replaced = |name: &str| changes.iter().any(|(other, _)| *other == name);
    let members: Vec<String> = CLAIMS
        .iter()
        .filter(|(name, _)| !replaced(name))
        .chain(changes.iter().filter(|(_, value)| !value.is_empty()))
        .map(|(name, value)| format!("\"{name}\":{value}"))
        .collect();
    format!("{{{}}}", members.join(","))
}

fn token(changes: &[(&str, &str)]) -> String {
    signed(HEADER, &payload(changes))
}

#[track_caller]
fn refused(reader: &TokenReader, token: &str, want: TokenRejection) {
    let found = reader.read_access::<()>(token.as_bytes(), NOW);
    assert_eq!(found.unwrap_err(), want, "{token}");
}

#[track_caller]
fn accepted(reader: &TokenReader, token: &str) -> AccessClaims {
    let found = reader.read_access::<()>(token.as_bytes(), NOW);
    found.unwrap_or_else(|refused| panic!("{refused}: {token}"))
}

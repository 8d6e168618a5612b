use base64::{Engine as _, engine::general_purpose::STANDARD};

use super::*;

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod asymmetric;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod jwks;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod malleability;

#[track_caller]
fn refused(secret: impl Into<Vec<u8>>, want: &str) {
    let secret = secret.into();
    let secret = Secret::new(secret);
    for made in [
        SigningKey::hs256(&secret),
        SigningKey::insecure_short_secret(Algorithm::Hs256, &secret),
    ] {
        let message = made.unwrap_err().to_string();
        assert!(message.contains(want), "{message}");
    }
}

#[test]
fn what_is_a_key_of_another_kind_is_no_hmac_secret() {
    let body = "A".repeat(64);
    for label in [
        "PUBLIC KEY",
        "RSA PRIVATE KEY",
        "CERTIFICATE",
        "OPENSSH PRIVATE KEY",
    ] {
        refused(format!("-----BEGIN {label}-----\n{body}"), "PEM");
        refused(format!("\n  -----BEGIN {label}-----\n{body}"), "PEM");
    }
    refused(
        format!("---- BEGIN SSH2 PUBLIC KEY ----\n{body}"),
        "PEM or SSH2",
    );
    refused(format!("ssh-ed25519 {body} me"), "SSH");
    refused(format!("ssh-rsa {body}"), "SSH");
    refused(format!("ecdsa-sha2-nistp256 {body}"), "SSH");
    refused(format!(r#"{{"kty":"RSA","n":"{body}"}}"#), "JSON Web Key");
    refused(format!(r#" {{"keys":["{body}"]}}"#), "JSON Web Key");

    let mut der = vec![0x30, 42, 0x30, 5];
    der.resize(44, 7);
    refused(der.clone(), "DER");
    let mut long = vec![0x30, 0x82, 1, 0, 2, 1];
    long.resize(260, 7);
    refused(long, "DER");
    let mut middle = vec![0x30, 0x81, 200, 2, 1];
    middle.resize(203, 7);
    refused(middle, "DER");
    let text = STANDARD.encode(der);
    refused(text, "base64");
    refused(" ".repeat(40), "empty");
}

#[test]
fn secrets_that_only_look_a_little_like_one_are_accepted() {
    for secret in [
        "django-insecure-0123456789abcdefghijklmnopqrstuvwxyz".to_owned(),
        "MIIB".repeat(12),
        format!("{{{}", "a".repeat(40)),
        "0".repeat(48),
        format!("BEGIN {}", "a".repeat(40)),
    ] {
        assert!(
            SigningKey::hs256(&Secret::new(secret.clone())).is_ok(),
            "{secret}"
        );
    }
}

#[test]
fn a_secret_is_as_long_as_the_hash() {
    type Make = fn(&Secret) -> Result<SigningKey, KeyError>;
    for (make, want) in [
        (SigningKey::hs256 as Make, 32),
        (SigningKey::hs384, 48),
        (SigningKey::hs512, 64),
    ] {
        assert!(make(&Secret::new(vec![7; want])).is_ok());
        let message = make(&Secret::new(vec![7; want - 1]))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains(&format!("{} bytes", want - 1)),
            "{message}"
        );
        assert!(
            message.contains("insecure_short_secret"),
            "the remedy is named"
        );
    }
    let short = Secret::new(*b"secret");
    assert!(SigningKey::insecure_short_secret(Algorithm::Hs256, &short).is_ok());
    assert!(SigningKey::insecure_short_secret(Algorithm::Rs256, &short).is_err());
}

#[test]
fn a_kid_is_short_and_plain() {
    let key = SigningKey::hs256(&Secret::new([7; 32])).unwrap();
    for kid in ["a", "2026-11_A.~=", &"k".repeat(128)] {
        assert_eq!(key.clone().with_kid(kid).unwrap().kid(), Some(kid));
    }
    for kid in ["", "a b", "a/b", "a\"b", "\u{e9}", "a\n", &"k".repeat(129)] {
        assert!(key.clone().with_kid(kid).is_err(), "{kid:?}");
    }
}

#[test]
fn debug_output_has_no_key() {
    let key = SigningKey::hs256(&Secret::new(*b"abcdefghijklmnopqrstuvwxyzabcdef")).unwrap();
    let shown = format!("{key:?} {:?}", key.verifying_key());
    assert!(!shown.contains("abc") && !shown.contains("97"), "{shown}");
}

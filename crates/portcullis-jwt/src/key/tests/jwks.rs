//! What is published can be read back, and what others publish is not believed blindly.

use super::{
    asymmetric::{PAIRS, signing},
    *,
};
use crate::KeySet;

#[track_caller]
fn refused(document: &str, want: &str) {
    let found = KeySet::from_jwks(document.as_bytes(), Algorithm::Rs256);
    let message = found.unwrap_err().to_string();
    assert!(message.contains(want), "{message}");
}

/// The public key of RFC 8037 appendix A.2.
const ED25519: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

/// One Ed25519 key whose members a test changes.
fn ed(changes: &str) -> String {
    format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{ED25519}"{changes}}}"#)
}

fn set(keys: &[String]) -> String {
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

#[test]
fn what_is_published_verifies_what_was_signed() {
    let mut keys = KeySet::new(SigningKey::hs256(&Secret::new([7; 32])).unwrap());
    for (algorithm, private, _) in PAIRS {
        let key = signing(algorithm, private)
            .with_kid(algorithm.name())
            .unwrap();
        keys = keys.with_verifying(key.verifying_key()).unwrap();
    }
    let document = keys.to_jwks();
    assert!(
        !document.contains("\"d\"") && !document.contains("oct"),
        "{document}"
    );
    let read = KeySet::from_jwks(document.as_bytes(), Algorithm::Rs256).unwrap();
    assert_eq!(read.verifying().len(), PAIRS.len(), "all but the secret");
    for (algorithm, private, _) in PAIRS {
        let signature = signing(algorithm, private).sign(b"a.b").unwrap();
        let key = read.by_kid(Some(algorithm.name())).unwrap();
        assert_eq!(key.algorithm(), algorithm);
        assert!(key.verify(b"a.b", &signature));
    }
}

#[test]
fn an_hmac_ring_publishes_nothing() {
    let keys = KeySet::new(SigningKey::hs256(&Secret::new([7; 32])).unwrap());
    assert_eq!(keys.to_jwks(), r#"{"keys":[]}"#);
}

#[test]
fn a_document_that_cannot_be_trusted_is_refused_whole() {
    let good = ed(r#","kid":"a""#);
    refused("", "cannot be used");
    refused("[]", "cannot be used");
    refused("{}", "not a JWKS");
    refused(r#"{"keys":{}}"#, "not a JWKS");
    refused(r#"{"keys":[]}"#, "none of its keys");
    refused(
        &format!(r#"{{"keys":[],"keys":[{good}]}}"#),
        "duplicate_member",
    );
    refused(&set(&[ed(r#","kid":"a","kid":"b""#)]), "duplicate_member");
    refused(&set(&[good.clone(), good.clone()]), "two keys are called");
    refused(&set(&[ed(""), ed("")]), "without a kid");
    refused(
        &set(&[good.clone(), r#"{"kty":"oct","kid":"s"}"#.into()]),
        "symmetric",
    );
    refused(
        &set(&[good.clone(), ed(r#","kid":"b","k":"AAAA""#)]),
        "symmetric",
    );
    refused(
        &set(&[ed(r#","d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A""#)]),
        "private",
    );
    let many: Vec<String> = (0..33).map(|n| ed(&format!(r#","kid":"{n}""#))).collect();
    refused(&set(&many), "more than 32");
    assert!(KeySet::from_jwks(set(&many[..32]).as_bytes(), Algorithm::Rs256).is_ok());
    refused(&" ".repeat(256 * 1024 + 1), "256 KiB");
}

#[test]
fn a_key_for_something_else_is_left_out() {
    let weak = format!(r#"{{"kty":"RSA","e":"AQAB","n":"{}"}}"#, "_".repeat(171));
    let big = "_".repeat(342);
    for key in [
        ed(r#","use":"enc""#),
        ed(r#","key_ops":["sign"]"#),
        ed(r#","key_ops":[]"#),
        ed(r#","alg":"ES256""#),
        ed(r#","alg":"none""#),
        ed(r#","kid":"a b""#),
        ed("").replace("Ed25519", "X25519"),
        ed("").replace("11qY", "1!qY"),
        ed("").replace("11qY", ""),
        ed("").replace("OKP", "XYZ"),
        ed("").replace("OKP", "EC"),
        weak,
        format!(r#"{{"kty":"RSA","e":"AQ","n":"{big}"}}"#),
        format!(r#"{{"kty":"RSA","e":"Ag","n":"{big}"}}"#),
        format!(r#"{{"kty":"RSA","e":"AQAB","alg":"HS256","n":"{big}"}}"#),
        format!(r#"{{"kty":"RSA","e":"AQAB","alg":"RSA-OAEP","n":"{big}"}}"#),
        r#"{"kty":"RSA","e":"AQAB"}"#.to_owned(),
        format!(
            r#"{{"kty":"EC","crv":"P-384","x":"{0}","y":"{0}"}}"#,
            "A".repeat(43)
        ),
        format!(
            r#"{{"kty":"EC","crv":"P-521","x":"{0}","y":"{0}"}}"#,
            "A".repeat(43)
        ),
        format!(
            r#"{{"kty":"EC","crv":"secp256k1","x":"{0}","y":"{0}"}}"#,
            "A".repeat(43)
        ),
    ] {
        refused(&set(&[key]), "none of its keys");
    }
    for key in [
        ed(""),
        ed(r#","alg":"EdDSA""#),
        ed(r#","alg":"Ed25519""#),
        ed(r#","use":"sig","key_ops":["verify"]"#),
    ] {
        let keys = KeySet::from_jwks(set(&[key]).as_bytes(), Algorithm::Rs256).unwrap();
        assert_eq!(keys.verifying().len(), 1);
    }
}

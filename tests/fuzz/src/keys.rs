//! Keys: a document from another server, and a file that somebody named by mistake.

use portcullis_core::Secret;
use portcullis_jwt::{Algorithm, KeyRing, KeySet, SigningKey};
use serde_json::Value;

/// Reads `data` as a JWKS document, as PEM and as an HMAC secret.
///
/// # Panics
///
/// When a set that was accepted is not the same set once published, or a key in text form passes
/// for a secret.
pub fn check(data: &[u8]) {
    if let Ok(keys) = KeySet::from_jwks(data, Algorithm::Rs256) {
        let published = keys.to_jwks();
        let again = KeySet::from_jwks(published.as_bytes(), Algorithm::Rs256);
        let again = again.expect("what we publish can be read");
        assert_eq!(again.to_jwks(), published);
        let document: Value = serde_json::from_slice(data).expect("a document");
        let mut all = document["keys"].as_array().into_iter().flatten();
        let symmetric = all.any(|key| key["kty"] == "oct" || key.get("k").is_some());
        assert!(!symmetric, "a symmetric key in public");
    }
    for algorithm in [Algorithm::Rs256, Algorithm::Es256, Algorithm::EdDsa] {
        drop(SigningKey::from_pem(algorithm, &Secret::new(data)));
    }
    if KeyRing::hs256(Secret::new(data)).is_ok() {
        assert!(data.len() >= 32);
        assert!(!data.trim_ascii_start().starts_with(b"-----BEGIN "));
    }
}

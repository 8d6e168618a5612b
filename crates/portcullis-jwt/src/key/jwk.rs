//! Reads and publishes JSON Web Keys (RFC 7517): public ones only.

use serde::Deserialize;

use super::{
    Verifier, VerifyingKey,
    asymmetric::Numbers,
    error::{KeyError, Kind},
};
use crate::{
    algorithm::Algorithm,
    compact, json,
    rejection::TokenRejection,
    ring::{KeySet, MAX_KEYS},
};

/// The longest JWKS document, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;

#[derive(Deserialize)]
struct Document {
    keys: Vec<Jwk>,
}

/// The members that decide; the private ones are read to be refused.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<serde::de::IgnoredAny>,
    k: Option<serde::de::IgnoredAny>,
}

impl KeySet {
    /// The verifying keys of a JWKS document; `rsa` is the algorithm of RSA keys that name none.
    ///
    /// Keys for another use, of another kind, or too weak are left out.
    ///
    /// # Errors
    ///
    /// [`KeyError`] for the whole document when it is longer than 256 KiB, no JWKS, has a member
    /// twice, more than 32 keys, two keys with one `kid`, a private or symmetric key, or no key
    /// that can be used.
    ///
    /// # Example
    ///
    /// ```
    /// use portcullis_jwt::{Algorithm, KeySet};
    ///
    /// let keys = KeySet::from_jwks(
    ///     br#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "a", "use": "sig",
    ///         "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#,
    ///     Algorithm::Rs256,
    /// )?;
    /// assert_eq!(keys.verifying()[0].algorithm(), Algorithm::EdDsa);
    ///
    /// let secret = br#"{"keys": [{"kty": "oct", "k": "AAAA"}]}"#;
    /// assert!(KeySet::from_jwks(secret, Algorithm::Rs256).is_err(), "a secret for all to read");
    /// # Ok::<_, portcullis_jwt::KeyError>(())
    /// ```
    pub fn from_jwks(document: &[u8], rsa: Algorithm) -> Result<Self, KeyError> {
        let malformed = |what| KeyError::new(Kind::Jwks { what });
        if document.len() > MAX_JWKS_BYTES {
            return Err(malformed("longer than 256 KiB"));
        }
        json::read_object(document, TokenRejection::PayloadMalformed, &mut |_, _| {})
            .map_err(|refused| malformed(refused.code()))?;
        let Document { keys } =
            serde_json::from_slice(document).map_err(|_| malformed("not a JWKS document"))?;
        if keys.len() > MAX_KEYS {
            return Err(KeyError::new(Kind::TooMany { most: MAX_KEYS }));
        }
        if keys
            .iter()
            .any(|key| key.kty == "oct" || key.k.is_some() || key.d.is_some())
        {
            return Err(malformed("it holds a private or symmetric key"));
        }
        for (at, key) in keys.iter().enumerate() {
            if keys[..at].iter().any(|other| other.kid == key.kid) {
                let kid = key.kid.clone();
                return Err(KeyError::new(Kind::DuplicateKid { kid }));
            }
        }
        let mut set: Option<Self> = None;
        for key in keys.iter().filter_map(|key| key.verifying(rsa)) {
            set = Some(match set {
                None => Self::verifying_only(key),
                Some(set) => set.with_verifying(key)?,
            });
        }
        set.ok_or(malformed("none of its keys can be used"))
    }

    /// The JWKS document of the set's public keys, for `/.well-known/jwks.json`.
    ///
    /// HMAC keys are never in it.
    pub fn to_jwks(&self) -> String {
        let keys: Vec<serde_json::Value> = self
            .verifying()
            .iter()
            .filter_map(VerifyingKey::to_jwk)
            .collect();
        serde_json::json!({ "keys": keys }).to_string()
    }
}

impl VerifyingKey {
    fn to_jwk(&self) -> Option<serde_json::Value> {
        let Verifier::Public(public) = &self.verifier else {
            return None;
        };
        let mut jwk = match &public.numbers {
            Numbers::Ec { x, y } => serde_json::json!({
                "kty": "EC",
                "crv": if self.algorithm == Algorithm::Es256 { "P-256" } else { "P-384" },
                "x": compact::encode(x),
                "y": compact::encode(y),
            }),
            Numbers::Ed { x } => serde_json::json!({
                "kty": "OKP",
                "crv": "Ed25519",
                "x": compact::encode(x),
            }),
            Numbers::Rsa { n, e } => serde_json::json!({
                "kty": "RSA",
                "n": compact::encode(n),
                "e": compact::encode(e),
            }),
        };
        jwk["use"] = "sig".into();
        jwk["alg"] = self.algorithm.name().into();
        if let Some(kid) = self.kid() {
            jwk["kid"] = kid.into();
        }
        Some(jwk)
    }
}

impl Jwk {
    /// The key, if it is one for signatures that we can verify.
    fn verifying(&self, rsa: Algorithm) -> Option<VerifyingKey> {
        let for_signatures = self.usage.as_deref().is_none_or(|usage| usage == "sig")
            && self
                .key_ops
                .as_ref()
                .is_none_or(|ops| ops.iter().any(|op| op == "verify"));
        if !for_signatures {
            return None;
        }
        let (algorithm, numbers) = self.numbers(rsa)?;
        if let Some(alg) = &self.alg
            && !(alg == algorithm.name() || alg == "Ed25519" && algorithm == Algorithm::EdDsa)
        {
            return None;
        }
        let key = VerifyingKey::from_numbers(algorithm, numbers).ok()?;
        match &self.kid {
            Some(kid) => key.with_kid(kid).ok(),
            None => Some(key),
        }
    }

    fn numbers(&self, rsa: Algorithm) -> Option<(Algorithm, Numbers)> {
        let bytes = |text: &Option<String>| compact::decode(text.as_ref()?.as_bytes()).ok();
        match (self.kty.as_str(), self.crv.as_deref()) {
            ("EC", Some(curve @ ("P-256" | "P-384"))) => {
                let algorithm = if curve == "P-256" {
                    Algorithm::Es256
                } else {
                    Algorithm::Es384
                };
                let (x, y) = (bytes(&self.x)?, bytes(&self.y)?);
                Some((algorithm, Numbers::Ec { x, y }))
            }
            ("OKP", Some("Ed25519")) => {
                let x = bytes(&self.x)?;
                Some((Algorithm::EdDsa, Numbers::Ed { x }))
            }
            ("RSA", None) => {
                let named = self.alg.as_deref().map(Algorithm::from_name);
                let algorithm = named.unwrap_or(Some(rsa))?;
                let (n, e) = (bytes(&self.n)?, bytes(&self.e)?);
                Some((algorithm, Numbers::Rsa { n, e }))
            }
            _ => None,
        }
    }
}

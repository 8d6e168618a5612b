//! Tokens like Django's simplejwt mints, with a session, and keys for each algorithm.

use std::time::Duration;

use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{DecodingKey, Validation};
use portcullis::{
    Secret,
    core::clock::{Clock as _, SystemClock},
    jwt::{
        Algorithm, KeyRing, Minter, SigningKey, TokenReader,
        mint::{AccessParams, SessionParams},
        random_jti,
        ring::KeySet,
    },
};
use serde::Deserialize;

/// 32 bytes, also as the text that jwt-authorizer asks for.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// The claims that every reader gives its caller.
#[derive(Clone, Debug, Deserialize)]
#[allow(dead_code)] // reading them is what is measured
pub(crate) struct Claims {
    token_type: String,
    exp: u64,
    iat: u64,
    jti: String,
    user_id: String,
    sid: String,
}

/// An algorithm with its key, for us and for jsonwebtoken.
pub(crate) struct Keys {
    pub(crate) ring: KeyRing,
    pub(crate) decoding: DecodingKey,
    pub(crate) validation: Validation,
}

macro_rules! test_key {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../crates/portcullis-jwt/src/key/tests/keys/",
            $name
        ))
    };
}

impl Keys {
    pub(crate) fn hs256() -> Self {
        Self::new(
            KeyRing::hs256(Secret::new(SECRET)).expect("32 bytes"),
            DecodingKey::from_secret(SECRET.as_bytes()),
            jsonwebtoken::Algorithm::HS256,
        )
    }

    pub(crate) fn rs256() -> Self {
        Self::new(
            ring(Algorithm::Rs256, test_key!("rsa.pem")),
            DecodingKey::from_rsa_pem(test_key!("rsa_pub_pkcs1.pem")).expect("a public key"),
            jsonwebtoken::Algorithm::RS256,
        )
    }

    pub(crate) fn es256() -> Self {
        Self::new(
            ring(Algorithm::Es256, test_key!("p256.pem")),
            DecodingKey::from_ec_pem(test_key!("p256_pub.pem")).expect("a public key"),
            jsonwebtoken::Algorithm::ES256,
        )
    }

    pub(crate) fn eddsa() -> Self {
        Self::new(
            ring(Algorithm::EdDsa, test_key!("ed.pem")),
            DecodingKey::from_ed_pem(test_key!("ed_pub.pem")).expect("a public key"),
            jsonwebtoken::Algorithm::EdDSA,
        )
    }

    fn new(ring: KeyRing, decoding: DecodingKey, algorithm: jsonwebtoken::Algorithm) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = 0;
        Self {
            ring,
            decoding,
            validation,
        }
    }

    pub(crate) fn reader(&self) -> TokenReader {
        TokenReader::new(self.ring.clone())
    }

    /// A token of its own session, valid for an hour.
    pub(crate) fn mint(&self) -> Token {
        let now = SystemClock.now();
        let jti = random_jti().expect("the system has randomness");
        let sid = random_jti().expect("the system has randomness");
        let hour = Duration::from_secs(3_600);
        let params = AccessParams {
            subject: "42",
            jti: &jti,
            issued_at: now,
            expires: now + hour,
            session: Some(SessionParams {
                sid: &sid,
                started: now,
                ends: now + 24 * hour,
            }),
            extra: None,
        };
        let text = Minter::new(self.ring.clone()).mint_access(&params);
        Token {
            text: text.expect("parameters within their bounds"),
            sid,
        }
    }
}

/// The public RSA key as aws-lc-rs keeps it once it is parsed.
pub(crate) fn parsed_rsa() -> ParsedPublicKey {
    let pem = String::from_utf8_lossy(test_key!("rsa_pub_pkcs1.pem"));
    let lines = pem.lines().filter(|line| !line.starts_with('-'));
    let der = STANDARD
        .decode(lines.collect::<String>())
        .expect("a PEM file");
    ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der).expect("a public key")
}

/// A minted token and the session in it.
pub(crate) struct Token {
    pub(crate) text: String,
    pub(crate) sid: String,
}

fn ring(algorithm: Algorithm, pem: &[u8]) -> KeyRing {
    let key = SigningKey::from_pem(algorithm, &Secret::new(pem)).expect("a key for tests");
    KeyRing::new(KeySet::new(key))
}

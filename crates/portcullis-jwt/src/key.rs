//! Binds one key to one algorithm, and refuses keys that are too weak or meant for another one.

use std::{fmt, sync::Arc};

use portcullis_core::Secret;

use crate::{algorithm::Algorithm, compact, hmac_key::HmacKey};

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod asymmetric;
mod error;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod jwk;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
mod pem;
mod secret;
#[cfg(test)]
mod tests;

pub use error::KeyError;
pub(crate) use error::Kind;
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub use jwk::MAX_JWKS_BYTES;

/// The most characters of a key's id.
pub const MAX_KID: usize = 128;

/// Whether `text` may be a `kid`: 1 to [`MAX_KID`] characters of `A-Za-z0-9._~=-`.
pub(crate) fn is_kid(text: &str) -> bool {
    (1..=MAX_KID).contains(&text.len())
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"._~=-".contains(&b))
}

/// A key that signs, and verifies what it signed.
///
/// # Example
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_jwt::SigningKey;
///
/// let key = SigningKey::hs256(&Secret::new([7; 32]))?.with_kid("2026-11")?;
/// assert_eq!(key.kid(), Some("2026-11"));
///
/// assert!(SigningKey::hs256(&Secret::new([7; 31])).is_err(), "shorter than the hash");
/// let pem = Secret::new(*b"-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA...");
/// assert!(SigningKey::hs256(&pem).is_err(), "everybody knows a public key");
/// # Ok::<_, portcullis_jwt::KeyError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct SigningKey {
    pub(crate) signer: Signer,
    pub(crate) public: VerifyingKey,
}

#[derive(Clone)]
pub(crate) enum Signer {
    Hmac(Arc<HmacKey>),
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    Private(Arc<asymmetric::PrivateKey>),
}

impl SigningKey {
    /// HMAC with SHA-256; `secret` is Django's `SIGNING_KEY` as bytes.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `secret` has fewer than 32 bytes, or is a PEM, DER, SSH or JSON key.
    pub fn hs256(secret: &Secret) -> Result<Self, KeyError> {
        Self::hmac(Algorithm::Hs256, secret)
    }

    /// HMAC with SHA-384.
    ///
    /// # Errors
    ///
    /// As [`hs256`](Self::hs256), for 48 bytes.
    pub fn hs384(secret: &Secret) -> Result<Self, KeyError> {
        Self::hmac(Algorithm::Hs384, secret)
    }

    /// HMAC with SHA-512.
    ///
    /// # Errors
    ///
    /// As [`hs256`](Self::hs256), for 64 bytes.
    pub fn hs512(secret: &Secret) -> Result<Self, KeyError> {
        Self::hmac(Algorithm::Hs512, secret)
    }

    /// An HMAC key whose secret may be shorter than the hash, for a Django site that has one.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `algorithm` is no HMAC, or `secret` is empty or a PEM, DER, SSH or JSON
    /// key.
    ///
    /// # Security
    ///
    /// Whoever holds one token can try secrets offline: a short one, or a word, is found. Give
    /// Django a longer `SIGNING_KEY` instead.
    pub fn insecure_short_secret(algorithm: Algorithm, secret: &Secret) -> Result<Self, KeyError> {
        secret::check_shape(secret.expose())?;
        let key = HmacKey::new(algorithm, secret.expose())
            .ok_or(KeyError::algorithm(algorithm, "HS256, HS384 or HS512"))?;
        let key = Arc::new(key);
        Ok(Self {
            signer: Signer::Hmac(key.clone()),
            public: VerifyingKey::new(algorithm, Verifier::Hmac(key)),
        })
    }

    fn hmac(algorithm: Algorithm, secret: &Secret) -> Result<Self, KeyError> {
        secret::check_length(algorithm, secret.expose())?;
        Self::insecure_short_secret(algorithm, secret)
    }

    /// Names the key: tokens carry `kid` in their header and are verified by that name.
    ///
    /// # Errors
    ///
    /// [`KeyError`] unless `kid` is 1 to 128 characters of `A-Za-z0-9._~=-`.
    pub fn with_kid(self, kid: &str) -> Result<Self, KeyError> {
        Ok(Self {
            public: self.public.with_kid(kid)?,
            ..self
        })
    }

    /// Also verifies tokens that name no key, as Django's do.
    pub fn accepting_no_kid(self) -> Self {
        Self {
            public: self.public.accepting_no_kid(),
            ..self
        }
    }

    /// The name of the key.
    pub fn kid(&self) -> Option<&str> {
        self.public.kid()
    }

    /// The one algorithm of the key.
    pub const fn algorithm(&self) -> Algorithm {
        self.public.algorithm
    }

    /// The half that verifies. For an HMAC it is the same secret.
    pub fn verifying_key(&self) -> VerifyingKey {
        self.public.clone()
    }

    /// The signature of `message`; `None` when the provider failed.
    #[cfg_attr(
        not(any(feature = "aws-lc-rs", feature = "rust-crypto")),
        allow(clippy::unnecessary_wraps) // only a provider can fail
    )]
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        match &self.signer {
            Signer::Hmac(key) => Some(key.sign(message)),
            #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
            Signer::Private(key) => key.sign(message),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("SigningKey", &self.public, f)
    }
}

/// A key that verifies.
#[derive(Clone)]
#[must_use]
pub struct VerifyingKey {
    kid: Option<Arc<str>>,
    algorithm: Algorithm,
    accepts_no_kid: bool,
    verifier: Verifier,
    /// The headers that issuers of such tokens write, encoded: one comparison instead of a parse.
    known_headers: Arc<[String]>,
}

#[derive(Clone)]
pub(crate) enum Verifier {
    Hmac(Arc<HmacKey>),
    #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
    Public(Arc<asymmetric::PublicKey>),
}

impl VerifyingKey {
    pub(crate) fn new(algorithm: Algorithm, verifier: Verifier) -> Self {
        let mut key = Self {
            kid: None,
            algorithm,
            accepts_no_kid: true,
            verifier,
            known_headers: Arc::new([]),
        };
        key.render_headers();
        key
    }

    /// Names the key, so that only tokens with that `kid` are verified by it.
    ///
    /// # Errors
    ///
    /// [`KeyError`] unless `kid` is 1 to 128 characters of `A-Za-z0-9._~=-`.
    pub fn with_kid(mut self, kid: &str) -> Result<Self, KeyError> {
        if !is_kid(kid) {
            return Err(KeyError::kid(kid));
        }
        self.kid = Some(kid.into());
        self.accepts_no_kid = false;
        self.render_headers();
        Ok(self)
    }

    /// Also verifies tokens that name no key, as Django's do.
    pub fn accepting_no_kid(mut self) -> Self {
        self.accepts_no_kid = true;
        self.render_headers();
        self
    }

    /// The name of the key.
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// The one algorithm of the key.
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    pub(crate) const fn accepts_no_kid(&self) -> bool {
        self.accepts_no_kid
    }

    /// Whether `header` is, byte by byte, one that this key's tokens have.
    pub(crate) fn knows_header(&self, header: &[u8]) -> bool {
        self.known_headers
            .iter()
            .any(|known| known.as_bytes() == header)
    }

    /// The header that tokens signed by this key get, encoded.
    pub(crate) fn header(&self) -> &str {
        &self.known_headers[0]
    }

    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match &self.verifier {
            Verifier::Hmac(key) => key.verify(message, signature),
            #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
            Verifier::Public(key) => key.verify(message, signature),
        }
    }

    /// Ours has the members in the order of their names, which is Django's too.
    fn render_headers(&mut self) {
        let alg = self.algorithm;
        let plain = format!(r#"{{"alg":"{alg}","typ":"JWT"}}"#);
        let mut headers = Vec::with_capacity(2);
        if let Some(kid) = &self.kid {
            // A kid has no character that JSON escapes.
            headers.push(format!(r#"{{"alg":"{alg}","kid":"{kid}","typ":"JWT"}}"#));
        }
        if self.accepts_no_kid {
            headers.push(plain);
        }
        self.known_headers = headers
            .iter()
            .map(|header| compact::encode(header.as_bytes()))
            .collect();
    }
}

impl fmt::Debug for VerifyingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        debug("VerifyingKey", self, f)
    }
}

fn debug(name: &str, key: &VerifyingKey, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.debug_struct(name)
        .field("algorithm", &key.algorithm)
        .field("kid", &key.kid)
        .finish_non_exhaustive()
}

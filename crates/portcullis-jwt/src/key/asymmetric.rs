//! Public-key signatures, by a provider that is named and never looked up in the process.

use std::fmt;

use jsonwebtoken::{
    EncodingKey,
    crypto::{CryptoProvider, JwtSigner},
};

use super::{
    SigningKey, VerifyingKey,
    error::{KeyError, Kind},
    pem::{self, Half},
};
use crate::algorithm::Algorithm;

mod prepared;

use prepared::Prepared;

/// aws-lc-rs wins where both are compiled in: it is the faster, and RUSTSEC-2023-0071 is not in it.
#[cfg(feature = "aws-lc-rs")]
pub(super) static PROVIDER: &CryptoProvider = &jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER;
#[cfg(not(feature = "aws-lc-rs"))]
pub(super) static PROVIDER: &CryptoProvider = &jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;

/// The bounds of an RSA modulus, in bits.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The numbers that are a public key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Numbers {
    Ec { x: Vec<u8>, y: Vec<u8> },
    Ed { x: Vec<u8> },
    Rsa { n: Vec<u8>, e: Vec<u8> },
}

/// A public key, ready to verify.
pub(crate) struct PublicKey {
    pub(super) numbers: Numbers,
    prepared: Prepared,
}

impl PublicKey {
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        self.prepared.verify(message, signature)
    }
}

/// A private key; jsonwebtoken zeroises it on drop.
pub(crate) struct PrivateKey {
    algorithm: jsonwebtoken::Algorithm,
    key: EncodingKey,
}

impl PrivateKey {
    pub(crate) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        self.signer()?.try_sign(message).ok()
    }

    fn signer(&self) -> Option<Box<dyn JwtSigner>> {
        (PROVIDER.signer_factory)(&self.algorithm, &self.key).ok()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(..)")
    }
}

impl SigningKey {
    /// A private key from PEM: PKCS#8 (`PRIVATE KEY`), or PKCS#1 for RSA (`RSA PRIVATE KEY`).
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `algorithm` is an HMAC, or `pem` is not one private key for it: another
    /// kind of key, RSA below 2048 bits, another curve, a certificate, several blocks.
    ///
    /// # Example
    ///
    /// ```
    /// use portcullis_core::Secret;
    /// use portcullis_jwt::{Algorithm, SigningKey};
    ///
    /// let pem = "-----BEGIN PRIVATE KEY-----\n\
    ///     MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n\
    ///     -----END PRIVATE KEY-----\n";
    /// let key = SigningKey::from_pem(Algorithm::EdDsa, &Secret::new(pem))?.with_kid("2026-11")?;
    /// assert_eq!(key.algorithm(), Algorithm::EdDsa);
    ///
    /// assert!(SigningKey::from_pem(Algorithm::Es256, &Secret::new(pem)).is_err());
    /// # Ok::<_, portcullis_jwt::KeyError>(())
    /// ```
    pub fn from_pem(algorithm: Algorithm, pem: &portcullis_core::Secret) -> Result<Self, KeyError> {
        let (key, numbers) = pem::private(algorithm, pem.expose())?;
        let public = VerifyingKey::from_numbers(algorithm, numbers)?;
        let private = PrivateKey {
            algorithm: theirs(algorithm)?,
            key,
        };
        Ok(Self {
            signer: super::Signer::Private(std::sync::Arc::new(private)),
            public,
        })
    }
}

impl VerifyingKey {
    /// A public key from PEM: SPKI (`PUBLIC KEY`), or PKCS#1 for RSA (`RSA PUBLIC KEY`).
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `algorithm` is an HMAC, or `pem` is not one public key for it: another
    /// kind of key, RSA below 2048 bits, another curve, a certificate, a private key.
    ///
    /// # Security
    ///
    /// ECDSA signatures can be changed into another valid one for the same message by anybody.
    /// Nothing here identifies a token by its bytes; a blacklist of one's own must use `jti` too.
    pub fn from_pem(algorithm: Algorithm, pem: &[u8]) -> Result<Self, KeyError> {
        Self::from_numbers(algorithm, pem::public(algorithm, pem)?)
    }

    pub(super) fn from_numbers(algorithm: Algorithm, numbers: Numbers) -> Result<Self, KeyError> {
        let numbers = check(algorithm, numbers)?;
        let prepared = Prepared::new(algorithm, &numbers)
            .ok_or(KeyError::new(Kind::Unusable { algorithm }))?;
        let public = PublicKey { numbers, prepared };
        Ok(Self::new(
            algorithm,
            super::Verifier::Public(std::sync::Arc::new(public)),
        ))
    }
}

/// The length of a coordinate on the curve of `algorithm`.
pub(super) const fn coordinate_bytes(algorithm: Algorithm) -> Option<usize> {
    match algorithm {
        Algorithm::Es256 => Some(32),
        Algorithm::Es384 => Some(48),
        _ => None,
    }
}

/// Refuses numbers of another kind of key, and RSA that is too weak or too large.
fn check(algorithm: Algorithm, numbers: Numbers) -> Result<Numbers, KeyError> {
    let unusable = KeyError::new(Kind::Unusable { algorithm });
    match (pem::half_of(algorithm), numbers) {
        (Some(Half::Ec), Numbers::Ec { x, y }) => {
            let want = coordinate_bytes(algorithm);
            if want == Some(x.len()) && want == Some(y.len()) {
                Ok(Numbers::Ec { x, y })
            } else {
                Err(unusable)
            }
        }
        (Some(Half::Ed), Numbers::Ed { x }) if x.len() == 32 => Ok(Numbers::Ed { x }),
        (Some(Half::Rsa), Numbers::Rsa { n, e }) => {
            let (n, e) = (without_zeros(n), without_zeros(e));
            let bits = n
                .first()
                .map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
            if !RSA_BITS.contains(&bits) {
                return Err(KeyError::new(Kind::RsaBits { found: bits }));
            }
            // An exponent of 1 signs nothing; an even one, or an even modulus, is no RSA.
            let exponent_ok = e.len() <= 4 && e != [1] && e.last().is_some_and(|e| e % 2 == 1);
            if exponent_ok && n.last().is_some_and(|n| n % 2 == 1) {
                Ok(Numbers::Rsa { n, e })
            } else {
                Err(unusable)
            }
        }
        _ => Err(unusable),
    }
}

fn without_zeros(bytes: Vec<u8>) -> Vec<u8> {
    match bytes.iter().position(|&byte| byte != 0) {
        None => Vec::new(),
        Some(0) => bytes,
        Some(start) => bytes[start..].to_vec(),
    }
}

/// jsonwebtoken's name of `algorithm`.
pub(super) fn theirs(algorithm: Algorithm) -> Result<jsonwebtoken::Algorithm, KeyError> {
    use jsonwebtoken::Algorithm as Theirs;
    Ok(match algorithm {
        Algorithm::EdDsa => Theirs::EdDSA,
        Algorithm::Es256 => Theirs::ES256,
        Algorithm::Es384 => Theirs::ES384,
        Algorithm::Ps256 => Theirs::PS256,
        Algorithm::Ps384 => Theirs::PS384,
        Algorithm::Ps512 => Theirs::PS512,
        Algorithm::Rs256 => Theirs::RS256,
        Algorithm::Rs384 => Theirs::RS384,
        Algorithm::Rs512 => Theirs::RS512,
        Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => {
            return Err(KeyError::algorithm(algorithm, "a public-key algorithm"));
        }
    })
}

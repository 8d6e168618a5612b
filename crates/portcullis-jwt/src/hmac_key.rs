//! Keeps HMAC keys scheduled, so that a verification costs the message's blocks alone.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use crate::algorithm::Algorithm;

#[derive(Clone)]
pub(crate) enum HmacKey {
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

impl HmacKey {
    /// The key schedule of `secret`; `None` when `algorithm` is not an HMAC.
    pub(crate) fn new(algorithm: Algorithm, secret: &[u8]) -> Option<Self> {
        Some(match algorithm {
            Algorithm::Hs256 => Self::Sha256(Hmac::new_from_slice(secret).ok()?),
            Algorithm::Hs384 => Self::Sha384(Hmac::new_from_slice(secret).ok()?),
            Algorithm::Hs512 => Self::Sha512(Hmac::new_from_slice(secret).ok()?),
            _ => return None,
        })
    }

    pub(crate) fn sign(&self, message: &[u8]) -> Vec<u8> {
        fn tag<M: Mac + Clone>(key: &M, message: &[u8]) -> Vec<u8> {
            let mut mac = key.clone();
            mac.update(message);
            mac.finalize().into_bytes().to_vec()
        }
        match self {
            Self::Sha256(key) => tag(key, message),
            Self::Sha384(key) => tag(key, message),
            Self::Sha512(key) => tag(key, message),
        }
    }

    /// Compares the whole tag in constant time.
    pub(crate) fn verify(&self, message: &[u8], tag: &[u8]) -> bool {
        fn check<M: Mac + Clone>(key: &M, message: &[u8], tag: &[u8]) -> bool {
            let mut mac = key.clone();
            mac.update(message);
            mac.verify_slice(tag).is_ok()
        }
        match self {
            Self::Sha256(key) => check(key, message, tag),
            Self::Sha384(key) => check(key, message, tag),
            Self::Sha512(key) => check(key, message, tag),
        }
    }
}

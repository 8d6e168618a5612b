//! Encoded hashes: `pbkdf2_sha256$iterations$salt$hash` and `argon2$argon2id$v=19$m=…` from
//! Django, and the bare PHC string `$argon2id$…`.

use argon2::{Algorithm, Argon2, Params, Version};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, STANDARD_NO_PAD},
};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The longest encoded hash that is looked at; Django's column holds 128 characters.
const MAX_ENCODED: usize = 512;

/// What a hash costs. Parameters above these bounds are no hash: one row must not stop the service.
const MAX_ITERATIONS: u32 = 10_000_000;
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 64;
const MAX_LANES: u32 = 64;

const NEW_MEMORY_KIB: u32 = 19 * 1024;
const NEW_PASSES: u32 = 2;
const NEW_LANES: u32 = 1;

/// A scheme with its parameters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Cost {
    Argon2 {
        data_independent: bool,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    Pbkdf2Sha256 {
        iterations: u32,
    },
}

impl Cost {
    /// What new hashes cost: OWASP's first recommendation for Argon2id.
    pub(super) const NEW: Self = Self::Argon2 {
        data_independent: false,
        memory_kib: NEW_MEMORY_KIB,
        passes: NEW_PASSES,
        lanes: NEW_LANES,
    };

    /// The length of a new digest, in bytes.
    pub(super) const LEN: usize = 32;

    /// The digest of `password`, `len` bytes; none for parameters that the scheme refuses.
    pub(super) fn derive(self, password: &[u8], salt: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut digest = vec![0; len];
        match self {
            Self::Argon2 {
                data_independent,
                memory_kib,
                passes,
                lanes,
            } => {
                let algorithm = if data_independent {
                    Algorithm::Argon2i
                } else {
                    Algorithm::Argon2id
                };
                let params = Params::new(memory_kib, passes, lanes, Some(len)).ok()?;
                Argon2::new(algorithm, Version::V0x13, params)
                    .hash_password_into(password, salt, &mut digest)
                    .ok()?;
            }
            Self::Pbkdf2Sha256 { iterations } => {
                pbkdf2::pbkdf2_hmac::<Sha256>(password, salt, iterations, &mut digest);
            }
        }
        Some(digest)
    }
}

/// An encoded hash, taken apart.
pub(super) struct Encoded {
    pub(super) cost: Cost,
    salt: Vec<u8>,
    digest: Vec<u8>,
}

impl Encoded {
    /// Takes `text` apart; none for another scheme, for parameters out of bounds, and for Django's
    /// mark of a user who cannot log in with a password (`!…`).
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_ENCODED {
            return None;
        }
        match text.split_once('$')? {
            ("pbkdf2_sha256", rest) => Self::parse_pbkdf2(rest),
            ("argon2" | "", rest) => Self::parse_argon2(rest),
            _ => None,
        }
    }

    /// Something to compute for a name that nobody has.
    pub(super) fn decoy(cost: Cost) -> Self {
        Self {
            cost,
            salt: vec![0; 16],
            digest: vec![0; Cost::LEN],
        }
    }

    /// Whether `password` gives this digest, compared in constant time.
    pub(super) fn verify(&self, password: &[u8]) -> bool {
        self.cost
            .derive(password, &self.salt, self.digest.len())
            .is_some_and(|digest| digest.ct_eq(&self.digest).into())
    }

    /// `iterations$salt$hash`; the salt is used as text, the hash is padded base64.
    fn parse_pbkdf2(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let iterations = bounded(parts.next()?, MAX_ITERATIONS)?;
        let salt = parts.next()?.as_bytes().to_vec();
        let digest = STANDARD.decode(parts.next()?).ok()?;
        let whole = parts.next().is_none() && !salt.is_empty() && digest.len() == 32;
        whole.then_some(Self {
            cost: Cost::Pbkdf2Sha256 { iterations },
            salt,
            digest,
        })
    }

    /// `argon2id$v=19$m=…,t=…,p=…$salt$hash`; salt and hash are base64 without padding.
    fn parse_argon2(text: &str) -> Option<Self> {
        let mut parts = text.split('$');
        let data_independent = match parts.next()? {
            "argon2i" => true,
            "argon2id" => false,
            _ => return None,
        };
        if parts.next()? != "v=19" {
            return None;
        }
        let mut params = parts.next()?.split(',');
        let cost = Cost::Argon2 {
            data_independent,
            memory_kib: bounded(params.next()?.strip_prefix("m=")?, MAX_MEMORY_KIB)?,
            passes: bounded(params.next()?.strip_prefix("t=")?, MAX_PASSES)?,
            lanes: bounded(params.next()?.strip_prefix("p=")?, MAX_LANES)?,
        };
        let salt = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let digest = STANDARD_NO_PAD.decode(parts.next()?).ok()?;
        let whole = params.next().is_none()
            && parts.next().is_none()
            && (8..=64).contains(&salt.len())
            && (16..=64).contains(&digest.len());
        whole.then_some(Self { cost, salt, digest })
    }
}

/// A decimal number from 1 to `most`.
fn bounded(digits: &str, most: u32) -> Option<u32> {
    let number: u32 = digits.parse().ok()?;
    (digits.bytes().all(|byte| byte.is_ascii_digit()) && (1..=most).contains(&number))
        .then_some(number)
}

/// A new hash in Django's spelling, so that Django's Argon2 hasher reads it too.
pub(super) fn write(salt: &[u8], digest: &[u8]) -> String {
    format!(
        "argon2$argon2id$v=19$m={NEW_MEMORY_KIB},t={NEW_PASSES},p={NEW_LANES}${}${}",
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(digest)
    )
}

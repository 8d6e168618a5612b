//! Derives every key of the library from one rotation key, each under a label of its own.
//!
//! The signing key of the tokens may be shared with Django and others, so nothing is derived from
//! it: who can mint an access token must not be able to mint a successor, a CSRF signature or a
//! limiter key. Two versions of the rotation key work at once while it is being replaced.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::secret::Secret;

/// The shortest rotation key, in bytes: the length of the hash it feeds.
pub const MIN_KEY_BYTES: usize = 32;

/// What a derived key is for. Each purpose has its own HKDF label (RFC 5869 `info`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Purpose {
    /// Signatures inside CSRF tokens.
    Csrf,
    /// The signed cookie by which a login recognises a device.
    Device,
    /// Keys of rate limits in a store.
    Limiter,
    /// The `jti` of a refresh token's successor.
    Successor,
    /// The tag under which a store keeps a user's sessions.
    UserTag,
}

impl Purpose {
    const fn label(self) -> &'static [u8] {
        match self {
            Self::Csrf => b"portcullis/v1/csrf",
            Self::Device => b"portcullis/v1/device",
            Self::Limiter => b"portcullis/v1/limiter",
            Self::Successor => b"portcullis/v1/successor",
            Self::UserTag => b"portcullis/v1/user-tag",
        }
    }
}

/// A key for one purpose: HMAC-SHA-256 with the key schedule already done.
///
/// # Example
///
/// ```
/// use portcullis_core::{Secret, keys::{Purpose, RotationKeys}};
///
/// let keys = RotationKeys::new(1, &Secret::new([7; 32]))?;
/// let tag = keys.current().derive(Purpose::UserTag).mac(&[b"user", b"42"]);
/// assert_ne!(tag, keys.current().derive(Purpose::UserTag).mac(&[b"user4", b"2"]));
/// # Ok::<_, portcullis_core::keys::KeyError>(())
/// ```
#[derive(Clone)]
pub struct DerivedKey(Hmac<Sha256>);

impl DerivedKey {
    /// A key from bytes that serve this purpose alone.
    ///
    /// For a layer that is used by itself; the preset stack derives its keys instead.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `secret` has fewer than [`MIN_KEY_BYTES`] bytes.
    pub fn from_secret(purpose: Purpose, secret: &Secret) -> Result<Self, KeyError> {
        Ok(RotationKey::new(0, secret)?.derive(purpose))
    }

    /// The MAC over `parts`, each preceded by its length, so that no two lists give one input.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// The MAC over `parts` as one text without lengths, which often saves a block of the hash.
    ///
    /// Only for parts of which at most one varies in length: no two lists then give one input.
    pub(crate) fn mac_joined(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// A MAC over what its caller feeds it, and keeps apart.
    pub(crate) fn begin(&self) -> Hmac<Sha256> {
        self.0.clone()
    }
}

impl fmt::Debug for DerivedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DerivedKey(..)")
    }
}

/// One version of the rotation key.
#[derive(Clone)]
pub struct RotationKey {
    version: u32,
    prk: Hkdf<Sha256>,
}

impl RotationKey {
    fn new(version: u32, secret: &Secret) -> Result<Self, KeyError> {
        let found = secret.expose().len();
        if found < MIN_KEY_BYTES {
            return Err(KeyError(Kind::TooShort { found }));
        }
        Ok(Self {
            version,
            prk: Hkdf::new(None, secret.expose()),
        })
    }

    /// The number that a family opened under this key remembers.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// The key for `purpose`.
    pub fn derive(&self, purpose: Purpose) -> DerivedKey {
        let mut bytes = zeroize::Zeroizing::new([0; 32]);
        self.prk
            .expand(purpose.label(), bytes.as_mut_slice())
            .expect("32 bytes are within the 8,160 that HKDF-SHA-256 gives");
        DerivedKey(Hmac::new_from_slice(bytes.as_slice()).expect("HMAC takes a key of any length"))
    }
}

impl fmt::Debug for RotationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RotationKey")
            .field("version", &self.version)
            .finish_non_exhaustive()
    }
}

/// The rotation key, and the one it replaces for as long as families of the old one live.
///
/// # Example
///
/// ```
/// use portcullis_core::{Secret, keys::RotationKeys};
///
/// let old = Secret::new([1; 32]);
/// let new = Secret::new([2; 32]);
/// let keys = RotationKeys::new(2, &new)?.with_previous(1, &old)?;
/// assert_eq!(keys.current().version(), 2);
/// assert!(keys.version(1).is_some());
/// assert!(keys.version(3).is_none());
///
/// assert!(RotationKeys::new(1, &Secret::new([1; 16])).is_err(), "shorter than the hash");
/// # Ok::<_, portcullis_core::keys::KeyError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct RotationKeys {
    current: RotationKey,
    previous: Option<RotationKey>,
}

impl RotationKeys {
    /// One key, known to families as `version`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `secret` has fewer than [`MIN_KEY_BYTES`] bytes.
    pub fn new(version: u32, secret: &Secret) -> Result<Self, KeyError> {
        Ok(Self {
            current: RotationKey::new(version, secret)?,
            previous: None,
        })
    }

    /// Also serves families that were opened under `version` of the key.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when `secret` is too short or `version` is the current one.
    pub fn with_previous(self, version: u32, secret: &Secret) -> Result<Self, KeyError> {
        if version == self.current.version {
            return Err(KeyError(Kind::SameVersion { version }));
        }
        Ok(Self {
            previous: Some(RotationKey::new(version, secret)?),
            ..self
        })
    }

    /// The key under which new families are opened.
    pub const fn current(&self) -> &RotationKey {
        &self.current
    }

    /// The key of `version`, if it is one of the two.
    pub fn version(&self, version: u32) -> Option<&RotationKey> {
        self.all().find(|key| key.version == version)
    }

    /// Both keys, the current one first.
    pub fn all(&self) -> impl Iterator<Item = &RotationKey> {
        std::iter::once(&self.current).chain(&self.previous)
    }
}

/// A rotation key that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyError(Kind);

#[derive(Clone, Debug, Eq, PartialEq)]
enum Kind {
    SameVersion { version: u32 },
    TooShort { found: usize },
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::SameVersion { version } => write!(
                f,
                "the previous rotation key has version {version} like the current one: give the \
                 new key the next number"
            ),
            Kind::TooShort { found } => write!(
                f,
                "the key has {found} bytes, but needs at least {MIN_KEY_BYTES}: make one with \
                 `head -c 32 /dev/urandom`"
            ),
        }
    }
}

impl std::error::Error for KeyError {}

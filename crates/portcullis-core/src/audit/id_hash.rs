//! Stands for an id in logs.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What logs and events say instead of a session id (`sid`) or a token id (`jti`): the first 64
/// bits of its SHA-256, as 16 lower-case hex digits.
///
/// Two lines about one session have the same hash. Whoever has the id finds its lines with
/// `printf %s "$SID" | sha256sum | cut -c1-16`; whoever has only a line cannot get at the id, which
/// is 122 random bits at least. So no key is needed, and none has to be kept for old logs.
///
/// The id itself is not held: neither `Display` nor `Debug` can show it.
///
/// # Security
///
/// For ids that nobody can guess. The hash of a user id or an address would give it away.
///
/// # Example
///
/// ```
/// use portcullis_core::audit::IdHash;
///
/// let hash = IdHash::of("Zm9vYmFyYmF6cXV4cXV1eA");
/// assert_eq!(hash.to_string(), "66795f80a0264e47");
/// assert_eq!(format!("{hash:?}"), "66795f80a0264e47");
/// assert_ne!(hash, IdHash::of("another"));
/// ```
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IdHash([u8; 8]);

impl IdHash {
    /// The hash of `id`.
    pub fn of(id: &str) -> Self {
        let digest = Sha256::digest(id.as_bytes());
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(first)
    }
}

impl fmt::Display for IdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", u64::from_be_bytes(self.0))
    }
}

impl fmt::Debug for IdHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

//! Holds key material that never shows in output and never compares in variable time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// Key material: `Debug` prints nothing of it, equality takes constant time, drop zeroises it.
///
/// Equality of secrets of different lengths returns at once: a length is not a secret here.
///
/// # Example
///
/// ```
/// use portcullis_core::Secret;
///
/// let key = Secret::new(b"correct horse battery staple".to_vec());
/// assert_eq!(key, Secret::new(b"correct horse battery staple".to_vec()));
/// assert_ne!(key, Secret::new(b"incorrect horse battery stap".to_vec()));
/// assert_eq!(format!("{key:?}"), "Secret(..)");
/// ```
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// Takes over `bytes`.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Zeroizing::new(bytes.into()))
    }

    /// A secret of `len` bytes from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`RandomError`](crate::random::RandomError) when the system has no entropy to give.
    pub fn random(len: usize) -> Result<Self, crate::random::RandomError> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        crate::random::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes themselves. Whoever calls this answers for where they go.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_slice().ct_eq(other.0.as_slice()).into()
    }
}

impl Eq for Secret {}

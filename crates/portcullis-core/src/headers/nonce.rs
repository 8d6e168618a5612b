//! The number that is used once.

use std::fmt;

use crate::random::{self, RandomError};

const BASE64URL: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// A nonce of a content security policy: 22 base64url characters, more than 128 random bits.
///
/// ```
/// use portcullis_core::headers::Nonce;
///
/// assert_eq!(Nonce::random()?.as_str().len(), 22);
/// assert_ne!(Nonce::random()?, Nonce::random()?);
/// # Ok::<_, portcullis_core::random::RandomError>(())
/// ```
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Nonce([u8; 22]);

impl Nonce {
    /// A new one, from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn random() -> Result<Self, RandomError> {
        let mut text = [0; 22];
        random::fill_from(BASE64URL, &mut text)?;
        Ok(Self(text))
    }

    /// The text, for the attribute `nonce` of a script or style.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("every symbol comes from the ASCII alphabet")
    }
}

impl fmt::Debug for Nonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Nonce(..)")
    }
}

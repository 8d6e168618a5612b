//! Names a family, and the tokens of its generations.

use std::{fmt, sync::Arc};

use crate::{audit::IdHash, keys::DerivedKey, random};

/// The id of a refresh family, and the `sid` of its tokens: 1 to 255 visible ASCII characters.
///
/// Ours are 22 base64url characters, 128 random bits; an adopted family is called by the `jti` of
/// the token that Django issued. `Debug` shows its [`IdHash`].
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId(Arc<str>);

impl SessionId {
    /// A new id from the operating system's generator.
    ///
    /// # Errors
    ///
    /// [`random::RandomError`] when the system has no entropy to give.
    pub fn random() -> Result<Self, random::RandomError> {
        const BASE64URL: &[u8; 64] =
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut id = [0; 22];
        random::fill_from(BASE64URL, &mut id)?;
        Ok(Self(
            id.iter()
                .map(|&byte| char::from(byte))
                .collect::<String>()
                .into(),
        ))
    }

    /// The id `text`, if it is one.
    ///
    /// ```
    /// use portcullis_core::rotation::SessionId;
    ///
    /// assert!(SessionId::parse("0b9f").is_some());
    /// assert!(SessionId::parse("").is_none());
    /// assert!(SessionId::parse("a b").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let valid = (1..=255).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        valid.then(|| Self(text.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id as shared text.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({})", IdHash::of(&self.0))
    }
}

/// The `jti` of generation `generation` of family `sid`: 32 lower-case hex digits, 128 bits of a
/// keyed hash, so that every replica hands out the same successor and nobody else can make one.
pub fn refresh_jti(key: &DerivedKey, sid: &str, generation: u64) -> String {
    use std::fmt::Write as _;
    let mac = key.mac(&[b"rt", sid.as_bytes(), &generation.to_be_bytes()]);
    mac[..16]
        .iter()
        .fold(String::with_capacity(32), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

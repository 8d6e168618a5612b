//! Names users and tokens in Redis by keyed hashes.

use std::fmt;

use portcullis_core::keys::{DerivedKey, Purpose, RotationKeys};

#[cfg(test)]
mod tests;

/// What stands for a user, or for one of a user's tokens: the first 128 bits of a keyed hash.
///
/// Written as 32 lower-case hex digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tag([u8; 16]);

impl Tag {
    /// Reads what [`fmt::Display`] writes.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
            return None;
        };
        let pairs: &[[u8; 2]; 16] = pairs.try_into().ok()?;
        let mut tag = [0; 16];
        for (byte, [high, low]) in tag.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(tag))
    }
}

fn digit(hex: u8) -> Option<u8> {
    match hex {
        b'0'..=b'9' => Some(hex - b'0'),
        b'a'..=b'f' => Some(hex - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tag({self})")
    }
}

/// Makes [`Tag`]s under the current version of the rotation key and the one that it replaces.
#[derive(Clone, Debug)]
pub(crate) struct Tagger {
    current: DerivedKey,
    previous: Option<(u32, DerivedKey)>,
}

impl Tagger {
    pub(crate) fn new(keys: &RotationKeys) -> Self {
        let previous = keys.all().nth(1);
        Self {
            current: keys.current().derive(Purpose::UserTag),
            previous: previous.map(|key| (key.version(), key.derive(Purpose::UserTag))),
        }
    }

    /// Whether `version` is that of the key which is being replaced.
    pub(crate) fn is_previous(&self, version: u32) -> bool {
        self.previous
            .as_ref()
            .is_some_and(|(known, _)| *known == version)
    }

    /// The tags that `subject` may be known by, the current one first.
    pub(crate) fn users(&self, subject: &str) -> impl Iterator<Item = Tag> {
        self.keys().map(move |key| user(key, subject))
    }

    /// The tag that `subject` is known by from now on.
    pub(crate) fn user(&self, subject: &str) -> Tag {
        user(&self.current, subject)
    }

    /// The tags that the token `jti` of `subject` may be known by, the current one first.
    pub(crate) fn tokens(&self, subject: &str, jti: &str) -> impl Iterator<Item = Tag> {
        self.keys().map(move |key| token(key, subject, jti))
    }

    /// The tag that the token `jti` of `subject` is known by from now on.
    pub(crate) fn token(&self, subject: &str, jti: &str) -> Tag {
        token(&self.current, subject, jti)
    }

    fn keys(&self) -> impl Iterator<Item = &DerivedKey> {
        let previous = self.previous.as_ref().map(|(_, key)| key);
        std::iter::once(&self.current).chain(previous)
    }
}

fn user(key: &DerivedKey, subject: &str) -> Tag {
    first_half(key.mac(&[b"user", subject.as_bytes()]))
}

fn token(key: &DerivedKey, subject: &str, jti: &str) -> Tag {
    first_half(key.mac(&[b"token", subject.as_bytes(), jti.as_bytes()]))
}

fn first_half(mac: [u8; 32]) -> Tag {
    let mut tag = [0; 16];
    tag.copy_from_slice(&mac[..16]);
    Tag(tag)
}

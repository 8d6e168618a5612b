//! Decides what a refresh token gets: the refresh family as a state machine.

use std::{fmt, sync::Arc, time::Duration};

use crate::{clock::Timestamp, keys::DerivedKey, random};

/// The id of a refresh family, and the `sid` of its tokens: 1 to 255 visible ASCII characters.
///
/// Ours are 22 base64url characters, 128 random bits; an adopted family is called by the `jti` of
/// the token that Django issued.
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
        write!(f, "SessionId({})", self.0)
    }
}

/// The times that bound a family. Checked by [`RotationPolicy::validate`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RotationPolicy {
    /// How long a replaced token still gets the same successor; at most 60 s, and at most a
    /// quarter of the access lifetime. Default 10 s.
    pub overlap: Duration,
    /// How far apart two lost responses must be to be forgiven. Default 24 h.
    pub lost_budget: Duration,
    /// How long a family lives without a refresh; also each refresh token's own life. Default 7 d.
    pub idle: Duration,
    /// How long a family lives at most. Default 14 d.
    pub absolute: Duration,
    /// How long access tokens live at most, with leeway: as long as a denied session must stay
    /// denied. Default 5 min.
    pub access: Duration,
    /// How many families a user may have; opening one more ends the oldest. Default 50.
    pub max_families: u32,
}

impl Default for RotationPolicy {
    fn default() -> Self {
        Self {
            overlap: Duration::from_secs(10),
            lost_budget: Duration::from_secs(24 * 3600),
            idle: Duration::from_secs(7 * 24 * 3600),
            absolute: Duration::from_secs(14 * 24 * 3600),
            access: Duration::from_secs(300),
            max_families: 50,
        }
    }
}

/// A family to be opened at login.
#[derive(Clone, Copy, Debug)]
pub struct NewFamily<'a> {
    /// The user id.
    pub subject: &'a str,
    /// The new family's id.
    pub sid: &'a SessionId,
    /// The version of the rotation key that mints its successors for good.
    pub key_version: u32,
    /// What the user sees in the list of sessions; cut to 64 bytes.
    pub label: Option<&'a str>,
}

/// A family that was opened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Opened {
    /// When, on the store's clock, in whole milliseconds: the `sat` of its tokens.
    pub created: Timestamp,
    /// When it ends at the latest: the `sexp` of its tokens, in whole seconds.
    pub absolute_end: Timestamp,
}

/// A refresh token whose signature, type, expiry and `jti` have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The user id.
    pub subject: &'a str,
    /// Its family.
    pub sid: &'a str,
    /// Its generation, 0 at login.
    pub generation: u64,
    /// Set for a token that Django issued, which may open a family of its own.
    pub adoption: Option<Adoption>,
}

/// How a token that Django issued becomes a family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Adoption {
    /// Its `iat`.
    pub created: Timestamp,
    /// When the family ends at the latest.
    pub absolute_end: Timestamp,
    /// Its own `exp`.
    pub token_expires: Timestamp,
    /// The version of the rotation key for its successors.
    pub key_version: u32,
}

/// What a presented refresh token gets.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// An access token, and a refresh cookie where [`Grant::sends_refresh`] says so.
    Granted(Grant),
    /// 401.
    Refused(Refusal),
}

/// A refresh that succeeds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Grant {
    /// Which of the five it is.
    pub kind: GrantKind,
    /// The generation of the refresh token to hand out.
    pub generation: u64,
    /// The `iat` of that refresh token: when it was opened.
    pub issued_at: Timestamp,
    /// When the family was created, in whole milliseconds.
    pub created: Timestamp,
    /// When the family ends at the latest.
    pub absolute_end: Timestamp,
    /// The store's present: access-token times count from it.
    pub now: Timestamp,
    /// The version of the rotation key that the family was opened under.
    pub key_version: u32,
}

impl Grant {
    /// Whether the response sets the refresh cookie.
    pub const fn sends_refresh(&self) -> bool {
        matches!(
            self.kind,
            GrantKind::Lost | GrantKind::Replay | GrantKind::Rotated
        )
    }
}

/// The kinds of a refresh that succeeds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum GrantKind {
    /// The store had forgotten this generation: it is current again.
    Ahead,
    /// The parent, after its overlap, whose successor never arrived: the successor once more.
    Lost,
    /// The parent, inside its overlap: the same successor again.
    Replay,
    /// The current token: a new generation.
    Rotated,
    /// The current token, just opened: an access token only.
    Same,
}

/// A refresh that fails. The client cannot tell the kinds apart.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Refusal {
    /// Past the absolute end.
    Expired,
    /// A replaced token: the family has been ended.
    Reuse,
    /// Ended before.
    Revoked(RevokeReason),
    /// No such family.
    Unknown,
}

/// Why a family was ended.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RevokeReason {
    /// The user had more families than allowed, and this was the oldest.
    Evicted,
    /// The user was found inactive at a refresh.
    Inactive,
    /// The Django token is on the blacklist.
    Listed,
    /// A logout, or an entry ended from the list of sessions.
    Logout,
    /// A new login in the same browser.
    Replaced,
    /// A replaced token was used.
    Reuse,
    /// Every session of the user was ended.
    User,
}

/// One line of a user's list of sessions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// The family's id.
    pub sid: SessionId,
    /// When it was opened.
    pub created: Timestamp,
    /// When it was last refreshed.
    pub last_used: Timestamp,
    /// The label given at login.
    pub label: Option<String>,
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

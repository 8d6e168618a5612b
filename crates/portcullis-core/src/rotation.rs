//! Decides what a refresh token gets: the refresh family as a state machine.
//!
//! A login opens a family; each refresh hands out its next generation. Everything that a decision
//! needs is a plain [`Family`], so [`decide`] is a function without I/O, and a store only has to
//! make reading, deciding and writing one atomic step.
//!
//! | presented | when | verdict | the client gets |
//! |---|---|---|---|
//! | current | its window closed | [`Rotated`] | a new generation |
//! | current | up to two overlaps after the window opened | [`Same`] | an access token |
//! | parent | up to one overlap after the window opened | [`Replay`] | the same successor |
//! | parent | later, once per budget, successor unseen | [`Lost`] | the same successor |
//! | newer than the store knows | after a failover | [`Ahead`] | an access token |
//! | anything older | | [`Reuse`] | 401, and the family ends |
//! | any, family ended | | [`Revoked`] | 401 |
//! | any, past the absolute end | | [`Expired`] | 401 |
//! | any, no such family | | [`Unknown`] | 401 |
//!
//! [`Ahead`]: GrantKind::Ahead
//! [`Expired`]: Refusal::Expired
//! [`Lost`]: GrantKind::Lost
//! [`Replay`]: GrantKind::Replay
//! [`Reuse`]: Refusal::Reuse
//! [`Revoked`]: Refusal::Revoked
//! [`Rotated`]: GrantKind::Rotated
//! [`Same`]: GrantKind::Same
//! [`Unknown`]: Refusal::Unknown
//!
//! The window is the last one opened: by a rotation, or by forgiving a lost response.
//!
//! # Limits
//!
//! An honest client is not signed out while one-way delays stay under half an overlap, it loses at
//! most one response per budget, and not those of two generations in a row: a client that lost the
//! answer after the one that was made good looks like an owner and a thief who take turns. A thief
//! who is active beside the owner is found after at most two successful refreshes of the owner,
//! unless he acts inside each of the owner's windows; one who keeps refreshing alone is not found
//! before the absolute end by any rotation.

use std::fmt;

use crate::{audit::IdHash, clock::Timestamp};

mod decision;
mod family;
mod id;
mod policy;

#[cfg(test)]
mod tests;

pub use decision::{Decision, Known, decide};
pub use family::{Entry, Family, Lost};
pub use id::{SessionId, refresh_jti};
pub use policy::{RotationConfigError, RotationPolicy};

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
#[derive(Clone, Copy)]
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

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("subject", &self.subject)
            .field("sid", &IdHash::of(self.sid))
            .field("generation", &self.generation)
            .field("adoption", &self.adoption)
            .finish()
    }
}

/// How a token that Django issued becomes a family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Adoption {
    /// Its `iat`.
    pub created: Timestamp,
    /// When the family is to end; what counts is [`family_end`](Self::family_end).
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

//! What a store keeps of one family.

use std::time::Duration;

use super::{Adoption, RevokeReason, RotationPolicy};
use crate::clock::Timestamp;

/// A living family. A store keeps every field; none of them lets anyone make a token.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Family {
    /// The current generation, 0 at login.
    pub generation: u64,
    /// When that generation became current, in whole milliseconds; at login, the login.
    pub rotated: Timestamp,
    /// Whether the current generation is known to have reached the client.
    pub seen: bool,
    /// When the family was created, in whole milliseconds.
    pub created: Timestamp,
    /// When it ends whatever happens, in whole seconds; never moves.
    pub absolute_end: Timestamp,
    /// When it ends without a further refresh, in whole seconds; never past the absolute end.
    pub expires: Timestamp,
    /// The version of the rotation key, for good.
    pub key_version: u32,
    /// The last lost response that was forgiven.
    pub lost: Option<Lost>,
}

/// A lost response that was forgiven.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lost {
    /// When it was forgiven: one more overlap opened then.
    pub granted: Timestamp,
    /// When the window opened whose response was lost.
    pub made_good: Timestamp,
    /// The generation that was handed out once more.
    pub generation: u64,
}

/// What a store holds under a family's id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entry {
    /// A living family.
    Alive(Family),
    /// A tombstone: whatever is presented is refused.
    Ended {
        /// Why.
        reason: RevokeReason,
        /// How long the tombstone is kept: to the family's absolute end.
        until: Timestamp,
    },
}

impl Entry {
    /// When a store may forget the entry.
    pub const fn expires(&self) -> Timestamp {
        match self {
            Self::Alive(family) => family.expires,
            Self::Ended { until, .. } => *until,
        }
    }
}

impl Family {
    /// The family that a login opens at `now`, for a user who ended every session up to
    /// `not_before`.
    ///
    /// It counts as created after `not_before` even when both fall into one millisecond, or the
    /// clock went back: a login after "log out everywhere" holds.
    ///
    /// ```
    /// use portcullis_core::{clock::Timestamp, rotation::{Family, RotationPolicy}};
    ///
    /// let now = Timestamp::from_millis(1_700_000_000_123);
    /// let family = Family::open(now, Some(now), 1, &RotationPolicy::default());
    /// assert_eq!(family.created, Timestamp::from_millis(1_700_000_000_124));
    /// assert_eq!(family.absolute_end, Timestamp::from_secs(1_700_000_000 + 14 * 86_400));
    /// ```
    pub fn open(
        now: Timestamp,
        not_before: Option<Timestamp>,
        key_version: u32,
        policy: &RotationPolicy,
    ) -> Self {
        let now = millis(now);
        let created = match not_before {
            Some(cut) if cut >= now => millis(cut) + Duration::from_millis(1),
            _ => now,
        };
        let absolute_end = seconds(now + policy.absolute);
        Self {
            generation: 0,
            rotated: now,
            seen: false,
            created,
            absolute_end,
            expires: seconds(now + policy.idle).min(absolute_end),
            key_version,
            lost: None,
        }
    }

    /// The family that a token of Django's becomes; its first refresh follows in the same step.
    pub(super) fn adopt(token: &Adoption, policy: &RotationPolicy) -> Self {
        let absolute_end = token.family_end(policy);
        Self {
            generation: 0,
            rotated: millis(token.created),
            seen: false,
            created: millis(token.created),
            absolute_end,
            expires: absolute_end,
            key_version: token.key_version,
            lost: None,
        }
    }

    /// When the last window opened: at the rotation, or when a lost response was forgiven.
    pub fn window_opened(&self) -> Timestamp {
        self.lost
            .map_or(self.rotated, |lost| self.rotated.max(lost.granted))
    }

    /// Lowers stored times that are ahead of the clock, after a failover to a slower one.
    pub(super) fn clamp(&mut self, now: Timestamp) {
        self.rotated = self.rotated.min(now);
        if let Some(lost) = &mut self.lost {
            lost.granted = lost.granted.min(now);
        }
    }

    /// Makes `generation` current.
    pub(super) fn advance(
        &mut self,
        generation: u64,
        seen: bool,
        policy: &RotationPolicy,
        now: Timestamp,
    ) {
        debug_assert!(generation >= self.generation, "generations never go back");
        self.generation = generation;
        self.rotated = now;
        self.seen = seen;
        self.expires = seconds(now + policy.idle).min(self.absolute_end);
    }

    /// The tombstone of this family.
    pub const fn ended(&self, reason: RevokeReason) -> Entry {
        Entry::Ended {
            reason,
            until: self.absolute_end,
        }
    }
}

impl Adoption {
    /// When the family ends at the latest: as asked for, and never later than a family of that age
    /// would, so that a cut of all the user's sessions is remembered for long enough.
    pub fn family_end(&self, policy: &RotationPolicy) -> Timestamp {
        seconds(self.absolute_end.min(self.created + policy.absolute))
    }
}

pub(super) const fn millis(at: Timestamp) -> Timestamp {
    Timestamp::from_millis(at.as_millis())
}

const fn seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}

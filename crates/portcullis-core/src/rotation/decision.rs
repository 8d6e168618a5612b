//! The decision itself.

use super::{
    Entry, Family, Grant, GrantKind, Presented, Refusal, RevokeReason, RotationPolicy, Verdict,
    family::{Lost, millis},
};
use crate::clock::Timestamp;

/// What the store knows when a refresh token is presented; expired entries count as unknown.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Known {
    /// What is held under the family's id.
    pub entry: Option<Entry>,
    /// Families of the user created up to here are ended, in whole milliseconds.
    pub not_before: Option<Timestamp>,
    /// Whether the `jti` of a token that Django issued is blacklisted; asked only for adoption.
    pub listed: bool,
}

/// A verdict, and what the store has to write in the same step.
#[derive(Clone, Debug, Eq, PartialEq)]
#[must_use = "a verdict that is not recorded is not atomic"]
pub struct Decision {
    /// What the client gets.
    pub verdict: Verdict,
    /// What is held under the family's id from now on; `None` holds nothing.
    pub entry: Option<Entry>,
    /// Until when the family's access tokens are denied.
    pub deny_until: Option<Timestamp>,
    /// Until when the presented token of Django's is blacklisted: it became a family.
    pub listed_until: Option<Timestamp>,
}

/// Decides what `presented` gets at `now`, the store's own time.
///
/// # Security
///
/// `presented` must have been verified: signature, type, expiry, and the `jti` against
/// [`refresh_jti`](super::refresh_jti). The store must apply the whole [`Decision`] in the step
/// that read `known`; anything less forks the family.
///
/// # Example
///
/// ```
/// use portcullis_core::clock::Timestamp;
/// use portcullis_core::rotation::*;
/// use std::time::Duration;
///
/// let policy = RotationPolicy::default();
/// let login = Timestamp::from_secs(1_700_000_000);
/// let mut known = Known {
///     entry: Some(Entry::Alive(Family::open(login, None, 1, &policy))),
///     ..Known::default()
/// };
/// let first = Presented { subject: "42", sid: "f", generation: 0, adoption: None };
///
/// let now = login + Duration::from_secs(300);
/// let rotated = decide(known.clone(), &first, &policy, now);
/// assert!(matches!(rotated.verdict, Verdict::Granted(Grant { generation: 1, .. })));
///
/// // The other tab gets the same successor, and a week later the token is a stolen one.
/// known.entry = rotated.entry;
/// let again = decide(known.clone(), &first, &policy, now + Duration::from_secs(9));
/// assert!(matches!(again.verdict, Verdict::Granted(Grant { generation: 1, .. })));
///
/// let second = Presented { generation: 1, ..first };
/// let next = decide(known.clone(), &second, &policy, now + Duration::from_secs(300));
/// known.entry = next.entry;
/// let stolen = decide(known, &first, &policy, now + Duration::from_secs(301));
/// assert_eq!(stolen.verdict, Verdict::Refused(Refusal::Reuse));
/// assert!(stolen.deny_until.is_some());
/// ```
pub fn decide(
    known: Known,
    presented: &Presented<'_>,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Decision {
    let now = millis(now);
    match known.entry {
        // Before anything else: no window, adoption or clock brings an ended family back.
        Some(Entry::Ended { reason, until }) => refused(
            Refusal::Revoked(reason),
            Some(Entry::Ended { reason, until }),
        ),
        Some(Entry::Alive(family)) => continued(family, known.not_before, presented, policy, now),
        None => adopted(&known, presented, policy, now),
    }
}

/// Opens a family for a token of Django's, and refreshes it.
fn adopted(
    known: &Known,
    presented: &Presented<'_>,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Decision {
    let Some(token) = &presented.adoption else {
        return refused(Refusal::Unknown, None);
    };
    if known.listed {
        return refused(Refusal::Revoked(RevokeReason::Listed), None);
    }
    let family = Family::adopt(token, policy);
    if known.not_before.is_some_and(|cut| family.created <= cut) {
        return refused(Refusal::Revoked(RevokeReason::User), None);
    }
    if now >= family.absolute_end || now.as_secs() >= token.token_expires.as_secs() {
        return refused(Refusal::Expired, None);
    }
    Decision {
        listed_until: Some(token.token_expires),
        ..continued(family, known.not_before, presented, policy, now)
    }
}

fn continued(
    mut family: Family,
    not_before: Option<Timestamp>,
    presented: &Presented<'_>,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Decision {
    if now >= family.absolute_end {
        return refused(Refusal::Expired, None);
    }
    if not_before.is_some_and(|cut| family.created <= cut) {
        let reason = RevokeReason::User;
        return refused(Refusal::Revoked(reason), Some(family.ended(reason)));
    }
    family.clamp(now);
    match grant(&mut family, presented.generation, policy, now) {
        Some(kind) => granted(kind, family, now),
        None => Decision {
            deny_until: Some(now + policy.access),
            ..refused(Refusal::Reuse, Some(family.ended(RevokeReason::Reuse)))
        },
    }
}

/// Finds the grant for `generation` and records it in `family`; `None` is reuse.
fn grant(
    family: &mut Family,
    generation: u64,
    policy: &RotationPolicy,
    now: Timestamp,
) -> Option<GrantKind> {
    let open = now.since(family.window_opened());
    if generation > family.generation {
        family.advance(generation, true, policy, now);
        return Some(GrantKind::Ahead);
    }
    if generation == family.generation {
        // The token of a login has no window: its first use is never a late repetition.
        if generation > 0 && open < policy.coalescing() {
            family.seen = true;
            return Some(GrantKind::Same);
        }
        family.advance(generation.saturating_add(1), false, policy, now);
        return Some(GrantKind::Rotated);
    }
    if generation + 1 < family.generation {
        return None;
    }
    if open < policy.overlap {
        return Some(GrantKind::Replay);
    }
    forgivable(family, generation, policy, now).then(|| {
        family.lost = Some(Lost {
            granted: now,
            made_good: family.window_opened(),
            generation: family.generation,
        });
        GrantKind::Lost
    })
}

/// Whether the parent `generation`, past its overlap, may be the retry of a lost response.
fn forgivable(family: &Family, generation: u64, policy: &RotationPolicy, now: Timestamp) -> bool {
    let opened = family.window_opened();
    // A slow tab may have shown the successor to be alive while another still waits for it.
    let undelivered = !family.seen || now.since(opened) < policy.coalescing();
    let within_budget = family.lost.is_none_or(|last| {
        // Handed out by forgiveness itself: the owner and a thief would be taking turns.
        last.generation != generation && opened.since(last.made_good) > policy.lost_budget
    });
    undelivered && within_budget && now.since(family.rotated) < policy.idle
}

fn granted(kind: GrantKind, family: Family, now: Timestamp) -> Decision {
    let grant = Grant {
        kind,
        generation: family.generation,
        issued_at: family.rotated,
        created: family.created,
        absolute_end: family.absolute_end,
        now,
        key_version: family.key_version,
    };
    Decision {
        verdict: Verdict::Granted(grant),
        entry: Some(Entry::Alive(family)),
        deny_until: None,
        listed_until: None,
    }
}

const fn refused(refusal: Refusal, entry: Option<Entry>) -> Decision {
    Decision {
        verdict: Verdict::Refused(refusal),
        entry,
        deny_until: None,
        listed_until: None,
    }
}

//! A naive model of the sessions, to hold a store against.
//!
//! It keeps the whole history of every family as a list of events, never updates a state, and
//! finds each verdict by reading the history again. Nothing of it is fit for use; it is written
//! from the rules' words alone, so that it does not share a mistake with the code it judges.

use std::{collections::BTreeMap, time::Duration};

use portcullis_core::{
    clock::Timestamp,
    rotation::{
        Adoption, Grant, GrantKind, Presented, Refusal, RevokeReason, RotationPolicy, Verdict,
    },
};

mod history;
mod schedule;

use history::{Event, History};

pub use schedule::run_schedule;

/// The sessions as the rules' words have them.
#[derive(Clone, Debug)]
pub struct Model {
    policy: RotationPolicy,
    families: BTreeMap<(String, String), History>,
    cuts: BTreeMap<String, Timestamp>,
    listed: BTreeMap<(String, String), Timestamp>,
    denied: BTreeMap<(String, String), Timestamp>,
    /// The ends of families that were forgotten.
    past_ends: Vec<Timestamp>,
}

fn key(subject: &str, id: &str) -> (String, String) {
    (subject.to_owned(), id.to_owned())
}

fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}

impl Model {
    /// A model without any session.
    pub fn new(policy: RotationPolicy) -> Self {
        Self {
            policy,
            families: BTreeMap::new(),
            cuts: BTreeMap::new(),
            listed: BTreeMap::new(),
            denied: BTreeMap::new(),
            past_ends: Vec::new(),
        }
    }

    /// Opens a family at `now`: its creation and absolute end.
    pub fn open(
        &mut self,
        subject: &str,
        sid: &str,
        (key_version, label): (u32, &str),
        now: Timestamp,
    ) -> (Timestamp, Timestamp) {
        while self.sessions(subject, now).len() >= self.policy.max_families as usize {
            let (oldest, _) = self.sessions(subject, now).pop().expect("there are some");
            self.end(subject, &oldest, RevokeReason::Evicted);
        }
        let created = match self.cuts.get(subject) {
            Some(cut) if now <= *cut => *cut + Duration::from_millis(1),
            _ => now,
        };
        let absolute_end = whole_seconds(now + self.policy.absolute);
        let history = History {
            created,
            absolute_end,
            key_version,
            label: Some(label.to_owned()),
            events: vec![Event::Opened {
                generation: 0,
                at: now,
                idle_end: self.idle_end(now),
            }],
        };
        self.families.insert(key(subject, sid), history);
        (created, absolute_end)
    }

    fn idle_end(&self, now: Timestamp) -> Timestamp {
        whole_seconds(now + self.policy.idle)
    }

    /// What `presented` gets at `now`.
    pub fn rotate(&mut self, presented: &Presented<'_>, now: Timestamp) -> Verdict {
        let id = key(presented.subject, presented.sid);
        self.forget(now);
        match self.families.get(&id).map(History::ended) {
            Some(Some(reason)) => return Verdict::Refused(Refusal::Revoked(reason)),
            Some(None) => {}
            None => {
                if let Err(refusal) = self.adopt(presented, now) {
                    return Verdict::Refused(refusal);
                }
            }
        }
        let family = self.families.get_mut(&id).expect("found or adopted");
        if self
            .cuts
            .get(presented.subject)
            .is_some_and(|cut| family.created <= *cut)
        {
            family.events.push(Event::Ended(RevokeReason::User));
            return Verdict::Refused(Refusal::Revoked(RevokeReason::User));
        }
        family.lower(now);
        let Some(kind) = self.grant(&id, presented.generation, now) else {
            self.end(presented.subject, presented.sid, RevokeReason::Reuse);
            return Verdict::Refused(Refusal::Reuse);
        };
        let family = &self.families[&id];
        let (generation, issued_at, _) = family.current();
        Verdict::Granted(Grant {
            kind,
            generation,
            issued_at,
            created: family.created,
            absolute_end: family.absolute_end,
            now,
            key_version: family.key_version,
        })
    }

    fn adopt(&mut self, presented: &Presented<'_>, now: Timestamp) -> Result<(), Refusal> {
        let token: Adoption = presented.adoption.ok_or(Refusal::Unknown)?;
        let id = key(presented.subject, presented.sid);
        if self.is_listed(presented.subject, presented.sid, now) {
            return Err(Refusal::Revoked(RevokeReason::Listed));
        }
        if self
            .cuts
            .get(presented.subject)
            .is_some_and(|cut| token.created <= *cut)
        {
            return Err(Refusal::Revoked(RevokeReason::User));
        }
        let oldest_end = whole_seconds(token.created + self.policy.absolute);
        let absolute_end = whole_seconds(token.absolute_end).min(oldest_end);
        if now >= absolute_end || now >= whole_seconds(token.token_expires) {
            return Err(Refusal::Expired);
        }
        self.listed.insert(id.clone(), token.token_expires);
        let history = History {
            created: token.created,
            absolute_end,
            key_version: token.key_version,
            label: None,
            events: vec![Event::Opened {
                generation: 0,
                at: token.created,
                idle_end: absolute_end,
            }],
        };
        self.families.insert(id, history);
        Ok(())
    }

    fn forget(&mut self, now: Timestamp) {
        let gone = self.families.values().filter(|family| family.is_gone(now));
        self.past_ends.extend(gone.flat_map(History::ends));
        self.families.retain(|_, family| !family.is_gone(now));
    }

    /// Which grant `generation` earns; `None` is reuse.
    fn grant(
        &mut self,
        id: &(String, String),
        generation: u64,
        now: Timestamp,
    ) -> Option<GrantKind> {
        let idle_end = self.idle_end(now);
        let overlap = self.policy.overlap;
        let family = self.families.get_mut(id).expect("the caller found it");
        let (current, opened, _) = family.current();
        let window = family.window();
        let in_overlap = now < window + overlap;
        let in_two_overlaps = now < window + overlap * 2;
        let open = |generation| Event::Opened {
            generation,
            at: now,
            idle_end,
        };
        if generation > current {
            family
                .events
                .extend([open(generation), Event::Seen(generation)]);
            return Some(GrantKind::Ahead);
        }
        if generation == current && current > 0 && in_two_overlaps {
            family.events.push(Event::Seen(current));
            return Some(GrantKind::Same);
        }
        if generation == current {
            family.events.push(open(current + 1));
            return Some(GrantKind::Rotated);
        }
        if generation + 1 < current {
            return None;
        }
        if in_overlap {
            return Some(GrantKind::Replay);
        }
        let budget = self.policy.lost_budget;
        let forgiven = family.last_forgiven();
        let parent_was_handed_out = forgiven.is_some_and(|(_, _, handed)| handed == generation);
        let too_soon = forgiven.is_some_and(|(_, before, _)| window <= before + budget);
        let arrived = family.was_seen(current) && !in_two_overlaps;
        if arrived || parent_was_handed_out || too_soon || now >= opened + self.policy.idle {
            return None;
        }
        family.events.push(Event::Forgiven {
            at: now,
            window,
            generation: current,
        });
        Some(GrantKind::Lost)
    }

    fn end(&mut self, subject: &str, sid: &str, reason: RevokeReason) {
        if let Some(family) = self.families.get_mut(&key(subject, sid))
            && family.ended().is_none()
        {
            family.events.push(Event::Ended(reason));
        }
    }

    /// Ends one family, known or not.
    pub fn revoke(&mut self, subject: &str, sid: &str, reason: RevokeReason, now: Timestamp) {
        self.forget(now);
        let absolute_end = now + self.policy.absolute;
        self.families
            .entry(key(subject, sid))
            .or_insert_with(|| History {
                created: now,
                absolute_end,
                key_version: 0,
                label: None,
                events: vec![Event::Opened {
                    generation: 0,
                    at: now,
                    idle_end: absolute_end,
                }],
            });
        self.end(subject, sid, reason);
    }

    /// Ends every family of `subject` that was opened until now.
    pub fn revoke_all(&mut self, subject: &str, now: Timestamp) {
        let newest = self
            .sessions(subject, now)
            .first()
            .map(|(_, history)| history.created);
        let last = self.cuts.get(subject).copied();
        let cut = now.max(newest.unwrap_or(now)).max(last.unwrap_or(now));
        self.cuts.insert(subject.to_owned(), cut);
    }

    /// The living sessions of `subject`, newest first: id, created, last used, label.
    pub fn list(
        &self,
        subject: &str,
        now: Timestamp,
    ) -> Vec<(String, Timestamp, Timestamp, Option<String>)> {
        self.sessions(subject, now)
            .into_iter()
            .map(|(sid, history)| {
                let used = history.window().min(now);
                (sid, history.created, used, history.label)
            })
            .collect()
    }

    fn sessions(&self, subject: &str, now: Timestamp) -> Vec<(String, History)> {
        let cut = self.cuts.get(subject);
        let mut living: Vec<(String, History)> = self
            .families
            .iter()
            .filter(|((user, _), history)| {
                user == subject
                    && history.ended().is_none()
                    && !history.is_gone(now)
                    && cut.is_none_or(|cut| history.created > *cut)
            })
            .map(|((_, sid), history)| (sid.clone(), history.clone()))
            .collect();
        living.sort_by_key(|(_, history)| std::cmp::Reverse(history.created));
        living
    }

    /// Blacklists a `jti` of Django's.
    pub fn list_jti(&mut self, subject: &str, jti: &str, expires: Timestamp) {
        let until = self.listed.entry(key(subject, jti)).or_insert(expires);
        *until = expires.max(*until);
    }

    /// Whether a `jti` of Django's is blacklisted.
    pub fn is_listed(&self, subject: &str, jti: &str, now: Timestamp) -> bool {
        self.listed
            .get(&key(subject, jti))
            .is_some_and(|until| now < *until)
    }

    /// Denies an access token.
    pub fn deny(&mut self, subject: &str, jti: &str, expires: Timestamp) {
        let until = self.denied.entry(key(subject, jti)).or_insert(expires);
        *until = expires.max(*until);
    }

    /// Whether an access token that has not expired is refused.
    pub fn is_revoked(
        &self,
        subject: &str,
        (sid, created): (&str, Timestamp),
        jti: &str,
        now: Timestamp,
    ) -> bool {
        let ended = self
            .families
            .get(&key(subject, sid))
            .and_then(History::ended)
            .is_some();
        let cut = self.cuts.get(subject).is_some_and(|cut| created <= *cut);
        let denied = self.denied.get(&key(subject, jti));
        ended || cut || denied.is_some_and(|until| now < *until)
    }

    /// Whether the family has come to an end of its own: idle for too long, or at its absolute end.
    pub fn is_gone(&self, subject: &str, sid: &str, now: Timestamp) -> bool {
        self.families
            .get(&key(subject, sid))
            .is_none_or(|family| family.is_gone(now))
    }

    /// Whether something ends between `from` and `to`: what a clock that goes back would undo.
    pub fn ends_between(&self, from: Timestamp, to: Timestamp) -> bool {
        let families = self.families.values().flat_map(History::ends);
        let families = families.chain(self.past_ends.iter().copied());
        let marks = self.listed.values().chain(self.denied.values()).copied();
        families.chain(marks).any(|end| from <= end && end <= to)
    }
}

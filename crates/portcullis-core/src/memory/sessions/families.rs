//! The steps of the family store on the state.

use std::{sync::Arc, task::Waker, time::Duration};

use super::{
    expiry::Due,
    state::{Kind, NotBefore, Record, State},
};
use crate::{
    clock::Timestamp,
    rotation::{
        Entry, Family, Known, NewFamily, Opened, Presented, Refusal, RevokeReason, RotationPolicy,
        Session, SessionId, Verdict, decide,
    },
    store::{Confirmation, StoreError},
};

/// The longest label, in bytes.
const MAX_LABEL: usize = 64;

/// How long past the lifetimes a cut is kept: the slack of `iat`, and leeway.
const CUT_MARGIN: Duration = Duration::from_secs(65);

impl State {
    pub(super) fn open(
        &mut self,
        new: &NewFamily<'_>,
        policy: &RotationPolicy,
        now: Timestamp,
        woken: &mut Vec<Waker>,
    ) -> Result<Opened, StoreError> {
        let sid = new.sid.as_str();
        let user = self.users.get(new.subject);
        if user.is_some_and(|user| user.families.contains_key(sid)) {
            return Err(StoreError::plain("a family of this id exists"));
        }
        let cut = user.and_then(|user| user.cut(now));
        self.room_for_family(now)?;
        self.end_oldest(new.subject, policy, now);
        self.drop_spent(new.subject, policy, now);
        let family = Family::open(now, cut, new.key_version, policy);
        let opened = Opened {
            created: family.created,
            absolute_end: family.absolute_end,
        };
        self.insert(
            (new.subject, new.sid.shared()),
            Record {
                due: family.expires,
                entry: Entry::Alive(family),
                label: new.label.map(cut_label),
                needed_until: Timestamp::default(),
                is_mark: false,
            },
        );
        self.wake_revoked(new.subject, now, woken);
        Ok(opened)
    }

    pub(super) fn rotate(
        &mut self,
        presented: &Presented<'_>,
        policy: &RotationPolicy,
        now: Timestamp,
        woken: &mut Vec<Waker>,
    ) -> Result<Verdict, StoreError> {
        let (subject, sid) = (presented.subject, presented.sid);
        let decision = decide(self.known(subject, sid, now), presented, policy, now);
        if let Some(until) = decision.listed_until {
            self.room_for_family(now)?;
            self.mark(Kind::Listed, (subject, sid), until, now)?;
        }
        match (decision.entry, self.record(subject, sid)) {
            (Some(entry), Some(record)) => {
                record.entry = entry;
                record.needed_until = record
                    .needed_until
                    .max(decision.deny_until.unwrap_or_default());
            }
            (Some(entry), None) => self.insert(
                (subject, Arc::from(sid)),
                Record {
                    due: entry.expires(),
                    entry,
                    label: None,
                    needed_until: Timestamp::default(),
                    is_mark: false,
                },
            ),
            (None, _) => {}
        }
        if matches!(decision.verdict, Verdict::Refused(Refusal::Reuse)) {
            self.wake_revoked(subject, now, woken);
        }
        Ok(decision.verdict)
    }

    pub(super) fn revoke(
        &mut self,
        (subject, sid): (&str, &str),
        reason: RevokeReason,
        policy: &RotationPolicy,
        now: Timestamp,
        woken: &mut Vec<Waker>,
    ) -> Result<Confirmation, StoreError> {
        // Unknown here, but it may be a token of Django's that was never adopted, or of a family
        // that an earlier process opened.
        let until = now + policy.absolute;
        let tombstone = Entry::Ended { reason, until };
        match self.record(subject, sid) {
            Some(record) if record.known(now).is_some() => record.end(reason, now + policy.access),
            Some(expired) => {
                expired.entry = tombstone;
                expired.needed_until = until;
            }
            None => {
                self.room_for_mark(now)?;
                let record = Record {
                    entry: tombstone,
                    label: None,
                    needed_until: until,
                    due: until,
                    is_mark: true,
                };
                self.insert((subject, Arc::from(sid)), record);
            }
        }
        self.wake_revoked(subject, now, woken);
        Ok(Confirmation::Confirmed)
    }

    /// Whether there is a family of this id, living or ended.
    pub(super) fn knows(&self, (subject, sid): (&str, &str), now: Timestamp) -> bool {
        let families = self.users.get(subject).map(|user| &user.families);
        let record = families.and_then(|families| families.get(sid));
        record.is_some_and(|record| record.known(now).is_some())
    }

    pub(super) fn revoke_all(
        &mut self,
        subject: &str,
        policy: &RotationPolicy,
        now: Timestamp,
        woken: &mut Vec<Waker>,
    ) -> Result<Confirmation, StoreError> {
        let user = self.users.get(subject);
        if user.is_none_or(|user| user.not_before.is_none()) {
            self.room_for_mark(now)?;
            self.marks += 1;
            let (name, _) = self.user(subject);
            self.due.insert(Due {
                at: now,
                subject: name.clone(),
                kind: Kind::NotBefore,
                id: name,
            });
        }
        let (_, user) = self.user(subject);
        // A family may be younger than the clock says: opened in the millisecond of an earlier
        // cut, or before the clock went back.
        let newest = user.living(now).map(|(_, _, family)| family.created).max();
        let last = user.not_before.map(|mark| mark.cut);
        let cut = Timestamp::from_millis(now.as_millis())
            .max(newest.unwrap_or_default())
            .max(last.unwrap_or_default());
        let until = cut + policy.absolute.max(policy.access) + CUT_MARGIN;
        user.not_before = Some(NotBefore { cut, until });
        self.wake_revoked(subject, now, woken);
        Ok(Confirmation::Confirmed)
    }

    pub(super) fn list(&self, subject: &str, now: Timestamp) -> Vec<Session> {
        let Some(user) = self.users.get(subject) else {
            return Vec::new();
        };
        let mut sessions: Vec<Session> = user
            .living(now)
            .filter_map(|(sid, record, family)| {
                Some(Session {
                    sid: SessionId::parse(sid)?,
                    created: family.created,
                    last_used: family.window_opened().min(now),
                    label: record.label.as_deref().map(str::to_owned),
                })
            })
            .collect();
        sessions.sort_by(|a, b| b.created.cmp(&a.created).then_with(|| a.sid.cmp(&b.sid)));
        sessions
    }

    fn known(&self, subject: &str, sid: &str, now: Timestamp) -> Known {
        let Some(user) = self.users.get(subject) else {
            return Known::default();
        };
        Known {
            entry: user
                .families
                .get(sid)
                .and_then(|record| record.known(now))
                .cloned(),
            not_before: user.cut(now),
            listed: self.is_listed(subject, sid, now),
        }
    }

    fn record(&mut self, subject: &str, sid: &str) -> Option<&mut Record> {
        self.users.get_mut(subject)?.families.get_mut(sid)
    }

    fn insert(&mut self, (subject, sid): (&str, Arc<str>), record: Record) {
        if record.is_mark {
            self.marks += 1;
        } else {
            self.families += 1;
        }
        let at = record.due;
        let (subject, user) = self.user(subject);
        let replaced = user.families.insert(sid.clone(), record);
        debug_assert!(
            replaced.is_none(),
            "an entry is changed in place, never replaced"
        );
        self.due.insert(Due {
            at,
            subject,
            kind: Kind::Family,
            id: sid,
        });
    }

    /// Ends the user's oldest families until one more is allowed.
    fn end_oldest(&mut self, subject: &str, policy: &RotationPolicy, now: Timestamp) {
        let Some(user) = self.users.get_mut(subject) else {
            return;
        };
        let allowed = usize::try_from(policy.max_families).unwrap_or(usize::MAX);
        let mut living: Vec<(Timestamp, Arc<str>)> = user
            .living(now)
            .map(|(sid, _, family)| (family.created, sid.clone()))
            .collect();
        living.sort();
        let surplus = (living.len() + 1).saturating_sub(allowed);
        for (_, sid) in living.into_iter().take(surplus) {
            if let Some(record) = user.families.get_mut(&sid) {
                record.end(RevokeReason::Evicted, now + policy.access);
            }
        }
    }

    /// Drops the user's tombstones that keep nothing out any more, once they are many: what they
    /// refuse is then refused as unknown.
    fn drop_spent(&mut self, subject: &str, policy: &RotationPolicy, now: Timestamp) {
        let Some((name, user)) = self.users.get_key_value(subject) else {
            return;
        };
        let bound = usize::try_from(policy.max_families).map_or(usize::MAX, |max| max * 4);
        if user.families.len() <= bound {
            return;
        }
        let ended = |record: &Record| matches!(record.entry, Entry::Ended { .. });
        let spent: Vec<Due> = user
            .families
            .iter()
            .filter(|(_, record)| ended(record) && record.needed_until <= now)
            .map(|(sid, record)| Due {
                at: record.due,
                subject: name.clone(),
                kind: Kind::Family,
                id: sid.clone(),
            })
            .collect();
        for due in spent {
            self.due.remove(&due);
            self.forget(&due);
        }
    }
}

impl Record {
    /// Ends the family and denies its access tokens; the first reason stays.
    fn end(&mut self, reason: RevokeReason, deny_until: Timestamp) {
        if let Entry::Alive(family) = &self.entry {
            self.entry = family.ended(reason);
        }
        self.needed_until = self.needed_until.max(deny_until);
    }
}

/// The start of `label` that fits, cut between characters.
fn cut_label(label: &str) -> Box<str> {
    let mut end = label.len().min(MAX_LABEL);
    while !label.is_char_boundary(end) {
        end -= 1;
    }
    label[..end].into()
}

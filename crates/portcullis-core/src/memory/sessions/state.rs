//! What the store holds: users, and by user everything else.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use super::{expiry::Due, watch::Watches};
use crate::{
    clock::Timestamp,
    rotation::{Entry, Family},
    store::{StoreError, TokenFacts},
};

/// How long after a cut of all sessions a token without a session is still taken for an older one:
/// its `iat` is in whole seconds, on the clock of another host.
const ISSUED_AT_SLACK: Duration = Duration::from_secs(5);

/// Which of a user's maps an id is in.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Kind {
    /// The `jti` of an access token.
    Denied,
    /// A family or its tombstone.
    Family,
    /// The `jti` of a refresh token that Django issued.
    Listed,
    /// The end of all of the user's sessions; its id is the user's.
    NotBefore,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) users: HashMap<Arc<str>, User>,
    pub(super) due: BTreeSet<Due>,
    pub(super) watches: Watches,
    /// How many families there are, living or ended, but for those counted as marks.
    pub(super) families: usize,
    pub(super) max_families: usize,
    pub(super) marks: usize,
    pub(super) max_marks: usize,
    /// When the store was made.
    started: Timestamp,
}

#[derive(Debug, Default)]
pub(super) struct User {
    pub(super) families: HashMap<Arc<str>, Record>,
    pub(super) denied: HashMap<Arc<str>, Timestamp>,
    pub(super) listed: HashMap<Arc<str>, Timestamp>,
    pub(super) not_before: Option<NotBefore>,
}

/// Every family created up to `cut` is ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct NotBefore {
    pub(super) cut: Timestamp,
    pub(super) until: Timestamp,
}

#[derive(Debug)]
pub(super) struct Record {
    pub(super) entry: Entry,
    pub(super) label: Option<Box<str>>,
    /// Until when a tombstone is all that keeps out the family's access tokens, or its adoption.
    pub(super) needed_until: Timestamp,
    /// When the entry stands in [`State::due`].
    pub(super) due: Timestamp,
    /// A tombstone written for a family that was not known, counted among the marks.
    pub(super) is_mark: bool,
}

impl Record {
    pub(super) fn forget_at(&self) -> Timestamp {
        self.entry.expires().max(self.needed_until)
    }

    /// The entry, unless it has expired.
    pub(super) fn known(&self, now: Timestamp) -> Option<&Entry> {
        (now < self.entry.expires()).then_some(&self.entry)
    }
}

impl User {
    pub(super) fn cut(&self, now: Timestamp) -> Option<Timestamp> {
        self.not_before
            .filter(|mark| now < mark.until)
            .map(|mark| mark.cut)
    }

    /// The living families.
    pub(super) fn living(
        &self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&Arc<str>, &Record, &Family)> {
        let cut = self.cut(now);
        self.families.iter().filter_map(move |(sid, record)| {
            let Some(Entry::Alive(family)) = record.known(now) else {
                return None;
            };
            let counts = cut.is_none_or(|cut| family.created > cut);
            counts.then_some((sid, record, family))
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.families.is_empty()
            && self.denied.is_empty()
            && self.listed.is_empty()
            && self.not_before.is_none()
    }

    fn is_revoked(&self, token: &TokenFacts<'_>, now: Timestamp) -> bool {
        let denied = |until: &Timestamp| now < *until;
        if self.denied.get(token.jti).is_some_and(denied) {
            return true;
        }
        let ended = token.session.is_some_and(|sid| {
            self.families.get(sid).is_some_and(|record| {
                matches!(record.entry, Entry::Ended { .. }) && now < record.forget_at()
            })
        });
        let cut = self.cut(now);
        ended
            || cut.is_some_and(|cut| match token.session_started {
                Some(started) if token.session.is_some() => started <= cut,
                _ => token.issued_at <= cut + ISSUED_AT_SLACK,
            })
    }

    fn is_living(&self, sid: &str, now: Timestamp) -> bool {
        let record = self.families.get(sid);
        matches!(
            record.and_then(|record| record.known(now)),
            Some(Entry::Alive(_))
        )
    }
}

impl State {
    pub(super) fn new(started: Timestamp) -> Self {
        Self {
            users: HashMap::new(),
            due: BTreeSet::new(),
            watches: Watches::default(),
            families: 0,
            max_families: 200_000,
            marks: 0,
            max_marks: 200_000,
            started: Timestamp::from_millis(started.as_millis()),
        }
    }

    pub(super) fn is_revoked(&self, token: &TokenFacts<'_>, now: Timestamp) -> bool {
        let user = self.users.get(token.subject);
        if user.is_some_and(|user| user.is_revoked(token, now)) {
            return true;
        }
        // A session from before this process may have been logged out of another: only one that
        // this store knows to live (an adopted one) counts.
        token.session.is_some_and(|sid| {
            token.session_started.is_none_or(|at| at < self.started)
                && !user.is_some_and(|user| user.is_living(sid, now))
        })
    }

    pub(super) fn is_listed(&self, subject: &str, jti: &str, now: Timestamp) -> bool {
        let listed = self
            .users
            .get(subject)
            .and_then(|user| user.listed.get(jti));
        listed.is_some_and(|until| now < *until)
    }

    /// The user called `subject`, made if need be.
    pub(super) fn user(&mut self, subject: &str) -> (Arc<str>, &mut User) {
        let name = match self.users.get_key_value(subject) {
            Some((name, _)) => name.clone(),
            None => Arc::from(subject),
        };
        let user = self.users.entry(name.clone()).or_default();
        (name, user)
    }

    /// Denies or lists `id` until `expires`; idempotent, never shortens.
    pub(super) fn mark(
        &mut self,
        kind: Kind,
        (subject, id): (&str, &str),
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        debug_assert!(matches!(kind, Kind::Denied | Kind::Listed));
        if expires <= now {
            return Ok(());
        }
        let known = self.users.get_mut(subject).and_then(|user| match kind {
            Kind::Denied => user.denied.get_mut(id),
            _ => user.listed.get_mut(id),
        });
        if let Some(until) = known {
            *until = expires.max(*until);
            return Ok(());
        }
        self.room_for_mark(now)?;
        self.marks += 1;
        let (subject, user) = self.user(subject);
        let id = Arc::<str>::from(id);
        let marks = match kind {
            Kind::Denied => &mut user.denied,
            _ => &mut user.listed,
        };
        marks.insert(id.clone(), expires);
        self.due.insert(Due {
            at: expires,
            subject,
            kind,
            id,
        });
        Ok(())
    }
}

//! The revocations that count at present, in bounded memory.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use portcullis_core::{clock::Timestamp, store::TokenFacts};

use super::{Entry, Fact};
use crate::tag::{Tag, Tagger};

/// How long after a cut of all sessions a token without a session is still taken for an older one:
/// its `iat` is in whole seconds, on the clock of another host.
const ISSUED_AT_SLACK: Duration = Duration::from_secs(5);

/// What is revoked, and until when that has to be known.
#[derive(Debug)]
pub(super) struct Marks {
    /// By session, whose it is and until when it counts: one user but for forged ids.
    sessions: HashMap<Arc<str>, Vec<(Tag, Timestamp)>>,
    tokens: HashMap<Tag, Timestamp>,
    cuts: HashMap<Tag, Cut>,
    /// Exactly one for every mark.
    due: BTreeSet<(Timestamp, Mark)>,
    max: usize,
}

/// Every session of the user that began up to `at` is revoked.
#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Timestamp,
    until: Timestamp,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Mark {
    Cut(Tag),
    Session(Arc<str>, Tag),
    Token(Tag),
}

/// Whether a cut at `at` ends the token.
pub(super) fn is_cut(
    at: Timestamp,
    session_started: Option<Timestamp>,
    issued_at: Timestamp,
) -> bool {
    match session_started {
        Some(started) => started <= at,
        None => issued_at <= at + ISSUED_AT_SLACK,
    }
}

/// When the session of `token` began; a beginning without a session says nothing.
pub(super) fn session_started(token: &TokenFacts<'_>) -> Option<Timestamp> {
    token.session_started.filter(|_| token.session.is_some())
}

impl Marks {
    pub(super) fn new(max: usize) -> Self {
        Self {
            sessions: HashMap::new(),
            tokens: HashMap::new(),
            cuts: HashMap::new(),
            due: BTreeSet::new(),
            max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.due.len()
    }

    /// Whether enough has expired to read everything again.
    pub(super) fn has_room(&self) -> bool {
        self.len() <= self.max - self.max / 8
    }

    pub(super) fn is_revoked(
        &self,
        token: &TokenFacts<'_>,
        tagger: &Tagger,
        now: Timestamp,
    ) -> bool {
        self.is_ended(token, tagger, now)
            || self.is_denied(token, tagger, now)
            || self.is_before(token, tagger, now)
    }

    fn is_ended(&self, token: &TokenFacts<'_>, tagger: &Tagger, now: Timestamp) -> bool {
        let ended = token.session.and_then(|sid| self.sessions.get(sid));
        ended.is_some_and(|ended| {
            let mut users = tagger.users(token.subject);
            users.any(|user| ended.iter().any(|(of, until)| *of == user && now < *until))
        })
    }

    // An empty map costs no keyed hash.
    fn is_denied(&self, token: &TokenFacts<'_>, tagger: &Tagger, now: Timestamp) -> bool {
        !self.tokens.is_empty()
            && tagger
                .tokens(token.subject, token.jti)
                .any(|tag| self.tokens.get(&tag).is_some_and(|until| now < *until))
    }

    fn is_before(&self, token: &TokenFacts<'_>, tagger: &Tagger, now: Timestamp) -> bool {
        let started = session_started(token);
        !self.cuts.is_empty()
            && tagger
                .users(token.subject)
                .filter_map(|user| self.cuts.get(&user))
                .any(|cut| now < cut.until && is_cut(cut.at, started, token.issued_at))
    }

    /// Keeps `entry` until it expires; false when there is no room for it.
    pub(super) fn keep(&mut self, entry: &Entry, now: Timestamp) -> bool {
        let until = entry.until();
        if until <= now || self.prolong(&entry.fact, until) {
            return true;
        }
        self.sweep(now);
        if self.len() >= self.max {
            return false;
        }
        let mark = match &entry.fact {
            Fact::NotBefore { user, millis } => {
                let at = Timestamp::from_millis(*millis);
                self.cuts.insert(*user, Cut { at, until });
                Mark::Cut(*user)
            }
            Fact::Session { user, sid } => {
                let sid = Arc::<str>::from(sid.as_str());
                let users = self.sessions.entry(sid.clone()).or_default();
                users.push((*user, until));
                Mark::Session(sid, *user)
            }
            Fact::Token { token } => {
                self.tokens.insert(*token, until);
                Mark::Token(*token)
            }
        };
        self.due.insert((until, mark));
        true
    }

    /// Adds to a mark that is kept already; never shortens it.
    fn prolong(&mut self, fact: &Fact, until: Timestamp) -> bool {
        let known = match fact {
            Fact::NotBefore { user, millis } => self.cuts.get_mut(user).map(|cut| {
                cut.at = cut.at.max(Timestamp::from_millis(*millis));
                &mut cut.until
            }),
            Fact::Session { user, sid } => self.sessions.get_mut(sid.as_str()).and_then(|users| {
                let mine = users.iter_mut().find(|(of, _)| of == user);
                mine.map(|(_, until)| until)
            }),
            Fact::Token { token } => self.tokens.get_mut(token),
        };
        known.is_some_and(|known| {
            *known = until.max(*known);
            true
        })
    }

    /// Forgets what has expired.
    pub(super) fn sweep(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.due.first()
            && *at <= now
            && let Some((_, mark)) = self.due.pop_first()
        {
            match self.until(&mark) {
                Some(later) if later > now => {
                    self.due.insert((later, mark));
                }
                _ => self.forget(&mark),
            }
        }
    }

    fn until(&self, mark: &Mark) -> Option<Timestamp> {
        match mark {
            Mark::Cut(user) => self.cuts.get(user).map(|cut| cut.until),
            Mark::Session(sid, user) => {
                let users = self.sessions.get(sid)?;
                let mine = users.iter().find(|(of, _)| of == user);
                mine.map(|(_, until)| *until)
            }
            Mark::Token(token) => self.tokens.get(token).copied(),
        }
    }

    fn forget(&mut self, mark: &Mark) {
        match mark {
            Mark::Cut(user) => drop(self.cuts.remove(user)),
            Mark::Session(sid, user) => {
                if let Some(users) = self.sessions.get_mut(sid) {
                    users.retain(|(of, _)| of != user);
                    if users.is_empty() {
                        self.sessions.remove(sid);
                    }
                }
            }
            Mark::Token(token) => drop(self.tokens.remove(token)),
        }
    }
}

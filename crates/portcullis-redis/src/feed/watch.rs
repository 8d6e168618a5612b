//! Futures that end when a token is revoked.

use std::{
    collections::{BTreeSet, HashMap},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use portcullis_core::{clock::Timestamp, store::TokenFacts};

use super::{
    Entry, Fact,
    marks::{is_cut, session_started},
    shared::Shared,
};
use crate::tag::{Tag, Tagger};

/// Everyone who waits for a revocation.
#[derive(Debug)]
pub(super) struct Watches {
    all: HashMap<u64, Watched>,
    /// Whom an entry of that tag may concern.
    by_tag: HashMap<Tag, BTreeSet<u64>>,
    next: u64,
    max: usize,
}

/// A token whose end is waited for.
#[derive(Debug)]
struct Watched {
    /// Those that its user, and those that the token itself may be known by.
    tags: Vec<Tag>,
    session: Option<Arc<str>>,
    session_started: Option<Timestamp>,
    issued_at: Timestamp,
    waker: Option<Waker>,
}

impl Watched {
    fn new(token: &TokenFacts<'_>, tagger: &Tagger) -> Self {
        let users = tagger.users(token.subject);
        Self {
            tags: users
                .chain(tagger.tokens(token.subject, token.jti))
                .collect(),
            session: token.session.map(Arc::from),
            session_started: session_started(token),
            issued_at: token.issued_at,
            waker: None,
        }
    }

    /// Whether a revocation under one of its tags ends it.
    fn is_ended_by(&self, fact: &Fact) -> bool {
        match fact {
            Fact::NotBefore { millis, .. } => {
                let at = Timestamp::from_millis(*millis);
                is_cut(at, self.session_started, self.issued_at)
            }
            Fact::Session { sid, .. } => self.session.as_deref() == Some(sid),
            Fact::Token { .. } => true,
        }
    }
}

impl Watches {
    pub(super) fn new(max: usize) -> Self {
        Self {
            all: HashMap::new(),
            by_tag: HashMap::new(),
            next: 0,
            max,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    /// Adds a watch, unless there are too many.
    fn add(&mut self, token: &TokenFacts<'_>, tagger: &Tagger) -> Option<u64> {
        if self.len() >= self.max {
            return None;
        }
        let id = self.next;
        self.next += 1;
        let watched = Watched::new(token, tagger);
        for tag in &watched.tags {
            self.by_tag.entry(*tag).or_default().insert(id);
        }
        self.all.insert(id, watched);
        Some(id)
    }

    fn remove(&mut self, id: u64) -> Option<Watched> {
        let watched = self.all.remove(&id)?;
        for tag in &watched.tags {
            if let Some(ids) = self.by_tag.get_mut(tag) {
                ids.remove(&id);
                if ids.is_empty() {
                    self.by_tag.remove(tag);
                }
            }
        }
        Some(watched)
    }

    /// Ends the watches that `entry` concerns; their tasks go into `woken`.
    pub(super) fn end(&mut self, entry: &Entry, woken: &mut Vec<Waker>) {
        let (Fact::NotBefore { user: tag, .. }
        | Fact::Session { user: tag, .. }
        | Fact::Token { token: tag }) = &entry.fact;
        let Some(ids) = self.by_tag.get(tag) else {
            return;
        };
        let concerned = |id: &&u64| {
            let watched = self.all.get(id);
            watched.is_some_and(|watched| watched.is_ended_by(&entry.fact))
        };
        let ended: Vec<u64> = ids.iter().filter(concerned).copied().collect();
        for id in ended {
            woken.extend(self.remove(id).and_then(|watched| watched.waker));
        }
    }
}

/// Ends when its token is revoked: once it has left the list.
pub(super) struct Watch {
    shared: Arc<Shared>,
    /// `None` ended before it began.
    id: Option<u64>,
}

impl Watch {
    /// A watch on `token`, which ends at once when the token is revoked already or no further
    /// watch fits.
    pub(super) fn new(shared: &Arc<Shared>, token: &TokenFacts<'_>) -> Self {
        let mut state = shared.write();
        let revoked = state.marks.is_revoked(token, &shared.tagger, shared.now());
        let id = if revoked {
            None
        } else {
            state.watches.add(token, &shared.tagger)
        };
        drop(state);
        Self {
            shared: shared.clone(),
            id,
        }
    }
}

impl Future for Watch {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(id) = self.id else {
            return Poll::Ready(());
        };
        let mut state = self.shared.write();
        let Some(watched) = state.watches.all.get_mut(&id) else {
            return Poll::Ready(());
        };
        let replaced = watched.waker.replace(cx.waker().clone());
        // Dropped without the lock: the last waker of a task may drop a watch with it.
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let removed = self.shared.write().watches.remove(id);
            drop(removed); // without the lock, as in `poll`
        }
    }
}

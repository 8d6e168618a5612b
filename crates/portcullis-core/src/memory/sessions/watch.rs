//! Futures that end when a token is revoked.

use std::{
    collections::{BTreeMap, HashMap},
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use super::{Shared, lock, state::State};
use crate::{clock::Timestamp, store::TokenFacts};

/// Everyone who waits for a revocation, by user.
#[derive(Debug)]
pub(super) struct Watches {
    by_user: HashMap<Arc<str>, BTreeMap<u64, Watched>>,
    next: u64,
    waiting: usize,
    pub(super) max: usize,
}

impl Default for Watches {
    fn default() -> Self {
        Self {
            by_user: HashMap::new(),
            next: 0,
            waiting: 0,
            max: 100_000,
        }
    }
}

/// A token whose end is waited for.
#[derive(Debug)]
struct Watched {
    session: Option<Arc<str>>,
    jti: Arc<str>,
    issued_at: Timestamp,
    session_started: Option<Timestamp>,
    waker: Option<Waker>,
}

impl Watched {
    fn facts<'a>(&'a self, subject: &'a str) -> TokenFacts<'a> {
        TokenFacts {
            subject,
            session: self.session.as_deref(),
            jti: &self.jti,
            issued_at: self.issued_at,
            session_started: self.session_started,
        }
    }
}

impl Watches {
    pub(super) const fn len(&self) -> usize {
        self.waiting
    }

    fn add(&mut self, subject: Arc<str>, token: &TokenFacts<'_>) -> u64 {
        let id = self.next;
        self.next += 1;
        self.waiting += 1;
        self.by_user.entry(subject).or_default().insert(
            id,
            Watched {
                session: token.session.map(Arc::from),
                jti: token.jti.into(),
                issued_at: token.issued_at,
                session_started: token.session_started,
                waker: None,
            },
        );
        id
    }

    /// Takes out one watch, and its user's list with the last.
    fn remove(&mut self, subject: &str, id: u64) -> Option<Watched> {
        let watches = self.by_user.get_mut(subject)?;
        let watch = watches.remove(&id)?;
        self.waiting -= 1;
        if watches.is_empty() {
            self.by_user.remove(subject);
        }
        Some(watch)
    }
}

impl State {
    /// Ends the watches of `subject` whose tokens are revoked now; their tasks go into `woken`.
    pub(super) fn wake_revoked(&mut self, subject: &str, now: Timestamp, woken: &mut Vec<Waker>) {
        let Some(watches) = self.watches.by_user.get(subject) else {
            return;
        };
        let ended: Vec<u64> = watches
            .iter()
            .filter(|(_, watch)| self.is_revoked(&watch.facts(subject), now))
            .map(|(id, _)| *id)
            .collect();
        for id in ended {
            let watch = self.watches.remove(subject, id);
            woken.extend(watch.and_then(|watch| watch.waker));
        }
    }
}

/// Ends when its token is revoked: once it has left the list.
pub(super) struct Watch {
    state: Shared,
    subject: Arc<str>,
    /// `None` ended before it began.
    id: Option<u64>,
}

impl Watch {
    /// A watch on `token`, which ends at once when the token is revoked already or no further
    /// watch fits.
    pub(super) fn new(state: &Shared, token: &TokenFacts<'_>, now: Timestamp) -> Self {
        let subject = Arc::<str>::from(token.subject);
        let mut locked = lock(state);
        let open = locked.watches.waiting < locked.watches.max && !locked.is_revoked(token, now);
        let id = open.then(|| locked.watches.add(subject.clone(), token));
        drop(locked);
        Self {
            state: state.clone(),
            subject,
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
        let mut state = lock(&self.state);
        let watches = state.watches.by_user.get_mut(&self.subject);
        let Some(watch) = watches.and_then(|watches| watches.get_mut(&id)) else {
            return Poll::Ready(());
        };
        let replaced = watch.waker.replace(cx.waker().clone());
        // Dropped without the lock: the last waker of a task may drop a watch with it.
        drop(state);
        drop(replaced);
        Poll::Pending
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            let removed = lock(&self.state).watches.remove(&self.subject, id);
            drop(removed); // without the lock, as in `poll`
        }
    }
}

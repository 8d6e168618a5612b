//! Decides when to fetch, and what an answer does to the keys.

use std::{fmt, pin::pin, sync::Arc, time::Duration};

use portcullis_core::{
    audit::{AuditEvent, AuditKind, AuditSink},
    clock::Clock,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use super::{MAX_STALE, MIN_GAP, error::FetchError, fetch::Fetch};
use crate::{
    algorithm::Algorithm,
    ring::{KeyRing, KeySet},
};

/// The one task that fetches: two fetches never run at a time.
pub(super) struct Task<F> {
    pub(super) fetcher: F,
    pub(super) ring: KeyRing,
    pub(super) rsa: Algorithm,
    pub(super) interval: Duration,
    pub(super) audit: Option<Audit>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) good: Option<Good>,
}

/// The document whose keys are in use.
pub(super) struct Good {
    document: Vec<u8>,
    expires: Instant,
}

/// What the handle may know.
#[derive(Clone, Debug, Default)]
pub(super) struct Progress {
    pub(super) attempts: u64,
    pub(super) has_keys: bool,
    pub(super) failure: Option<FetchError>,
}

#[derive(Clone)]
pub(super) struct Audit {
    pub(super) sink: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
}

impl<F: Fetch> Task<F> {
    pub(super) async fn run(mut self) {
        loop {
            let started = Instant::now();
            let fetched = self.fetcher.fetch().await;
            let taken = fetched.and_then(|document| self.take(document));
            let wait = if taken.is_ok() {
                self.interval
            } else {
                MIN_GAP
            };
            self.report(taken.err());
            self.wait(started + MIN_GAP, started + wait).await;
        }
    }
}

impl<F> Task<F> {
    /// Uses the keys of `document`, unless they are in use already.
    fn take(&mut self, document: Vec<u8>) -> Result<(), FetchError> {
        // Names that were unknown until now may be among these keys.
        self.ring.forget_unknown_kid();
        let expires = Instant::now() + MAX_STALE;
        match &mut self.good {
            // A swap of the same keys would forget every cached verification.
            Some(good) if good.document == document => good.expires = expires,
            _ => {
                let keys = KeySet::from_jwks(&document, self.rsa).map_err(FetchError::Document)?;
                let count = keys.verifying().len();
                self.ring.replace(keys);
                self.good = Some(Good { document, expires });
                self.event(AuditKind::KeysChanged, format_args!("{count} keys fetched"));
            }
        }
        Ok(())
    }

    /// Waits until `next`; or, once a token names an unknown key, until `earliest`.
    async fn wait(&mut self, earliest: Instant, next: Instant) {
        let ring = self.ring.clone();
        let mut asked = pin!(async {
            ring.unknown_kid().await;
            sleep_until(earliest).await;
        });
        loop {
            let expires = self.good.as_ref().map(|good| good.expires);
            tokio::select! {
                biased;
                () = sleep_until(expires.unwrap_or(next)), if expires.is_some() => self.expire(),
                () = sleep_until(next) => return,
                () = &mut asked => return,
            }
        }
    }

    fn expire(&mut self) {
        self.good = None;
        self.ring.replace(KeySet::empty());
        self.progress
            .send_modify(|progress| progress.has_keys = false);
        self.event(AuditKind::KeysUnavailable, "dropped: no good set for 24 h");
    }

    fn report(&self, failure: Option<FetchError>) {
        if let Some(failure) = &failure {
            self.event(AuditKind::KeysUnavailable, failure);
        }
        self.progress.send_modify(|progress| {
            progress.attempts += 1;
            progress.has_keys = self.good.is_some();
            progress.failure = failure;
        });
    }

    fn event(&self, kind: AuditKind, reason: impl fmt::Display) {
        if let Some(Audit { sink, clock }) = &self.audit {
            sink.record(AuditEvent::new(kind, clock.now()).with_reason(reason.to_string()));
        }
    }
}

impl<F> Drop for Task<F> {
    /// Keys that nobody fetches any more are nobody's word.
    fn drop(&mut self) {
        self.ring.replace(KeySet::empty());
    }
}

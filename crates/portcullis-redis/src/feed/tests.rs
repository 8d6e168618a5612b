use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use portcullis_core::{
    Answer, Secret,
    answer::BoxFuture,
    clock::{Clock, SystemClock, Timestamp},
    keys::RotationKeys,
    store::{Confirmation, Revocations, StoreError, TokenFacts},
};
use portcullis_testkit::RedisServer;
use tokio::time::{Instant, timeout};

use super::{Entry, Fact, FeedConfig, OnStale, RevocationFeed, append, stream};
use crate::{
    Redis, RedisConfig,
    fixtures::{PATIENCE, ask, command, connect, eventually},
    tag::Tagger,
};

mod follows;
mod marks;
mod stale;

/// How soon a revocation has to be known everywhere.
const SOON: Duration = Duration::from_secs(1);

/// A store elsewhere that says `revoked` to everything, and counts how often it is asked.
#[derive(Debug, Default)]
struct Remote {
    revoked: bool,
    asked: AtomicUsize,
}

impl Revocations for Remote {
    fn is_revoked(&self, _: &TokenFacts<'_>) -> Answer<Result<bool, StoreError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Answer::now(Ok(self.revoked))
    }

    fn deny(
        &self,
        subject: &str,
        _: &str,
        _: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>> {
        Answer::now(match subject {
            "nobody" => Err(StoreError::plain("it is full")),
            _ => Ok(Confirmation::Unconfirmed),
        })
    }

    fn watch(&self, _: &TokenFacts<'_>) -> Option<BoxFuture<()>> {
        None
    }
}

fn keys(version: u8) -> RotationKeys {
    RotationKeys::new(version.into(), &Secret::new([version; 32])).unwrap()
}

fn tagger() -> Tagger {
    Tagger::new(&keys(1))
}

/// A feed of a node of its own.
async fn node(server: &RedisServer) -> RevocationFeed {
    follow(&connect(server).await, FeedConfig::new()).await
}

async fn follow(redis: &Redis, config: FeedConfig) -> RevocationFeed {
    let remote = Arc::new(Remote::default());
    config.start(redis, &keys(1), remote).await.unwrap()
}

fn in_an_hour() -> u64 {
    SystemClock.now().as_secs() + 3600
}

/// The end of a session of ann's.
fn ended(sid: &str) -> Entry {
    Entry {
        fact: Fact::Session {
            user: tagger().user("ann"),
            sid: sid.to_owned(),
        },
        expires: in_an_hour(),
    }
}

/// The end of all of ann's sessions that began up to `millis`.
fn cut(millis: u64) -> Entry {
    Entry {
        fact: Fact::NotBefore {
            user: tagger().user("ann"),
            millis,
        },
        expires: in_an_hour(),
    }
}

fn denied(jti: &str) -> Entry {
    Entry {
        fact: Fact::Token {
            token: tagger().token("ann", jti),
        },
        expires: in_an_hour(),
    }
}

/// An access token of ann's session `sid`, which began long after any cut of these tests.
fn of_session(sid: &str) -> TokenFacts<'_> {
    TokenFacts {
        session: Some(sid),
        session_started: Some(Timestamp::from_millis(10_000)),
        ..of_django("jti", 10)
    }
}

/// An access token of ann's that Django issued at `issued_at` seconds.
fn of_django(jti: &str, issued_at: u64) -> TokenFacts<'_> {
    TokenFacts {
        subject: "ann",
        session: None,
        jti,
        issued_at: Timestamp::from_secs(issued_at),
        session_started: None,
    }
}

async fn is_revoked(feed: &RevocationFeed, token: TokenFacts<'_>) -> bool {
    feed.is_revoked(&token).await.unwrap()
}

async fn comes_to_know(feed: &RevocationFeed, token: TokenFacts<'_>) {
    let told = eventually("a node hears of a revocation", async || {
        is_revoked(feed, token).await
    });
    told.await;
}

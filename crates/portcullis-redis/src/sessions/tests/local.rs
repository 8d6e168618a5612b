//! The stores with the feed in front, by the clock of the tests.

use std::sync::Arc;

use portcullis_core::{
    Answer,
    clock::Timestamp,
    store::{Blacklist, FamilyStore, Revocations},
};
use portcullis_testkit::Harness;

use super::harness::{RedisHarness, keys};
use crate::{FeedConfig, RevocationFeed, fixtures::run};

/// As [`RedisHarness`], but revocations are asked of the feed.
struct LocalHarness {
    behind: RedisHarness,
    feed: RevocationFeed,
}

impl Harness for LocalHarness {
    fn families(&self) -> &dyn FamilyStore {
        self.behind.families()
    }

    fn revocations(&self) -> &dyn Revocations {
        &self.feed
    }

    fn blacklist(&self) -> &dyn Blacklist {
        self.behind.blacklist()
    }

    fn now(&self) -> Timestamp {
        self.behind.now()
    }

    fn set(&self, now: Timestamp) -> Answer<()> {
        self.behind.set(now)
    }
}

async fn local() -> LocalHarness {
    let behind = RedisHarness::start().await;
    let config = FeedConfig::new().with_clock(Arc::new(behind.clock.clone()));
    let remote = Arc::new(behind.store.clone());
    let feed = config.start(&behind.redis, &keys(&[1]), remote).await;
    LocalHarness {
        feed: feed.unwrap(),
        behind,
    }
}

portcullis_testkit::revocations_conformance!(local, run);

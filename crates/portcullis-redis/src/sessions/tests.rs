//! The stores on a real server.

use crate::fixtures::run;

mod harness;
mod keyspace;
mod local;
mod outages;
mod owed;
mod places;
mod races;
mod schedules;
mod versions;

use harness::RedisHarness;

async fn redis() -> RedisHarness {
    RedisHarness::start().await
}

portcullis_testkit::family_store_conformance!(redis, run);
portcullis_testkit::revocations_conformance!(redis, run);
portcullis_testkit::blacklist_conformance!(redis, run);

//! The memory store against the model and the conformance suites.

use std::collections::BTreeMap;

use portcullis_core::rotation::RotationPolicy;
use portcullis_testkit::{MemoryHarness, block_on, model::run_schedule};

/// More schedules: `PORTCULLIS_SCHEDULES=20000`.
#[test]
fn the_memory_store_equals_the_model_on_random_schedules() {
    let schedules = std::env::var("PORTCULLIS_SCHEDULES")
        .ok()
        .and_then(|count| count.parse().ok())
        .unwrap_or(500);
    let policy = RotationPolicy::default().with_max_families(3);
    let mut tally = BTreeMap::new();
    for seed in 0..schedules {
        let one = block_on(run_schedule(&MemoryHarness::new(), policy, seed, 120));
        for (verdict, count) in one {
            *tally.entry(verdict).or_insert(0) += count;
        }
    }
    assert_eq!(tally.len(), 9, "every verdict was given: {tally:?}");
    assert!(
        tally.values().all(|&count| count > 20),
        "and not by chance: {tally:?}"
    );
}

async fn memory() -> MemoryHarness {
    MemoryHarness::new()
}

portcullis_testkit::family_store_conformance!(memory, block_on);
portcullis_testkit::revocations_conformance!(memory, block_on);
portcullis_testkit::blacklist_conformance!(memory, block_on);

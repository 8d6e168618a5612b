//! Random schedules on the scripts and on the model, with failovers that forget.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use portcullis_core::rotation::RotationPolicy;
use portcullis_testkit::{Harness, MemoryHarness, RedisServer, block_on, model::run_schedule};

use super::{harness::RedisHarness, keyspace::check_keys};

/// How long a schedule is.
const STEPS: usize = 80;

const DAY: Duration = Duration::from_secs(86_400);

type Tally = BTreeMap<&'static str, usize>;

/// How many schedules a test runs; more with `PORTCULLIS_CASES=10000`.
fn cases() -> u64 {
    let asked = std::env::var("PORTCULLIS_CASES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(500)
}

/// Runs the schedules on a store with these versions of the key; tells what was decided.
async fn run_schedules(versions: &[u32], most_families: u32, count: u64) -> Tally {
    let server = Arc::new(RedisServer::start());
    let mut tally = Tally::new();
    for seed in 0..count {
        let harness = RedisHarness::on(&server, versions).await;
        let policy = RotationPolicy::default().with_max_families(most_families);
        for (verdict, times) in run_schedule(&harness, policy, seed, STEPS).await {
            *tally.entry(verdict).or_default() += times;
        }
        check_keys(&harness.redis, &[]).await;
        harness.set(harness.now() + DAY * 100).await;
        let left = super::keyspace::users_keys(&harness.redis).await;
        assert!(left.is_empty(), "seed {seed}: without an end: {left:?}");
    }
    tally
}

#[tokio::test]
async fn the_scripts_equal_the_model_on_random_schedules() {
    let tally = run_schedules(&[1], 3, cases()).await;
    assert_eq!(tally.len(), 9, "every verdict was given: {tally:?}");
    assert!(
        tally.values().all(|&times| times > 20),
        "and not by chance: {tally:?}"
    );
}

#[tokio::test]
async fn two_versions_of_the_key_make_no_difference_to_a_schedule() {
    // Which of two tags loses its oldest family first is another question.
    let tally = run_schedules(&[1, 2], 50, cases() / 10).await;
    assert_eq!(tally.len(), 9, "every verdict was given: {tally:?}");
}

/// One policy in which idle ends before the access tokens do, and nothing is forgiven.
#[tokio::test]
async fn memory_and_redis_agree_under_other_policies() {
    let strict = RotationPolicy::default()
        .with_max_families(2)
        .with_overlap(Duration::ZERO)
        .with_absolute(DAY)
        .with_idle(Duration::from_secs(200));
    let wide = RotationPolicy::default()
        .with_overlap(DAY / 1440)
        .with_lost_budget(Duration::from_secs(3_600))
        .with_absolute(DAY * 30)
        .with_idle(DAY * 30);
    let server = Arc::new(RedisServer::start());
    for policy in [strict, wide] {
        for seed in 1_000_000..1_000_000 + cases() / 20 {
            let redis = RedisHarness::on(&server, &[1]).await;
            run_schedule(&redis, policy, seed, STEPS).await;
            block_on(run_schedule(&MemoryHarness::new(), policy, seed, STEPS));
        }
    }
}

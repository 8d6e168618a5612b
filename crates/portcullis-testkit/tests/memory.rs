//! The memory store against the model and the conformance suites.

use std::{collections::BTreeMap, sync::Barrier, thread::ScopedJoinHandle, time::Duration};

use portcullis_core::{
    rotation::{
        Grant, GrantKind, NewFamily, Presented, Refusal, RevokeReason, RotationPolicy, SessionId,
        Verdict,
    },
    store::FamilyStore,
};
use portcullis_testkit::{Harness, MemoryHarness, block_on, model::run_schedule};

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
        let harness = MemoryHarness::new();
        let one = block_on(run_schedule(&harness, policy, seed, 120));
        block_on(harness.set(harness.now() + Duration::from_secs(100 * 86_400)));
        assert_eq!(
            harness.store().entries(),
            0,
            "seed {seed}: an entry without an end"
        );
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

/// Opens one family and refreshes it from eight threads at once, beside `other` in a ninth.
fn race(other: impl FnOnce(&MemoryHarness, &str) + Send) -> (MemoryHarness, Vec<Verdict>) {
    let harness = MemoryHarness::new();
    let policy = RotationPolicy::default();
    let sid = SessionId::random().expect("the system has entropy");
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 1,
        label: None,
    };
    block_on(harness.store().open(&family, &policy)).expect("there is room");
    let token = Presented {
        subject: "ann",
        sid: sid.as_str(),
        generation: 0,
        adoption: None,
    };
    let refresh = || block_on(harness.store().rotate(&token, &policy)).expect("memory answers");
    let start = Barrier::new(9);
    let mut verdicts = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    start.wait();
                    refresh()
                })
            })
            .collect();
        start.wait();
        other(&harness, sid.as_str());
        let ended = threads.into_iter().map(ScopedJoinHandle::join);
        ended
            .map(|verdict| verdict.expect("no refresh panics"))
            .collect::<Vec<_>>()
    });
    verdicts.push(refresh());
    (harness, verdicts)
}

#[test]
fn threads_that_refresh_at_once_get_one_successor() {
    for _ in 0..50 {
        let (_, verdicts) = race(|_, _| {});
        let is_successor =
            |verdict: &Verdict| matches!(verdict, Verdict::Granted(Grant { generation: 1, .. }));
        assert!(verdicts.iter().all(is_successor), "{verdicts:?}");
        let rotated = verdicts.iter().filter(|verdict| {
            matches!(verdict, Verdict::Granted(grant) if grant.kind == GrantKind::Rotated)
        });
        assert_eq!(rotated.count(), 1);
    }
}

#[test]
fn nothing_is_granted_once_a_racing_logout_has_answered() {
    for _ in 0..50 {
        let (harness, verdicts) = race(|harness, sid| {
            let policy = RotationPolicy::default();
            let logout = harness
                .store()
                .revoke("ann", sid, RevokeReason::Logout, &policy);
            let _ = block_on(logout).expect("the family is known");
        });
        let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
        assert_eq!(verdicts.last(), Some(&ended));
        assert!(
            block_on(harness.store().list("ann"))
                .expect("memory answers")
                .is_empty()
        );
    }
}

async fn memory() -> MemoryHarness {
    MemoryHarness::new()
}

portcullis_testkit::family_store_conformance!(memory, block_on);
portcullis_testkit::revocations_conformance!(memory, block_on);
portcullis_testkit::blacklist_conformance!(memory, block_on);

mod rates {
    use portcullis_testkit::{MemoryRates, block_on};

    async fn memory() -> MemoryRates {
        MemoryRates::new()
    }

    portcullis_testkit::rate_store_conformance!(memory, block_on);
}

//! The limiter over a store that has to be waited for, and that may fail.

use std::task::Poll;

use super::*;
use crate::{
    audit::{AuditKind, MemoryAudit},
    rate::fixtures::{Mood, Remote, poll_once, told},
};

struct Setup {
    clock: Hands,
    remote: Arc<Remote>,
    limiter: Limiter,
    audit: Arc<MemoryAudit>,
}

fn setup(on_failure: OnStoreFailure) -> Setup {
    let clock = Hands::new();
    let remote = Remote::new(&clock);
    let audit = Arc::new(MemoryAudit::default());
    let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32])).unwrap();
    let limiter = Limiter::new(remote.clone(), key)
        .with_clock(clock.shared())
        .with_audit(audit.clone())
        .with_on_store_failure(on_failure);
    Setup {
        clock,
        remote,
        limiter,
        audit,
    }
}

fn passes(answer: Answer<Result<Outcome, StoreError>>) -> bool {
    matches!(told(answer).unwrap(), Outcome::Admitted(_))
}

#[test]
fn a_hot_denied_key_costs_one_trip_a_second() {
    let setup = setup(OnStoreFailure::Reject);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    assert!(passes(setup.limiter.reserve(&charges)));
    for _ in 0..10_000 {
        assert!(!passes(setup.limiter.reserve(&charges)));
        setup.clock.advance(Duration::from_micros(999));
    }
    // Ten seconds: the admission, and one refusal for each.
    let trips = setup.remote.trips();
    assert!((10..=12).contains(&trips), "{trips} trips");
}

#[test]
fn a_remembered_refusal_names_the_whole_wait() {
    let setup = setup(OnStoreFailure::Reject);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    assert!(passes(setup.limiter.reserve(&charges)));
    let wait = || match told(setup.limiter.reserve(&charges)).unwrap() {
        Outcome::Refused { retry_after, .. } => retry_after,
        Outcome::Admitted(_) => panic!("the quota is spent"),
    };
    assert_eq!(wait(), Duration::from_secs(60));
    setup.clock.advance(Duration::from_millis(500));
    assert_eq!(wait(), Duration::from_millis(59_500), "from memory");
    assert_eq!(setup.remote.trips(), 2);
    setup.clock.advance(wait());
    assert!(
        passes(setup.limiter.reserve(&charges)),
        "whoever waits is admitted"
    );
}

#[test]
fn a_changed_quota_is_not_answered_from_memory() {
    let setup = setup(OnStoreFailure::Reject);
    let tight = strict("account", 1);
    let loose = strict("account", 2);
    let alice: [&[u8]; 1] = [b"alice"];
    assert!(passes(
        setup.limiter.reserve(&[Charge::new(&tight, &alice)])
    ));
    assert!(!passes(
        setup.limiter.reserve(&[Charge::new(&tight, &alice)])
    ));
    assert!(passes(
        setup.limiter.reserve(&[Charge::new(&loose, &alice)])
    ));
}

#[test]
fn a_refund_ends_the_memory_of_a_refusal() {
    let setup = setup(OnStoreFailure::Reject);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    let Outcome::Admitted(reservation) = told(setup.limiter.reserve(&charges)).unwrap() else {
        panic!("the first is admitted");
    };
    assert!(!passes(setup.limiter.reserve(&charges)));
    told(setup.limiter.refund(reservation)).unwrap();
    assert!(passes(setup.limiter.reserve(&charges)));
}

#[test]
fn a_store_that_hangs_is_given_up_after_the_deadline() {
    let setup = setup(OnStoreFailure::Reject);
    setup.remote.set(Mood::Hangs);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    let mut answer = setup.limiter.reserve(&charges);
    assert!(matches!(poll_once(&mut answer), Poll::Pending));
    setup.clock.advance(Duration::from_millis(49));
    assert!(matches!(poll_once(&mut answer), Poll::Pending));
    setup.clock.advance(Duration::from_millis(1));
    assert!(matches!(poll_once(&mut answer), Poll::Ready(Err(_))));
}

#[test]
fn a_dead_store_is_asked_once_in_half_a_second() {
    let setup = setup(OnStoreFailure::Admit);
    setup.remote.set(Mood::Fails);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    for _ in 0..1_000 {
        assert!(passes(setup.limiter.reserve(&charges)));
    }
    assert_eq!(setup.remote.trips(), 5, "the breaker is open");
    assert_eq!(setup.audit.kinds(), [AuditKind::StoreFailed], "said once");
    setup.remote.set(Mood::Answers);
    setup.clock.advance(Duration::from_millis(600));
    // Another key: what failed may have been charged all the same.
    let bob = [Charge::new(&limit, &[b"bob"])];
    assert!(passes(setup.limiter.reserve(&bob)), "the probe");
    assert!(
        !passes(setup.limiter.reserve(&bob)),
        "decided by the store again"
    );
}

#[test]
fn without_the_store_each_node_admits_its_share() {
    let mut setup = setup(OnStoreFailure::LocalFallback);
    setup.limiter = setup.limiter.with_expected_nodes(2);
    setup.remote.set(Mood::Fails);
    let limit = strict("account", 4);
    let charges = [Charge::new(&limit, &[b"alice"])];
    assert!(passes(setup.limiter.reserve(&charges)));
    assert!(passes(setup.limiter.reserve(&charges)));
    assert!(!passes(setup.limiter.reserve(&charges)), "two of four");
}

#[test]
fn a_charge_of_the_stand_in_is_given_back_to_it() {
    let setup = setup(OnStoreFailure::LocalFallback);
    setup.remote.set(Mood::Fails);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    let Outcome::Admitted(reservation) = told(setup.limiter.reserve(&charges)).unwrap() else {
        panic!("the first is admitted");
    };
    assert!(
        reservation.states().is_empty(),
        "a degraded state is not shown"
    );
    assert!(!passes(setup.limiter.reserve(&charges)));
    now(setup.limiter.refund(reservation)).unwrap();
    assert!(passes(setup.limiter.reserve(&charges)));
}

#[test]
fn rejecting_is_an_error_and_never_a_pass() {
    let setup = setup(OnStoreFailure::Reject);
    setup.remote.set(Mood::Fails);
    let limit = strict("account", 1);
    for _ in 0..10 {
        let answer = setup.limiter.reserve(&[Charge::new(&limit, &[b"alice"])]);
        assert!(told(answer).is_err());
    }
}

#[test]
fn a_failure_counter_has_no_stand_in() {
    let setup = setup(OnStoreFailure::Admit);
    setup.remote.set(Mood::Fails);
    assert!(told(setup.limiter.failures(&[b"alice"])).is_err());
    assert!(told(setup.limiter.record_failure(&[b"alice"])).is_err());
}

#[test]
fn a_dropped_answer_changes_nothing_for_the_next() {
    let setup = setup(OnStoreFailure::Reject);
    setup.remote.set(Mood::Hangs);
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    let mut answer = setup.limiter.reserve(&charges);
    assert!(poll_once(&mut answer).is_pending());
    drop(answer);
    setup.remote.set(Mood::Answers);
    // The hanging request may have been applied: it stays charged, and nothing is charged twice.
    assert!(!passes(setup.limiter.reserve(&charges)));
}

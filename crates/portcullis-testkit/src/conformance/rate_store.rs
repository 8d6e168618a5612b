//! The promises of a [`RateStore`](portcullis_core::rate::RateStore).

use std::time::Duration;

use portcullis_core::rate::{Counted, Quota, RateKey, Refund, Take, Taken};

use crate::{RateHarness, harness::join, rate_model::run_decisions};

const MINUTE: Duration = Duration::from_secs(60);
const TICK: Duration = Duration::from_micros(1);

fn key(number: u8) -> RateKey {
    RateKey::from_hash([number; 16])
}

fn strict(number: u8, count: u32) -> Take {
    Take {
        key: key(number),
        quota: Quota::strict(count, MINUTE).expect("a quota of a test is sound"),
        cost: 1,
        shadow: false,
    }
}

fn even(number: u8, count: u32) -> Take {
    Take {
        quota: Quota::per(count, MINUTE).expect("a quota of a test is sound"),
        ..strict(number, 1)
    }
}

async fn take(harness: &impl RateHarness, takes: &[Take]) -> Taken {
    let answer = harness.rates().take(takes).await;
    answer.expect("the store answers")
}

async fn passes(harness: &impl RateHarness, takes: &[Take]) -> bool {
    take(harness, takes).await.admitted
}

async fn wait(harness: &impl RateHarness, span: Duration) {
    harness.set(harness.now() + span).await;
}

/// The charges of `verdict`, to be given back.
fn refunds(takes: &[Take], verdict: &Taken) -> Vec<Refund> {
    let charged = takes.iter().zip(verdict.states.iter());
    let give_back = charged.map(|(take, state)| Refund {
        key: take.key,
        quota: take.quota,
        cost: take.cost,
        mark: state.mark,
    });
    give_back.collect()
}

async fn refund(harness: &impl RateHarness, refunds: &[Refund]) {
    let answer = harness.rates().refund(refunds).await;
    answer.expect("the store answers");
}

/// A limit that refuses keeps all others of its decision uncharged.
pub async fn a_refusal_charges_nobody(harness: &impl RateHarness) {
    let both = [even(1, 3), strict(2, 1)];
    assert!(passes(harness, &both).await);
    for _ in 0..10 {
        assert!(!passes(harness, &both).await);
    }
    let left = take(harness, &both[..1]).await;
    assert!(left.admitted);
    assert_eq!(left.states[0].remaining, 1, "ten refusals cost nothing");
}

/// Whoever waits as long as the refusal says, once, is admitted, and no microsecond earlier.
pub async fn a_wait_that_is_honoured_once_is_enough(harness: &impl RateHarness) {
    for takes in [[even(1, 3)], [strict(2, 3)]] {
        while passes(harness, &takes).await {}
        let refused = take(harness, &takes).await.states[0];
        wait(harness, refused.retry_after.saturating_sub(TICK)).await;
        assert!(!passes(harness, &takes).await, "too early");
        wait(harness, TICK).await;
        assert!(passes(harness, &takes).await);
    }
}

/// The end of one window and the start of the next give one quota, not two.
pub async fn a_window_has_no_edge(harness: &impl RateHarness) {
    wait(harness, Duration::from_secs(59)).await;
    let mut admitted = 0;
    for _ in 0..10 {
        admitted += u32::from(passes(harness, &[strict(1, 5)]).await);
        wait(harness, Duration::from_millis(200)).await;
    }
    assert_eq!(admitted, 5);
}

/// A clock that is set back, as by a failover, forgets no charge and names no wait longer than a
/// full refill; once it has caught up, all is as before.
pub async fn a_clock_set_back_forgets_nothing(harness: &impl RateHarness) {
    let (start, takes) = (harness.now(), [even(1, 2), strict(2, 2)]);
    assert!(passes(harness, &takes).await && passes(harness, &takes).await);
    harness.set(start.minus(100 * MINUTE)).await;
    for limit in takes {
        let refused = take(harness, &[limit]).await;
        assert!(!refused.admitted);
        assert!(refused.states[0].retry_after <= MINUTE);
    }
    harness.set(start + MINUTE).await;
    assert!(passes(harness, &takes).await);
}

/// A quota that was made tighter binds what was charged under the old one.
pub async fn a_tightened_quota_holds_at_once(harness: &impl RateHarness) {
    for (loose, tight) in [(even(1, 10), even(1, 2)), (strict(2, 10), strict(2, 2))] {
        while passes(harness, &[loose]).await {}
        let refused = take(harness, &[tight]).await;
        assert!(!refused.admitted);
        assert!(refused.states[0].retry_after <= MINUTE);
    }
}

/// A limit that changes its way of counting starts anew; it is no error.
pub async fn a_changed_way_of_counting_starts_anew(harness: &impl RateHarness) {
    for takes in [[strict(1, 1)], [even(1, 1)], [strict(1, 2)]] {
        assert!(passes(harness, &takes).await);
    }
}

/// A shadow limit is passed over when it would refuse, and is charged when it would not.
pub async fn a_shadow_counts_and_stops_nothing(harness: &impl RateHarness) {
    let shadow = Take {
        shadow: true,
        ..strict(1, 1)
    };
    let takes = [shadow, strict(2, 2)];
    assert!(!take(harness, &takes).await.states[0].refused);
    let second = take(harness, &takes).await;
    assert!(second.admitted && second.states[0].refused);
    assert!(
        !passes(harness, &takes).await,
        "the other limit is enforced"
    );
}

/// What is given back can be charged again, once.
pub async fn a_refund_makes_room_for_its_own_charge(harness: &impl RateHarness) {
    let costly = Take {
        cost: 5,
        ..even(2, 10)
    };
    for takes in [[strict(1, 2)], [costly]] {
        let first = take(harness, &takes).await;
        assert!(passes(harness, &takes).await && !passes(harness, &takes).await);
        refund(harness, &refunds(&takes, &first)).await;
        assert!(passes(harness, &takes).await && !passes(harness, &takes).await);
    }
}

/// A refund that comes after its charge has drained credits nobody else's.
pub async fn a_late_refund_gives_nothing(harness: &impl RateHarness) {
    let takes = [even(1, 2)];
    let first = take(harness, &takes).await;
    wait(harness, MINUTE).await;
    assert!(passes(harness, &takes).await && passes(harness, &takes).await);
    refund(harness, &refunds(&takes, &first)).await;
    assert!(!passes(harness, &takes).await);
}

/// A refund for a key that is not there leaves nothing behind that could lock it.
pub async fn a_refund_of_nothing_leaves_nothing(harness: &impl RateHarness) {
    let takes = [even(1, 1), strict(2, 1)];
    let charged = take(harness, &takes).await;
    let give_back = refunds(&takes, &charged);
    let keys = [takes[0].key, takes[1].key];
    let cleared = harness.rates().clear(&keys).await;
    cleared.expect("the store answers");
    refund(harness, &give_back).await;
    wait(harness, 100 * MINUTE).await;
    assert!(passes(harness, &takes).await);
}

/// The counter of failures stops at its cap, does not refill, and is forgotten when it is cleared.
pub async fn failures_in_a_row_stop_at_the_cap(harness: &impl RateHarness) {
    let (store, long) = (harness.rates(), 1_000 * MINUTE);
    for count in 1..=3 {
        let counted = store.record_failure(&key(1), 3, long).await;
        assert_eq!(
            counted.expect("the store answers"),
            Counted::Recorded(count)
        );
        wait(harness, MINUTE).await;
    }
    let counted = store.record_failure(&key(1), 3, long).await;
    assert_eq!(counted.expect("the store answers"), Counted::AtCap);
    let failures = async |number| {
        let count = harness.rates().failures(&key(number)).await;
        count.expect("the store answers")
    };
    assert_eq!((failures(1).await, failures(2).await), (3, 0));
    store.clear(&[key(1)]).await.expect("the store answers");
    assert_eq!(failures(1).await, 0);
}

/// A counter and a limit of one key are not each other's, and both are cleared.
pub async fn a_counter_is_no_limit(harness: &impl RateHarness) {
    let store = harness.rates();
    let _ = store
        .record_failure(&key(1), 100, MINUTE)
        .await
        .expect("the store answers");
    assert!(passes(harness, &[strict(1, 1)]).await);
    assert!(passes(harness, &[even(1, 1)]).await);
    store.clear(&[key(1)]).await.expect("the store answers");
    assert!(passes(harness, &[strict(1, 1)]).await);
    assert_eq!(store.failures(&key(1)).await.expect("the store answers"), 0);
}

/// Decisions that are on their way together charge no more than the quota.
pub async fn decisions_at_once_admit_exactly_the_quota(harness: &impl RateHarness) {
    let takes = [strict(1, 7), even(2, 1_000)];
    let answers = (0..200).map(|_| harness.rates().take(&takes)).collect();
    let verdicts = join(answers).await;
    let admitted = verdicts
        .iter()
        .filter(|verdict| verdict.as_ref().is_ok_and(|taken| taken.admitted));
    assert_eq!(admitted.count(), 7);
    assert_eq!(
        take(harness, &takes[1..]).await.states[0].remaining,
        1_000 - 7 - 1
    );
}

/// Nothing to decide over admits; more limits than a decision takes are an error, not a pass.
pub async fn a_decision_takes_no_limit_to_eight(harness: &impl RateHarness) {
    assert!(passes(harness, &[]).await);
    let nine: Vec<Take> = (1..=9).map(|number| even(number, 1)).collect();
    assert!(passes(harness, &nine[..8]).await);
    assert!(harness.rates().take(&nine).await.is_err());
}

/// Random decisions equal the model in wide integers, and no interval admits too much. More of
/// them: `PORTCULLIS_CASES=20000`.
pub async fn random_decisions_equal_the_model(harness: &impl RateHarness) {
    let cases = std::env::var("PORTCULLIS_CASES").ok();
    let cases = cases.and_then(|count| count.parse().ok()).unwrap_or(2_000);
    let tally = run_decisions(harness, cases, 20).await;
    let share = |count: u32| count > cases / 10;
    assert!(share(tally.admitted) && share(tally.refused), "{tally:?}");
    assert!(tally.refunded > cases / 50, "{tally:?}");
    assert_eq!(tally.observed, 7, "{tally:?}");
}

use proptest::prelude::*;

use super::*;

const START: u64 = 1_700_000_000_000_000;

fn at(micros: u64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn at_wide(micros: i128) -> Timestamp {
    at(micros.try_into().unwrap())
}

/// The algorithm again, in wide signed integers and without a clamp in sight.
fn model(
    stored: Option<i128>,
    now: i128,
    unit: i128,
    burst: i128,
    cost: i128,
) -> Result<i128, i128> {
    let arrival = stored.unwrap_or(now).max(now).min(now + unit * burst);
    let next = arrival + unit * cost;
    if next <= now + unit * burst {
        Ok(next)
    } else {
        Err(next - now - unit * burst)
    }
}

proptest! {
    #[test]
    fn it_agrees_with_a_wide_integer_model(
        count in 1_u32..1_000,
        period in 1_000_u64..2_678_400_000_000,
        start in prop_oneof![Just(1_u64), Just(START), Just((1 << 53) - 10_u64.pow(14))],
        steps in prop::collection::vec((0_u64..4_000_000, 1_u32..8), 1..60),
    ) {
        let quota = Quota::per(count, Duration::from_micros(period)).unwrap();
        let (unit, burst) = (i128::from(quota.unit()), i128::from(count));
        let (mut now, mut stored) = (start, None);
        for (wait, cost) in steps {
            now += wait;
            let cost = cost.min(count);
            let state = check(quota, stored, cost, at(now));
            let known = stored.map(|at: Timestamp| i128::from(at.as_micros()));
            match model(known, now.into(), unit, burst, cost.into()) {
                Ok(next) => {
                    prop_assert!(!state.refused);
                    prop_assert_eq!(super::next(quota, stored, cost, at(now)), Some(at_wide(next)));
                    let charged = admit(quota, stored, cost, at(now));
                    prop_assert_eq!(i128::from(charged.mark.as_micros()), next);
                    let left = (i128::from(now) + unit * burst - next) / unit;
                    prop_assert_eq!(i128::from(charged.remaining), left);
                    stored = Some(charged.mark);
                }
                Err(wait) => {
                    prop_assert!(state.refused);
                    prop_assert_eq!(super::next(quota, stored, cost, at(now)), None);
                    prop_assert_eq!(i128::try_from(state.retry_after.as_micros()).unwrap(), wait);
                    let then = at(now) + state.retry_after;
                    prop_assert!(!check(quota, stored, cost, then).refused, "kept its word");
                    let early = (at(now) + state.retry_after).minus(Duration::from_micros(1));
                    prop_assert!(check(quota, stored, cost, early).refused, "not earlier");
                    prop_assert_eq!(super::next(quota, stored, cost, early), None);
                    prop_assert!(super::next(quota, stored, cost, then).is_some());
                }
            }
        }
    }

    /// No interval admits more than its length and one burst hold.
    #[test]
    fn no_interval_admits_more_than_its_length_and_a_burst(
        count in 1_u32..12,
        period in 10_u64..5_000,
        waits in prop::collection::vec(0_u64..1_500, 1..80),
    ) {
        let quota = Quota::per(count, Duration::from_micros(period)).unwrap();
        let (mut now, mut stored, mut admitted) = (START, None, Vec::new());
        for wait in waits {
            now += wait;
            if !check(quota, stored, 1, at(now)).refused {
                stored = Some(admit(quota, stored, 1, at(now)).mark);
                admitted.push(now);
            }
        }
        for (first, from) in admitted.iter().enumerate() {
            for (last, to) in admitted.iter().enumerate().skip(first) {
                let span = u64::try_from(last - first + 1).unwrap() * quota.unit();
                prop_assert!(span <= to - from + quota.tolerance());
            }
        }
    }

    /// With a refund nobody may get more than if the refunded charge had never been made.
    #[test]
    fn a_refund_never_credits_more_than_the_charge_took(
        count in 1_u32..20,
        before in prop::collection::vec((0_u64..400_000, 1_u32..4), 0..12),
        cost in 1_u32..4,
        after in prop::collection::vec((0_u64..400_000, 1_u32..4), 0..12),
        wait in 0_u64..3_000_000,
    ) {
        let quota = Quota::per(count, Duration::from_secs(2)).unwrap();
        let (mut now, mut with, mut without) = (START, None, None);
        let charge = |stored: &mut Option<Timestamp>, cost, now| {
            let fits = !check(quota, *stored, cost, at(now)).refused;
            if fits {
                *stored = Some(admit(quota, *stored, cost, at(now)).mark);
            }
            fits
        };
        for (wait, cost) in before {
            now += wait;
            charge(&mut with, cost, now);
        }
        without.clone_from(&with);
        if !charge(&mut with, cost, now) {
            return Ok(());
        }
        let mark = with.unwrap();
        for (wait, cost) in after {
            now += wait;
            // The shadow run makes the same charges, admitted or not: it only must not owe more.
            if charge(&mut with, cost, now) {
                without = Some(admit(quota, without, cost, at(now)).mark);
            }
        }
        now += wait;
        let left = refund(quota, with.unwrap(), cost, mark, at(now));
        let ahead = |stored: Timestamp| stored.as_micros().saturating_sub(now);
        let owed = |stored: Option<Timestamp>| stored.map_or(0, ahead);
        prop_assert!(owed(left) >= owed(without), "somebody else's charge was credited");
        prop_assert!(owed(left) <= owed(with));
    }
}

#[test]
fn an_hour_back_on_the_clock_locks_nobody_out() {
    let quota = Quota::per_minute(2).unwrap();
    let full = admit(quota, None, 2, at(START)).mark;
    let earlier = at(START - 3_600_000_000);
    let state = check(quota, Some(full), 1, earlier);
    assert_eq!(state.retry_after, Duration::from_secs(30));
    assert_eq!(state.reset_after, Duration::from_secs(60));
}

#[test]
fn a_tightened_quota_bounds_what_was_stored_under_the_old_one() {
    let loose = Quota::per_hour(10).unwrap();
    let tight = Quota::per_minute(10).unwrap();
    let stored = admit(loose, None, 10, at(START)).mark;
    let state = check(tight, Some(stored), 1, at(START));
    assert_eq!(state.retry_after, Duration::from_secs(6));
}

#[test]
fn a_burst_spans_at_most_two_quotas_less_one_in_a_window() {
    let quota = Quota::per(5, Duration::from_secs(5)).unwrap();
    let (mut stored, mut admitted) = (None, 0);
    for now in (START..START + 5_000_000).step_by(100_000) {
        if !check(quota, stored, 1, at(now)).refused {
            stored = Some(admit(quota, stored, 1, at(now)).mark);
            admitted += 1;
        }
    }
    assert_eq!(admitted, 9, "2n - 1, as the module says");
}

#[test]
fn a_cost_above_the_capacity_is_refused_with_a_wait() {
    let quota = Quota::per_second(2).unwrap();
    let state = check(quota, None, 3, at(START));
    assert!(state.refused && state.retry_after > Duration::ZERO);
}

#[test]
fn the_end_of_time_does_not_wrap() {
    let quota = Quota::per_hour(2).unwrap();
    assert!(!check(quota, None, 1, Timestamp::default()).refused);
    let _ = check(quota, Some(Timestamp::MAX), 2, Timestamp::MAX);
    let _ = refund(
        quota,
        Timestamp::MAX,
        2,
        Timestamp::MAX,
        Timestamp::default(),
    );
}

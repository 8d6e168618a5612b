use std::time::Duration;

use crate::rotation::RotationPolicy;

#[track_caller]
fn check(policy: RotationPolicy, want: Result<(), &str>) {
    let found = policy
        .validate()
        .map(|_| ())
        .map_err(|error| error.to_string());
    assert_eq!(found, want.map_err(str::to_owned));
}

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn the_defaults_are_valid() {
    check(RotationPolicy::default(), Ok(()));
}

#[test]
fn the_overlap_is_bounded_by_a_minute_and_a_quarter_of_the_access_lifetime() {
    let policy = RotationPolicy::default();
    check(policy.with_overlap(secs(0)), Ok(()));
    check(policy.with_overlap(secs(60)), Ok(()));
    check(
        policy.with_overlap(secs(61)),
        Err("the overlap is 61s; wanted: at most 60s, so lower it"),
    );
    check(policy.with_overlap(secs(60)).with_access(secs(240)), Ok(()));
    check(
        policy.with_overlap(secs(60)).with_access(secs(239)),
        Err("the overlap is 60s; wanted: at most a quarter of the access lifetime, so lower it"),
    );
}

#[test]
fn the_lifetimes_contain_each_other() {
    let policy = RotationPolicy::default();
    check(policy.with_idle(policy.absolute), Ok(()));
    check(
        policy.with_idle(policy.absolute + secs(1)),
        Err("the idle lifetime is 1209601s; wanted: at most the absolute lifetime, so lower it"),
    );
    check(
        policy.with_idle(Duration::from_millis(999)),
        Err("the idle lifetime is 999ms; wanted: at least 1s, so raise it"),
    );
    check(
        policy.with_absolute(secs(400 * 86_400 + 1)),
        Err("the absolute lifetime is 34560001s; wanted: at most 400 days, so lower it"),
    );
    check(
        policy.with_access(secs(7_261)),
        Err("the access lifetime is 7261s; wanted: at most 7260s, so lower it"),
    );
    check(
        policy.with_access(secs(0)),
        Err("the access lifetime is 0ns; wanted: at least 1s, so raise it"),
    );
}

#[test]
fn the_budget_and_the_number_of_families_have_bounds() {
    let policy = RotationPolicy::default();
    check(
        policy.with_lost_budget(secs(3_599)),
        Err("the lost-response budget is 3599s; wanted: at least 3600s, so raise it"),
    );
    check(policy.with_max_families(1_000), Ok(()));
    for families in [0, 1_001] {
        let message = format!("the number of families per user is {families}; wanted: 1 to 1000");
        check(policy.with_max_families(families), Err(&message));
    }
}

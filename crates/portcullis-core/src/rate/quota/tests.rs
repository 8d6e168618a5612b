use super::*;

#[track_caller]
fn check(quota: Result<Quota, QuotaError>, want: &str) {
    let error = quota.unwrap_err().to_string();
    assert!(error.contains(want), "{error}");
}

#[test]
fn a_quota_that_cannot_be_used_names_the_value_and_the_form() {
    check(Quota::per(0, Duration::from_secs(1)), "0 per 1s");
    check(
        Quota::per(5, Duration::ZERO),
        "between a microsecond and 31 days",
    );
    check(Quota::per_second(2_000_000), "one request per microsecond");
    check(Quota::strict(65, Duration::from_secs(1)), "at most 64");
    check(Quota::strict(0, Duration::from_secs(1)), "the least is 1");
    check(
        Quota::per(1, Quota::MAX_PERIOD + Duration::from_micros(1)),
        "31 days",
    );
    check(Quota::per(1, Duration::MAX), "31 days");
    check(
        Quota::strict(2, Duration::from_secs(1)).and_then(|quota| quota.with_burst(3)),
        "no burst",
    );
    check(
        Quota::per_hour(1).and_then(|quota| quota.with_burst(100_000)),
        "31 days",
    );
}

#[test]
fn fifty_per_second_is_fifty_in_a_second() {
    let quota = Quota::per_second(50).unwrap();
    assert_eq!(quota.capacity(), 50);
    assert_eq!(quota.full_after(), Duration::from_secs(1));
}

#[test]
fn a_period_that_does_not_divide_is_rounded_to_the_strict_side() {
    let quota = Quota::per(3, Duration::from_secs(10)).unwrap();
    assert!(quota.full_after() >= Duration::from_secs(10));
}

#[test]
fn a_share_is_never_nothing_and_never_more_than_its_part_of_the_rate() {
    let share = Quota::strict(5, Duration::from_secs(60)).unwrap().share(10);
    assert_eq!(
        (share.capacity(), share.emission()),
        (1, Duration::from_secs(60))
    );
    let share = Quota::per_minute(5).unwrap().share(10);
    assert_eq!(
        (share.capacity(), share.emission()),
        (1, Duration::from_secs(120))
    );
    let long = Quota::per(1, Quota::MAX_PERIOD).unwrap().share(1_000);
    assert!(long.full_after() <= Quota::MAX_PERIOD);
}

#[test]
fn the_texts_of_operators_are_read() {
    for (text, count, secs) in [("5/15m", 5, 900), ("100/1s", 100, 1), ("30/1m", 30, 60)] {
        let rate: Rate = text.parse().unwrap();
        assert_eq!((rate.count, rate.period.as_secs()), (count, secs), "{text}");
    }
    for text in [
        "+5/1s",
        "5/1s/2",
        "5/1S",
        "99999999999/1s",
        "5/99999999999d",
        "٥/1s",
        "5/1é",
    ] {
        let error = text.parse::<Rate>().unwrap_err().to_string();
        assert!(
            error.contains("5/15m") || error.contains("31 days"),
            "{error}"
        );
    }
}

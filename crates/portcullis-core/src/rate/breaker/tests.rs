use super::*;
use crate::rate::fixtures::Hands;

#[test]
fn five_failures_in_a_row_open_it_and_one_success_closes_it() {
    let (breaker, clock) = (Breaker::default(), Hands::new());
    for _ in 0..4 {
        assert!(!breaker.failed(clock.now()));
    }
    assert!(breaker.admits(&clock));
    assert!(breaker.failed(clock.now()), "said once");
    assert!(!breaker.failed(clock.now()));
    assert!(!breaker.admits(&clock));
    clock.advance(Duration::from_millis(600));
    assert!(breaker.admits(&clock), "one probe");
    assert!(!breaker.admits(&clock), "and no second");
    assert!(breaker.succeeded(clock.now()));
    assert!(breaker.admits(&clock));
}

#[test]
fn a_success_between_failures_starts_the_row_anew() {
    let (breaker, clock) = (Breaker::default(), Hands::new());
    for _ in 0..20 {
        for _ in 0..4 {
            assert!(!breaker.failed(clock.now()));
        }
        breaker.succeeded(clock.now());
        clock.advance(Duration::from_secs(1));
    }
}

#[test]
fn more_failures_than_successes_in_a_second_open_it() {
    let (breaker, clock) = (Breaker::default(), Hands::new());
    let mut opened = false;
    for _ in 0..3 {
        breaker.succeeded(clock.now());
        opened |= breaker.failed(clock.now());
        opened |= breaker.failed(clock.now());
    }
    assert!(opened);
}

#[test]
fn a_clock_set_back_does_not_hold_it_open() {
    let (breaker, clock) = (Breaker::default(), Hands::new());
    for _ in 0..5 {
        breaker.failed(clock.now());
    }
    clock.set(clock.now().minus(Duration::from_secs(3600)));
    assert!(breaker.admits(&clock));
}

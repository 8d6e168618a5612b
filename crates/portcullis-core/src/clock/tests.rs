use super::*;

/// Far more than a tick, and than a busy machine stops a thread between two reads of the clock.
const LONG: Duration = Duration::from_secs(10);

#[test]
fn the_cheap_clock_lags_and_never_leads() {
    for _ in 0..100_000 {
        let before = SystemClock.now();
        let coarse = SystemClock.now_coarse();
        let after = SystemClock.now();
        assert!(coarse <= after, "{coarse:?} leads {after:?}");
        assert!(
            coarse + LONG > before,
            "{coarse:?} is long before {before:?}"
        );
    }
}

#[test]
fn the_cheap_clock_goes_on() {
    let start = SystemClock.now_coarse();
    let mut looks = 0_u64;
    while SystemClock.now_coarse() == start {
        looks += 1;
        assert!(looks < 1_000_000_000, "no tick in seconds");
    }
    assert!(SystemClock.now_coarse() > start);
}

#[test]
fn a_clock_without_a_cheaper_way_reads_the_exact_one() {
    #[derive(Debug)]
    struct Fixed;

    impl Clock for Fixed {
        fn now(&self) -> Timestamp {
            Timestamp::from_secs(7)
        }

        fn sleep_until(&self, _: Timestamp) -> BoxFuture<()> {
            Box::pin(std::future::pending())
        }
    }

    assert_eq!(Fixed.now_coarse(), Timestamp::from_secs(7));
}

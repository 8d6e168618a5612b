use proptest::prelude::*;

use super::*;

const START: u64 = 1_700_000_000_000_000;

fn run(quota: Quota, waits: &[u64]) -> Vec<u64> {
    let (mut now, mut stamps, mut admitted) = (START, VecDeque::new(), Vec::new());
    for wait in waits {
        now += wait;
        let at = Timestamp::from_micros(now);
        let state = check(quota, &stamps, at);
        if state.refused {
            let then = at + state.retry_after;
            assert!(!check(quota, &stamps, then).refused, "kept its word");
        } else {
            admit(quota, &mut stamps, at);
            admitted.push(now);
        }
        assert!(stamps.len() <= quota.capacity() as usize, "bounded");
    }
    admitted
}

proptest! {
    #[test]
    fn never_more_than_the_quota_in_any_window(
        count in 1_u32..8,
        waits in prop::collection::vec(0_u64..700, 1..120),
    ) {
        let quota = Quota::strict(count, Duration::from_millis(1)).unwrap();
        let admitted = run(quota, &waits);
        for pair in admitted.windows(count as usize + 1) {
            prop_assert!(pair[count as usize] - pair[0] >= 1_000);
        }
    }

    #[test]
    fn whoever_is_refused_had_the_whole_quota_in_the_window(
        count in 1_u32..8,
        waits in prop::collection::vec(0_u64..700, 1..120),
    ) {
        let quota = Quota::strict(count, Duration::from_millis(1)).unwrap();
        let admitted = run(quota, &waits);
        let mut now = START;
        for wait in waits {
            now += wait;
            let inside = admitted.iter().filter(|&&at| at <= now && at + 1_000 > now).count();
            prop_assert!(admitted.contains(&now) || inside == count as usize);
        }
    }
}

#[test]
fn the_edge_of_a_window_gives_no_second_quota() {
    let quota = Quota::strict(5, Duration::from_secs(60)).unwrap();
    // Five at the end of one minute, and as many tries at the start of the next.
    let admitted = run(quota, &[59_000_000, 1, 1, 1, 1, 1_000_000, 1, 1, 1, 1]);
    assert_eq!(admitted.len(), 5);
}

#[test]
fn a_clock_set_back_blocks_for_one_window_at_most() {
    let quota = Quota::strict(1, Duration::from_secs(60)).unwrap();
    let mut stamps = VecDeque::new();
    admit(quota, &mut stamps, Timestamp::from_micros(START));
    let earlier = Timestamp::from_micros(START - 3_600_000_000);
    let state = check(quota, &stamps, earlier);
    assert_eq!(state.retry_after, Duration::from_secs(60));
}

#[test]
fn a_refund_takes_back_one_admission_of_its_stamp() {
    let quota = Quota::strict(3, Duration::from_secs(60)).unwrap();
    let mut stamps = VecDeque::new();
    let now = Timestamp::from_micros(START);
    admit(quota, &mut stamps, now);
    let mark = admit(quota, &mut stamps, now).mark;
    refund(&mut stamps, mark);
    assert_eq!(check(quota, &stamps, now).remaining, 2);
    refund(&mut stamps, Timestamp::from_micros(7));
    assert_eq!(stamps.len(), 1, "an unknown stamp is nobody's");
}

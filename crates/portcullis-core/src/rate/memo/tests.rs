use super::*;

const CAP: Duration = Duration::from_secs(1);
const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn take(key: u8, cost: u32) -> Take {
    Take {
        key: RateKey::from_hash([key; 16]),
        quota: Quota::per_minute(10).unwrap(),
        cost,
        shadow: false,
    }
}

fn refused(secs: u64) -> LimitState {
    LimitState {
        refused: true,
        retry_after: Duration::from_secs(secs),
        ..LimitState::default()
    }
}

#[test]
fn a_refusal_is_remembered_from_when_it_was_asked_and_up_to_the_cap() {
    let memo = DenyMemo::default();
    assert!(memo.is_empty());
    memo.remember(&[take(1, 1)], &[refused(60)], NOW, CAP);
    let wait = |at| memo.wait(&[take(1, 1)], at, CAP);
    assert_eq!(wait(NOW), Some(Duration::from_secs(60)), "the whole wait");
    let later = Duration::from_millis(900);
    assert_eq!(wait(NOW + later), Some(Duration::from_millis(60_000 - 900)));
    assert_eq!(wait(NOW + CAP), None);
    assert_eq!(wait(NOW.minus(CAP)), None, "the clock was set back");
}

#[test]
fn another_key_quota_or_a_lesser_cost_is_another_question() {
    let memo = DenyMemo::default();
    memo.remember(&[take(1, 3)], &[refused(60)], NOW, CAP);
    assert_eq!(memo.wait(&[take(2, 3)], NOW, CAP), None);
    assert_eq!(memo.wait(&[take(1, 2)], NOW, CAP), None);
    assert!(memo.wait(&[take(1, 4)], NOW, CAP).is_some());
    let loosened = Take {
        quota: Quota::per_minute(100).unwrap(),
        ..take(1, 3)
    };
    assert_eq!(memo.wait(&[loosened], NOW, CAP), None);
    memo.forget(&take(1, 3).key);
    assert_eq!(memo.wait(&[take(1, 3)], NOW, CAP), None);
}

#[test]
fn a_full_set_overwrites_the_refusal_that_ends_soonest() {
    let memo = DenyMemo::default();
    for ways in 0..=4_u8 {
        let mut hash = [0; 16];
        hash[15] = ways + 1;
        let mut take = take(0, 1);
        take.key = RateKey::from_hash(hash);
        let asked = NOW + Duration::from_millis(u64::from(ways));
        memo.remember(&[take], &[refused(1)], asked, CAP);
        let later = NOW + Duration::from_millis(4);
        assert!(memo.wait(&[take], later, CAP).is_some());
    }
}

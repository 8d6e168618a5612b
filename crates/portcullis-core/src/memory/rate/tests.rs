mod lagging;

use std::sync::atomic::AtomicU32;

use super::*;
use crate::rate::{
    Quota,
    fixtures::{Hands, now},
};

fn key(number: u64) -> RateKey {
    let mut hash = [0; 16];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    RateKey::from_hash(hash)
}

fn take(number: u64, quota: Quota) -> Take {
    Take {
        key: key(number),
        quota,
        cost: 1,
        shadow: false,
    }
}

fn strict(count: u32) -> Quota {
    Quota::strict(count, Duration::from_secs(900)).unwrap()
}

#[test]
fn a_thousand_parallel_guesses_get_exactly_the_quota() {
    let store = MemoryRateStore::new(Hands::new().shared());
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (store, admitted) = (&store, &admitted);
            scope.spawn(move || {
                for guess in 0..125 {
                    // A fresh address each time, and one account.
                    let takes = [
                        take(1_000 + thread * 125 + guess, strict(64)),
                        take(1, strict(5)),
                    ];
                    if now(store.take(&takes)).unwrap().admitted {
                        admitted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 5);
    assert_eq!(store.entries(), 6, "refused guesses left nothing behind");
}

#[test]
fn a_million_fresh_keys_stay_within_the_capacity() {
    let clock = Hands::new();
    let store = MemoryRateStore::new(clock.shared()).with_capacity(1_024);
    let victim = take(0, strict(5));
    for _ in 0..5 {
        assert!(now(store.take(&[victim])).unwrap().admitted);
    }
    for number in 1..=1_000_000 {
        let _ = now(store.take(&[take(number, strict(5))])).unwrap();
    }
    assert!(store.entries() <= 1_024, "{} entries", store.entries());
    assert!(store.refused_for_space() > 900_000);
    assert!(
        !now(store.take(&[victim])).unwrap().admitted,
        "the flood reset nobody's limit"
    );
}

#[test]
fn a_full_store_refuses_new_keys_and_serves_known_ones() {
    let clock = Hands::new();
    let store = MemoryRateStore::new(clock.shared()).with_capacity(64);
    let mut number = 0;
    while store.refused_for_space() == 0 {
        number += 1;
        let _ = now(store.take(&[take(number, strict(5))])).unwrap();
    }
    let refused = now(store.take(&[take(number, strict(5))])).unwrap();
    assert!(!refused.admitted);
    assert!(refused.states[0].retry_after >= Duration::from_secs(1));
    let known = (1..number).filter(|&n| now(store.take(&[take(n, strict(5))])).unwrap().admitted);
    assert_eq!(known.count() as u64, number - 1);
}

#[test]
fn drained_entries_make_room_for_new_ones() {
    let clock = Hands::new();
    let store = MemoryRateStore::new(clock.shared()).with_capacity(2_048);
    let quota = Quota::per_second(1).unwrap();
    for round in 0..40_u64 {
        for number in 0..200 {
            let verdict = now(store.take(&[take(round * 1_000 + number, quota)])).unwrap();
            assert!(verdict.admitted, "round {round}, key {number}");
        }
        clock.advance(Duration::from_secs(1));
    }
    assert!(store.entries() <= 2_048);
}

#[test]
fn a_decision_over_many_shards_is_all_or_nothing_under_contention() {
    let store = MemoryRateStore::new(Hands::new().shared());
    let admitted = AtomicU32::new(0);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (store, admitted) = (&store, &admitted);
            scope.spawn(move || {
                for _ in 0..200 {
                    // The same keys in another order from every thread: no deadlock either.
                    let mut takes: Vec<Take> = (0..6).map(|n| take(n, strict(40))).collect();
                    takes.rotate_left(usize::try_from(thread).unwrap());
                    takes.truncate(6);
                    if now(store.take(&takes)).unwrap().admitted {
                        admitted.fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    assert_eq!(admitted.into_inner(), 40);
    for number in 0..6 {
        assert!(
            !now(store.take(&[take(number, strict(40))]))
                .unwrap()
                .admitted
        );
    }
}

#[test]
fn a_key_changes_its_way_of_counting_without_an_error() {
    let store = MemoryRateStore::new(Hands::new().shared());
    assert!(now(store.take(&[take(1, strict(1))])).unwrap().admitted);
    let gcra = take(1, Quota::per_hour(1).unwrap());
    assert!(now(store.take(&[gcra])).unwrap().admitted);
    assert!(!now(store.take(&[gcra])).unwrap().admitted);
}

#[test]
fn counters_have_room_of_their_own() {
    let store = MemoryRateStore::new(Hands::new().shared()).with_capacity(64);
    for number in 0..10_000 {
        let _ = now(store.take(&[take(number, strict(5))])).unwrap();
    }
    let ttl = Duration::from_secs(60);
    let counted = now(store.record_failure(&key(1), 100, ttl)).unwrap();
    assert_eq!(counted, Counted::Recorded(1));
    let errors = (2..10_000).filter(|&n| now(store.record_failure(&key(n), 100, ttl)).is_err());
    assert!(
        errors.count() > 9_000,
        "full counters are an error, never a pass"
    );
    assert_eq!(now(store.failures(&key(1))).unwrap(), 1);
}

#[test]
fn a_counter_is_forgotten_after_its_time() {
    let clock = Hands::new();
    let store = MemoryRateStore::new(clock.shared());
    let ttl = Duration::from_secs(60);
    for _ in 0..2 {
        let _ = now(store.record_failure(&key(1), 100, ttl)).unwrap();
        clock.advance(Duration::from_secs(59));
    }
    assert_eq!(
        now(store.failures(&key(1))).unwrap(),
        2,
        "kept from the last failure on"
    );
    clock.advance(Duration::from_secs(1));
    assert_eq!(now(store.failures(&key(1))).unwrap(), 0);
}

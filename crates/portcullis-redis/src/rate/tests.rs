use std::time::Duration;

use futures_util::future::join_all;
use portcullis_core::rate::{Counted, Quota, RateKey, RateStore, Refund, Take};
use portcullis_testkit::RedisServer;

use super::{Held, RedisRateStore, read_taken};
use crate::fixtures::{ask, connect, lifetimes};

mod agreement;
mod outages;

const HOUR: Duration = Duration::from_secs(3600);

pub(super) fn key(number: u8) -> RateKey {
    RateKey::from_hash([number; 16])
}

/// One admission of an hourly quota of `count`, counted exactly.
pub(super) fn strict(number: u8, count: u32) -> Take {
    Take {
        key: key(number),
        quota: Quota::strict(count, HOUR).unwrap(),
        cost: 1,
        shadow: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parallel_takes_over_two_connections_admit_exactly_the_quota() {
    let server = RedisServer::start();
    let stores = [connect(&server).await, connect(&server).await];
    let stores = stores.each_ref().map(RedisRateStore::new);
    let takes = [strict(1, 50), evenly(2, 400)];
    let attempts = (0..1_000).map(|index| tokio::spawn(stores[index % 2].take(&takes)));
    let mut admitted = 0;
    for answer in join_all(attempts).await {
        admitted += u32::from(answer.unwrap().unwrap().admitted);
    }
    assert_eq!(admitted, 50);
    let left = stores[0].take(&[evenly(2, 400)]).await.unwrap();
    assert_eq!(
        left.states[0].remaining,
        400 - 50 - 1,
        "a refused one charged nothing"
    );
}

fn evenly(number: u8, count: u32) -> Take {
    Take {
        quota: Quota::per(count, 31 * 24 * HOUR).unwrap(),
        ..strict(number, 1)
    }
}

#[tokio::test]
async fn a_server_that_forgets_its_scripts_is_taught_them_again_within_the_call() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisRateStore::new(&redis);
    for admitted in [true, true, false] {
        let () = ask(&redis, "SCRIPT FLUSH").await;
        let taken = store.take(&[strict(1, 2)]).await.unwrap();
        assert_eq!(taken.admitted, admitted);
    }
    let () = ask(&redis, "SCRIPT FLUSH").await;
    let counted = store.record_failure(&key(1), 5, HOUR).await.unwrap();
    assert_eq!(counted, Counted::Recorded(1));
    let () = ask(&redis, "SCRIPT FLUSH").await;
    store.refund(&[refund(strict(2, 1), 0)]).await.unwrap();
}

fn refund(take: Take, mark: u64) -> Refund {
    Refund {
        key: take.key,
        quota: take.quota,
        cost: take.cost,
        mark: portcullis_core::clock::Timestamp::from_micros(mark),
    }
}

#[tokio::test]
async fn a_refund_makes_room_for_exactly_the_charge_it_gives_back() {
    let server = RedisServer::start();
    let store = RedisRateStore::new(&connect(&server).await);
    for take in [
        strict(1, 2),
        Take {
            cost: 5,
            ..evenly(2, 10)
        },
    ] {
        let first = store.take(&[take]).await.unwrap();
        assert!(store.take(&[take]).await.unwrap().admitted);
        assert!(!store.take(&[take]).await.unwrap().admitted);
        let mark = first.states[0].mark.as_micros();
        store.refund(&[refund(take, mark)]).await.unwrap();
        assert!(store.take(&[take]).await.unwrap().admitted);
        assert!(!store.take(&[take]).await.unwrap().admitted);
    }
}

#[tokio::test]
async fn failures_are_counted_up_to_the_cap_and_forgotten_when_cleared() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisRateStore::new(&redis);
    assert_eq!(store.failures(&key(1)).await.unwrap(), 0);
    for count in 1..=3 {
        let counted = store.record_failure(&key(1), 3, HOUR).await.unwrap();
        assert_eq!(counted, Counted::Recorded(count));
    }
    let counted = store.record_failure(&key(1), 3, HOUR).await.unwrap();
    assert_eq!(counted, Counted::AtCap);
    assert_eq!(store.failures(&key(1)).await.unwrap(), 3);
    assert!(store.take(&[strict(1, 1)]).await.unwrap().admitted);
    let _ = store
        .record_failure(&key(2), 3, Duration::MAX)
        .await
        .unwrap();

    store.clear(&[key(1)]).await.unwrap();
    assert_eq!(store.failures(&key(1)).await.unwrap(), 0);
    assert!(store.take(&[strict(1, 1)]).await.unwrap().admitted);
    assert_eq!(store.failures(&key(2)).await.unwrap(), 1, "another's stays");
}

#[tokio::test]
async fn every_key_ends_by_itself_and_names_nobody() {
    let server = RedisServer::start();
    let redis = connect(&server).await;
    let store = RedisRateStore::new(&redis);
    let _ = store.take(&[strict(1, 2), evenly(0xab, 5)]).await.unwrap();
    let _ = store.record_failure(&key(3), 3, HOUR).await.unwrap();
    let mut found = lifetimes(&redis).await;
    found.sort();
    let names: Vec<_> = found.iter().map(|(name, _)| name.as_str()).collect();
    let hex = |byte: &str| byte.repeat(16);
    assert_eq!(
        names,
        [
            format!("portcullis:{{pc-rl}}:f:{}", hex("03")),
            format!("portcullis:{{pc-rl}}:g:{}", hex("ab")),
            format!("portcullis:{{pc-rl}}:w:{}", hex("01")),
        ]
    );
    for (name, left) in found {
        let left = left.unwrap_or_else(|| panic!("{name} never ends"));
        assert!(
            left <= 7 * 24 * HOUR + Duration::from_millis(2),
            "{name}: {left:?}"
        );
    }
    assert_eq!(Held::Failures.letter(), 'f');
}

#[tokio::test]
async fn a_quota_that_changes_its_kind_starts_anew_instead_of_failing() {
    let server = RedisServer::start();
    let store = RedisRateStore::new(&connect(&server).await);
    for take in [strict(1, 1), evenly(1, 1), strict(1, 2)] {
        assert!(store.take(&[take]).await.unwrap().admitted, "{take:?}");
    }
}

#[test]
fn a_reply_of_another_shape_is_an_error_and_not_an_admission() {
    for (numbers, limits) in [
        (&[][..], 0),
        (&[1], 0),
        (&[1, 2], 1),
        (&[1, 2, 0, 1, 0, 0], 1),
    ] {
        assert!(read_taken(numbers, limits).is_err(), "{numbers:?}");
    }
    assert!(!read_taken(&[0, 2], 0).unwrap().admitted);
    assert!(read_taken(&[1, 2], 0).unwrap().admitted);
}

use super::*;

mod remote;

use crate::{
    Secret,
    keys::Purpose,
    memory::MemoryRateStore,
    rate::{
        Limit, Quota,
        fixtures::{Hands, now},
    },
};

fn limiter(clock: &Hands) -> Limiter {
    let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32])).unwrap();
    Limiter::new(Arc::new(MemoryRateStore::new(clock.shared())), key)
}

fn strict(name: &str, count: u32) -> Limit {
    Limit::new(name, Quota::strict(count, Duration::from_secs(60)).unwrap()).unwrap()
}

fn admitted(limiter: &Limiter, charges: &[Charge<'_>]) -> Option<Reservation> {
    match now(limiter.reserve(charges)).unwrap() {
        Outcome::Admitted(reservation) => Some(reservation),
        Outcome::Refused { .. } => None,
    }
}

#[test]
fn a_refusal_by_one_limit_charges_none() {
    let limiter = limiter(&Hands::new());
    let (address, account) = (strict("address", 3), strict("account", 1));
    let both = [
        Charge::new(&address, &[b"ip"]),
        Charge::new(&account, &[b"alice"]),
    ];
    assert!(admitted(&limiter, &both).is_some());
    for _ in 0..10 {
        assert!(admitted(&limiter, &both).is_none(), "the account is spent");
    }
    let alone = [Charge::new(&address, &[b"ip"])];
    assert!(admitted(&limiter, &alone).is_some());
    assert!(
        admitted(&limiter, &alone).is_some(),
        "ten refusals cost nothing"
    );
    assert!(admitted(&limiter, &alone).is_none());
}

#[test]
fn a_refund_frees_what_was_reserved_once() {
    let limiter = limiter(&Hands::new());
    let limit = strict("account", 1);
    let charges = [Charge::new(&limit, &[b"alice"])];
    let reservation = admitted(&limiter, &charges).unwrap();
    assert!(admitted(&limiter, &charges).is_none());
    now(limiter.refund(reservation)).unwrap();
    assert!(admitted(&limiter, &charges).is_some());
    assert!(admitted(&limiter, &charges).is_none());
}

#[test]
fn only_the_retained_charges_are_given_back() {
    let limiter = limiter(&Hands::new());
    let (address, account) = (strict("address", 1), strict("account", 1));
    let ip: [&[u8]; 1] = [b"ip"];
    let charges = [Charge::new(&address, &ip), Charge::new(&account, &ip)];
    let mut reservation = admitted(&limiter, &charges).unwrap();
    reservation.retain(|index| index == 1);
    now(limiter.refund(reservation)).unwrap();
    assert!(
        admitted(&limiter, &charges[..1]).is_none(),
        "the address stays charged"
    );
    assert!(admitted(&limiter, &charges[1..]).is_some());
}

#[test]
fn a_shadow_limit_counts_and_stops_nothing() {
    let limiter = limiter(&Hands::new());
    let shadow = strict("trial", 1).shadow();
    let charges = [Charge::new(&shadow, &[b"ip"])];
    let first = admitted(&limiter, &charges).unwrap();
    assert!(!first.states()[0].refused);
    let second = admitted(&limiter, &charges).expect("stops nothing");
    assert!(second.states()[0].refused, "but says that it would");
    now(limiter.refund(second)).unwrap();
    let third = admitted(&limiter, &charges).unwrap();
    assert!(
        third.states()[0].refused,
        "what was not charged is not given back"
    );
}

#[test]
fn key_parts_do_not_run_into_each_other() {
    let limiter = limiter(&Hands::new());
    let limit = strict("pair", 1);
    let long: Vec<&[u8]> = vec![b"x"; 20];
    for key in [
        &[b"ab" as &[u8], b"c"] as &[&[u8]],
        &[b"a", b"bc"],
        &[b"abc"],
        &[b"", b"abc"],
        &[],
        &long[..6],
        &long[..7],
        &long,
    ] {
        assert!(
            admitted(&limiter, &[Charge::new(&limit, key)]).is_some(),
            "{key:?}"
        );
    }
}

#[test]
fn two_limits_share_nothing_for_the_same_key() {
    let limiter = limiter(&Hands::new());
    let (one, two) = (strict("one", 1), strict("two", 1));
    assert!(admitted(&limiter, &[Charge::new(&one, &[b"k"])]).is_some());
    assert!(admitted(&limiter, &[Charge::new(&two, &[b"k"])]).is_some());
}

#[test]
fn a_tightened_quota_holds_at_once() {
    let limiter = limiter(&Hands::new());
    let loose = strict("login", 10);
    for _ in 0..3 {
        assert!(admitted(&limiter, &[Charge::new(&loose, &[b"k"])]).is_some());
    }
    let tight = strict("login", 2);
    assert!(admitted(&limiter, &[Charge::new(&tight, &[b"k"])]).is_none());
}

#[test]
fn what_cannot_be_decided_is_an_error_and_never_a_pass() {
    let limiter = limiter(&Hands::new());
    let limit = strict("one", 1);
    let twice = [Charge::new(&limit, &[b"k"]); 2];
    assert!(now(limiter.reserve(&twice)).is_err());
    let keys: Vec<[u8; 1]> = (0..9).map(|n| [n]).collect();
    let parts: Vec<[&[u8]; 1]> = keys.iter().map(|key| [&key[..]]).collect();
    let nine: Vec<Charge<'_>> = parts.iter().map(|key| Charge::new(&limit, key)).collect();
    assert!(now(limiter.reserve(&nine)).is_err());
    assert!(Charge::new(&limit, &[b"k"]).with_cost(0).is_err());
    assert!(Charge::new(&limit, &[b"k"]).with_cost(2).is_err());
}

#[test]
fn consecutive_failures_never_refill_and_stop_at_the_cap() {
    let clock = Hands::new();
    let limiter = limiter(&clock).with_failure_cap(3).unwrap();
    let alice: &[&[u8]] = &[b"alice"];
    for count in 1..=3 {
        let counted = now(limiter.record_failure(alice)).unwrap();
        assert_eq!(counted, Counted::Recorded(count));
        clock.advance(Duration::from_secs(30 * 24 * 3600));
    }
    assert_eq!(now(limiter.record_failure(alice)).unwrap(), Counted::AtCap);
    assert_eq!(now(limiter.failures(alice)).unwrap(), 3);
    assert_eq!(now(limiter.failures(&[b"bob"])).unwrap(), 0);
    now(limiter.clear_failures(alice)).unwrap();
    assert_eq!(now(limiter.failures(alice)).unwrap(), 0);
    assert!(limiter.clone().with_failure_cap(101).is_err());
    assert!(limiter.with_failure_cap(0).is_err());
}

#[test]
fn clearing_an_account_leaves_the_address_charged() {
    let limiter = limiter(&Hands::new());
    let (address, account) = (strict("address", 1), strict("account", 1));
    let (ip, alice) = (
        [Charge::new(&address, &[b"ip"])],
        [Charge::new(&account, &[b"alice"])],
    );
    assert!(admitted(&limiter, &[ip[0], alice[0]]).is_some());
    now(limiter.clear(&alice)).unwrap();
    assert!(admitted(&limiter, &alice).is_some());
    assert!(admitted(&limiter, &ip).is_none());
}

use super::*;

#[test]
fn a_store_full_of_families_refuses_logins_and_adoptions_and_evicts_nobody() {
    let mut test = Fixture::new();
    test.store = test.store.with_max_families(2);
    test.open("ann", "a");
    test.open("bob", "b");
    let full = "the store failed: the memory store is full of families";
    assert_eq!(test.try_open("eve", "c").unwrap_err().to_string(), full);
    assert_eq!(test.adopt("eve", "jti").unwrap_err().to_string(), full);
    assert!(!taken(test.store.contains("eve", "jti")).expect("memory answers"));

    // What is there works, and a tombstone still takes its place.
    assert!(matches!(test.rotate("ann", "a", 0), Verdict::Granted(_)));
    let _ = test.revoke("ann", "a").expect("an end needs no room");
    assert!(test.try_open("eve", "c").is_err());
    assert!(test.is_revoked(&token("ann", "a", 0)));

    test.at(7_200_000).open("eve", "c");
}

#[test]
fn a_store_full_of_marks_says_that_it_cannot_revoke() {
    let mut test = Fixture::new();
    test.store = test.store.with_max_marks(2);
    let until = Timestamp::from_millis(START + 1_000);
    let _ = taken(test.store.deny("ann", "1", until)).expect("there is room");
    let _ = taken(test.store.add("ann", "2", until)).expect("there is room");
    let full = "the store failed: the memory store is full of revocations";
    let message = |error: StoreError| error.to_string();
    assert_eq!(
        taken(test.store.deny("ann", "3", until)).map_err(message),
        Err(full.into())
    );
    assert_eq!(
        taken(test.store.add("ann", "3", until)).map_err(message),
        Err(full.into())
    );
    assert_eq!(test.revoke_all("ann").map_err(message), Err(full.into()));
    assert_eq!(
        test.revoke("ann", "unknown").map_err(message),
        Err(full.into())
    );
    let _ = taken(test.store.deny("ann", "1", until)).expect("it is there already");

    test.open("ann", "a");
    let _ = test
        .revoke("ann", "a")
        .expect("the end of a known family needs no room");
    let _ = test
        .at(1_000)
        .revoke_all("ann")
        .expect("the others have expired");
}

#[test]
fn what_has_expired_leaves_as_others_come() {
    let test = Fixture::new();
    for user in 0..200 {
        let name = format!("user{user}");
        test.open(&name, "a");
        let _ = test.revoke_all(&name).expect("there is room");
        let until = Timestamp::from_millis(START + 60_000);
        let _ = taken(test.store.deny(&name, "jti", until)).expect("there is room");
        let _ = test.revoke(&name, "unknown").expect("there is room");
    }
    assert_eq!(test.store.entries(), 800);
    test.at(8_000_000);
    for _ in 0..101 {
        test.listed("nobody");
    }
    assert_eq!(test.store.entries(), 0);
    let state = test.store.locked();
    assert!(state.users.is_empty() && state.due.is_empty());
}

#[test]
fn a_family_in_use_outlives_the_sweep() {
    let test = Fixture::new();
    test.open("ann", "a");
    test.at(3_000_000).rotate("ann", "a", 0);
    test.at(3_700_000);
    assert_eq!(test.listed("ann"), ["a"]);
    assert_eq!(test.store.locked().due.len(), 1);
    test.at(6_600_000);
    assert!(test.listed("ann").is_empty());
    assert_eq!(test.store.entries(), 0);
}

#[test]
fn a_user_who_logs_in_and_out_all_day_does_not_fill_the_store() {
    let test = Fixture::new();
    for round in 0..500 {
        let sid = format!("s{round}");
        test.at(round * 10_000).open("ann", &sid);
        let _ = test.revoke("ann", &sid).expect("known");
    }
    // Four times the families allowed, and those that still deny access tokens.
    assert!(
        test.store.entries() <= 4 * 3 + 30 + 1,
        "{} entries",
        test.store.entries()
    );
    assert!(test.is_revoked(&token("ann", "s499", 4_990_000)));
    assert!(
        test.is_revoked(&token("ann", "s471", 4_710_000)),
        "29 logins ago, still denied"
    );
}

#[test]
fn a_logout_before_the_adoption_is_not_crowded_out() {
    let test = Fixture::new();
    let _ = test.revoke("ann", "jti").expect("there is room");
    for round in 0..200 {
        let sid = format!("s{round}");
        test.at(round * 30_000).open("ann", &sid);
        let _ = test.revoke("ann", &sid).expect("known");
    }
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
    assert_eq!(test.adopt("ann", "jti").expect("no room is needed"), ended);
}

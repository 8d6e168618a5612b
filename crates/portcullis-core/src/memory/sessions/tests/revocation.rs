use super::*;

#[test]
fn a_logout_ends_the_family_and_its_access_tokens_at_once() {
    let test = Fixture::new();
    test.open("ann", "a");
    assert!(!test.is_revoked(&token("ann", "a", 0)));
    for _ in 0..2 {
        assert_eq!(
            test.revoke("ann", "a").expect("known"),
            Confirmation::Confirmed
        );
        assert!(test.is_revoked(&token("ann", "a", 0)));
        let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
        assert_eq!(test.rotate("ann", "a", 0), ended);
        assert_eq!(test.rotate("ann", "a", 1), ended);
    }
    assert!(test.listed("ann").is_empty());
}

#[test]
fn the_first_reason_of_an_end_stays() {
    let test = Fixture::new();
    test.open("ann", "a");
    let _ = test.revoke("ann", "a").expect("known");
    let again = test
        .store
        .revoke("ann", "a", RevokeReason::Replaced, &POLICY);
    let _ = taken(again).expect("known");
    let ended = Refusal::Revoked(RevokeReason::Logout);
    assert_eq!(test.rotate("ann", "a", 0), Verdict::Refused(ended));
}

#[test]
fn reuse_denies_the_access_tokens_in_the_same_step() {
    let test = Fixture::new();
    test.open("ann", "a");
    test.rotate("ann", "a", 0);
    test.at(30_000).rotate("ann", "a", 1);
    assert!(!test.is_revoked(&token("ann", "a", 0)));
    assert_eq!(test.rotate("ann", "a", 0), Verdict::Refused(Refusal::Reuse));
    assert!(test.is_revoked(&token("ann", "a", 0)));
    assert!(test.listed("ann").is_empty());
}

#[test]
fn a_logout_before_the_adoption_prevents_it() {
    let test = Fixture::new();
    let _ = test.revoke("ann", "jti").expect("there is room");
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Logout));
    assert_eq!(test.adopt("ann", "jti").expect("no room is needed"), ended);
}

#[test]
fn a_cut_ends_what_began_before_it_and_not_the_next_login() {
    let test = Fixture::new();
    test.open("ann", "a");
    test.open("bob", "b");
    let _ = test.revoke_all("ann").expect("there is room");
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::User));
    assert!(test.is_revoked(&token("ann", "a", 0)));
    assert!(test.listed("ann").is_empty());
    assert_eq!(test.rotate("ann", "a", 0), ended);
    assert!(
        !test.is_revoked(&token("bob", "b", 0)),
        "others are untouched"
    );

    let next = test.open("ann", "next"); // in the same millisecond
    assert_eq!(next.created, Timestamp::from_millis(START + 1));
    assert!(!test.is_revoked(&token("ann", "next", 1)));
    assert_eq!(test.listed("ann"), ["next"]);
    assert!(matches!(test.rotate("ann", "next", 0), Verdict::Granted(_)));
}

#[test]
fn a_second_cut_in_the_same_millisecond_ends_the_login_between() {
    let test = Fixture::new();
    let _ = test.revoke_all("ann").expect("there is room");
    test.open("ann", "between");
    let _ = test.revoke_all("ann").expect("the user has a cut");
    assert!(test.is_revoked(&token("ann", "between", 1)));
    test.open("ann", "after");
    assert_eq!(test.listed("ann"), ["after"]);
}

#[test]
fn a_cut_ends_what_began_before_the_clock_went_back() {
    let test = Fixture::new();
    test.at(60_000).open("ann", "a");
    let _ = test.at(0).revoke_all("ann").expect("there is room");
    assert!(test.is_revoked(&token("ann", "a", 60_000)));
    test.open("ann", "next");
    assert_eq!(test.listed("ann"), ["next"]);
}

#[test]
fn a_token_without_a_session_is_cut_up_to_five_seconds_later() {
    let test = Fixture::new();
    let _ = test.revoke_all("ann").expect("there is room");
    for (issued_at, revoked) in [(0, true), (5_000, true), (5_001, false), (6_000, false)] {
        assert_eq!(
            test.is_revoked(&django_token("ann", issued_at)),
            revoked,
            "{issued_at}"
        );
    }
    assert!(!test.is_revoked(&django_token("bob", 0)));
}

#[test]
fn a_denied_token_is_refused_until_it_expires() {
    let test = Fixture::new();
    let until = Timestamp::from_millis(START + 300_000);
    let deny = |until| taken(test.store.deny("ann", "django-jti", until)).expect("there is room");
    let _ = deny(until);
    let _ = deny(Timestamp::from_millis(START + 1));
    test.at(299_999);
    assert!(
        test.is_revoked(&django_token("ann", 0)),
        "a second denial never shortens"
    );
    assert!(!test.is_revoked(&django_token("bob", 0)));
    test.at(300_000);
    assert!(!test.is_revoked(&django_token("ann", 0)));
}

#[test]
fn a_restart_does_not_revive_a_session() {
    let test = Fixture::new();
    // Both began in an earlier process; who knows which was logged out there.
    let before = TokenFacts {
        session_started: Some(Timestamp::from_millis(START - 1)),
        ..token("ann", "a", 0)
    };
    assert!(test.is_revoked(&before));
    assert!(
        !test.is_revoked(&token("ann", "a", 0)),
        "this one began here"
    );
    let undated = TokenFacts {
        session_started: None,
        ..token("ann", "a", 0)
    };
    assert!(
        test.is_revoked(&undated),
        "a session without a date cannot be placed"
    );
}

#[test]
fn an_adopted_session_may_be_older_than_the_process() {
    let test = Fixture::new();
    test.adopt("ann", "jti").expect("there is room");
    let adopted = TokenFacts {
        session_started: Some(Timestamp::from_millis(START - 60_000)),
        ..token("ann", "jti", 0)
    };
    assert!(!test.is_revoked(&adopted));
    let _ = test.revoke("ann", "jti").expect("known");
    assert!(test.is_revoked(&adopted));
}

#[test]
fn a_login_that_races_a_cut_is_decided_by_the_order_of_the_steps() {
    let test = Fixture::new();
    for order in 0..4 {
        let sid = format!("s{order}");
        test.open("ann", &sid);
        let _ = test.revoke_all("ann").expect("the user has a cut or room");
        let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::User));
        assert_eq!(test.rotate("ann", &sid, 0), ended);
    }
}

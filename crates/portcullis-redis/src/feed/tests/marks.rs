//! What is kept, and for how long.

use super::*;
use crate::feed::marks::Marks;

const NOW: Timestamp = Timestamp::from_secs(1_000);

fn marks(entries: &[Entry]) -> Marks {
    let mut marks = Marks::new(100);
    for entry in entries {
        let due = Entry {
            expires: 1_060,
            ..entry.clone()
        };
        assert!(marks.keep(&due, NOW));
    }
    marks
}

#[track_caller]
fn check(entries: &[Entry], token: &TokenFacts<'_>, want: bool) {
    let revoked = marks(entries).is_revoked(token, &tagger(), NOW);
    assert_eq!(revoked, want, "{entries:?} for {token:?}");
    let later = marks(entries).is_revoked(token, &tagger(), Timestamp::from_secs(1_120));
    assert!(!later, "{entries:?} has expired");
}

#[test]
fn a_revocation_concerns_what_it_names() {
    let bobs = TokenFacts {
        subject: "bob",
        ..of_session("a")
    };
    check(&[], &of_session("a"), false);
    check(&[ended("a")], &of_session("a"), true);
    check(&[ended("a")], &of_session("b"), false);
    check(&[ended("a")], &bobs, false);
    check(&[ended("a")], &of_django("a", 10), false);
    check(&[denied("jti")], &of_session("a"), true);
    check(&[denied("jti")], &of_django("other", 10), false);
    check(&[denied("jti")], &bobs, false);
    check(&[cut(10_000)], &of_session("a"), true);
    check(&[cut(9_999)], &of_session("a"), false);
    check(&[cut(10_000)], &bobs, false);
}

#[test]
fn a_token_without_a_session_is_cut_up_to_five_seconds_later() {
    check(&[cut(10_000)], &of_django("a", 15), true);
    check(&[cut(10_000)], &of_django("a", 16), false);
    let sessionless = TokenFacts {
        session: None,
        ..of_session("a")
    };
    check(&[cut(5_000)], &sessionless, true);
}

#[test]
fn the_later_of_two_cuts_and_of_two_ends_holds() {
    let tagger = tagger();
    let mut marks = marks(&[cut(20_000), ended("a")]);
    for entry in [cut(5_000), ended("a")] {
        let sooner = Entry {
            expires: 1_010,
            ..entry
        };
        assert!(marks.keep(&sooner, NOW));
    }
    let then = Timestamp::from_secs(1_050);
    marks.sweep(then);
    assert!(marks.is_revoked(&of_session("b"), &tagger, then));
    assert!(marks.is_revoked(&of_session("a"), &tagger, then));
    assert_eq!(marks.len(), 2);
}

#[test]
fn an_ended_session_is_remembered_for_the_leeway_of_its_last_token() {
    let marks = marks(&[ended("a")]);
    let at = |secs| marks.is_revoked(&of_session("a"), &tagger(), Timestamp::from_secs(secs));
    assert!(at(1_119) && !at(1_120));
}

#[test]
fn what_has_expired_makes_room_and_what_has_not_never_does() {
    let mut marks = Marks::new(2);
    let until = |sid: &str, until: u64| Entry {
        expires: until - 60,
        ..ended(sid)
    };
    assert!(marks.keep(&until("a", 1_010), NOW));
    assert!(marks.keep(&until("b", 1_020), NOW));
    assert!(!marks.keep(&until("c", 1_030), NOW));
    assert!(marks.keep(&until("a", 1_015), NOW), "it is there already");
    assert!(
        marks.keep(&until("d", 1_000), NOW),
        "it says nothing any more"
    );
    let later = Timestamp::from_secs(1_012);
    assert!(!marks.keep(&until("c", 1_030), later), "a was prolonged");
    let later = Timestamp::from_secs(1_015);
    assert!(marks.keep(&until("c", 1_030), later));
    marks.sweep(Timestamp::from_secs(1_030));
    assert_eq!(marks.len(), 0);
}

#[test]
fn one_session_id_of_two_users_is_two_sessions() {
    let mut marks = Marks::new(10);
    let bobs = Entry {
        fact: Fact::Session {
            user: tagger().user("bob"),
            sid: "a".to_owned(),
        },
        expires: 950,
    };
    let anns = Entry {
        expires: 960,
        ..ended("a")
    };
    assert!(marks.keep(&bobs, NOW) && marks.keep(&anns, NOW));
    let later = Timestamp::from_secs(1_011);
    marks.sweep(later);
    let bob = TokenFacts {
        subject: "bob",
        ..of_session("a")
    };
    assert!(!marks.is_revoked(&bob, &tagger(), later));
    assert!(marks.is_revoked(&of_session("a"), &tagger(), later));
}

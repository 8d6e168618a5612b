//! The promises of a [`FamilyStore`](portcullis_core::store::FamilyStore).

use portcullis_core::rotation::{Grant, GrantKind};

use super::{
    Adoption, Duration, Harness, NewFamily, Refusal, RevokeReason, SessionId, Steps, Timestamp,
    Verdict, access, join, ours, told,
};
use crate::model::run_schedule;

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;

/// A hundred refreshes with one token make one generation, and all get it.
pub async fn concurrent_refreshes_get_one_successor(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    let token = ours("a", 0);
    let asked = (0..100)
        .map(|_| harness.families().rotate(&token, &steps.policy))
        .collect();
    let mut rotated = 0;
    for verdict in join(asked).await {
        match verdict.expect("the store answers") {
            Verdict::Granted(Grant {
                kind,
                generation: 1,
                ..
            }) => rotated += usize::from(kind == GrantKind::Rotated),
            other => panic!("not the one successor: {other:?}"),
        }
    }
    assert_eq!(rotated, 1);
}

/// One overlap for the parent, two for the current token, and no repetition moves them.
pub async fn the_windows_of_a_rotation_end_on_their_millisecond(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(0, "a", 0, "Rotated 1").await;
    steps.expect(9_998, "a", 0, "Replay 1").await;
    steps.expect(9_999, "a", 0, "Replay 1").await;
    steps.expect(10_000, "a", 1, "Same 1").await;
    steps.expect(19_999, "a", 1, "Same 1").await;
    steps.expect(20_000, "a", 1, "Rotated 2").await;
    steps.expect(29_999, "a", 1, "Replay 2").await;
}

/// A grant tells the times and the key version of its tokens.
pub async fn grants_carry_what_the_tokens_need(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let opened = steps.open("ann", "a").await;
    let millis = |at: Timestamp| Timestamp::from_millis(at.as_millis());
    assert_eq!(opened.created, millis(steps.start));
    steps.expect(60 * SECOND, "a", 0, "Rotated 1").await;
    let Verdict::Granted(grant) = steps.at(65 * SECOND).await.rotate("a", 0).await else {
        panic!("the parent is inside its overlap");
    };
    let wanted = Grant {
        kind: GrantKind::Replay,
        generation: 1,
        issued_at: millis(steps.start + Duration::from_secs(60)),
        created: opened.created,
        absolute_end: opened.absolute_end,
        now: millis(steps.start + Duration::from_secs(65)),
        key_version: 1,
    };
    assert_eq!(grant, wanted);
}

/// The parent of an unseen token is forgiven, once per budget.
pub async fn a_lost_response_is_forgiven_once(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(0, "a", 0, "Rotated 1").await;
    steps.expect(300 * SECOND, "a", 0, "Lost 1").await;
    steps.expect(305 * SECOND, "a", 0, "Replay 1").await;
    steps.expect(600 * SECOND, "a", 1, "Rotated 2").await;
    steps.expect(900 * SECOND, "a", 2, "Rotated 3").await;
    steps.expect(1_200 * SECOND, "a", 2, "Reuse").await;
}

/// A generation ahead of the store becomes current, and is not moved on.
pub async fn a_forgotten_generation_becomes_current(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(0, "a", 5, "Ahead 5").await;
    steps.expect(SECOND, "a", 5, "Same 5").await;
    steps.expect(2 * SECOND, "a", 4, "Replay 5").await;
    steps.expect(30 * SECOND, "a", 5, "Rotated 6").await;
}

/// An old generation ends the family, its access tokens and its line in the list, in one step.
pub async fn reuse_ends_the_family_and_its_access_tokens(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let opened = steps.open("ann", "a").await;
    steps.expect(0, "a", 0, "Rotated 1").await;
    steps.expect(300 * SECOND, "a", 1, "Rotated 2").await;
    assert!(!steps.is_revoked(&access("a", &opened)).await);
    steps.expect(301 * SECOND, "a", 0, "Reuse").await;
    assert!(steps.is_revoked(&access("a", &opened)).await);
    assert!(steps.sessions("ann").await.is_empty());
    for generation in 0..4 {
        steps
            .expect(302 * SECOND, "a", generation, "Revoked(Reuse)")
            .await;
    }
}

/// Whatever a racing refresh was granted, nothing is granted once the logout has answered.
pub async fn a_refresh_that_races_a_logout_revives_nothing(harness: &impl Harness) {
    let steps = Steps::new(harness);
    for round in 0..10 {
        let sid = format!("race{round}");
        steps.open("ann", &sid).await;
        let token = ours(&sid, 0);
        let families = harness.families();
        let refresh = || {
            let verdict = families.rotate(&token, &steps.policy);
            verdict.map(|verdict| {
                verdict.expect("the store answers");
            })
        };
        let logout = families.revoke("ann", &sid, RevokeReason::Logout, &steps.policy);
        let logout = logout.map(|confirmed| {
            let _ = confirmed.expect("the store has room");
        });
        join(vec![refresh(), refresh(), logout, refresh(), refresh()]).await;
        for generation in 0..3 {
            let verdict = steps.rotate(&sid, generation).await;
            assert_eq!(told(&verdict), "Revoked(Logout)");
        }
    }
}

/// The end of all sessions holds for the living, and not for a login in the same millisecond.
pub async fn the_end_of_all_sessions_spares_the_next_login(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.revoke_all("ann").await;
    assert!(steps.sessions("ann").await.is_empty());
    assert_eq!(told(&steps.rotate("a", 0).await), "Revoked(User)");
    steps.open("ann", "b").await;
    assert_eq!(told(&steps.rotate("b", 0).await), "Rotated 1");
    steps.revoke_all("ann").await;
    assert_eq!(
        told(&steps.rotate("b", 1).await),
        "Revoked(User)",
        "a second cut counts too"
    );
    steps.open("ann", "c").await;
    assert_eq!(steps.sessions("ann").await.len(), 1);
}

/// Refreshing on and on does not move the absolute end, and nothing is granted from there on.
pub async fn the_absolute_end_never_moves(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let opened = steps.open("ann", "a").await;
    for generation in 0..13 {
        steps.at((generation + 1) * DAY).await;
        let Verdict::Granted(grant) = steps.rotate("a", generation).await else {
            panic!("day {generation} is inside both lifetimes");
        };
        assert_eq!(grant.absolute_end, opened.absolute_end);
    }
    harness.set(opened.absolute_end).await;
    let verdict = steps.rotate("a", 13).await;
    assert!(
        matches!(
            verdict,
            Verdict::Refused(Refusal::Expired | Refusal::Unknown)
        ),
        "{verdict:?}",
    );
    assert!(steps.sessions("ann").await.is_empty());
}

/// A family that nobody refreshes ends with the idle lifetime.
pub async fn a_family_that_is_idle_too_long_is_gone(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(DAY, "a", 0, "Rotated 1").await;
    steps
        .expect(7 * DAY + 60 * SECOND, "a", 1, "Rotated 2")
        .await;
    steps
        .expect(14 * DAY - 60 * SECOND, "a", 2, "Rotated 3")
        .await;
    steps.open("ann", "b").await;
    steps.expect(21 * DAY, "b", 0, "Unknown").await;
    assert!(steps.sessions("ann").await.is_empty());
}

/// A stored time ahead of the clock is lowered to now, so no window grows.
pub async fn a_clock_that_goes_back_does_not_lengthen_the_overlap(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(600 * SECOND, "a", 0, "Rotated 1").await;
    steps.expect(300 * SECOND, "a", 0, "Replay 1").await;
    steps.expect(309_999, "a", 0, "Replay 1").await;
    steps.expect(320 * SECOND, "a", 1, "Rotated 2").await;
}

/// A user cannot refresh or end the family of another.
pub async fn a_family_belongs_to_its_user(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("bob", "b").await;
    assert_eq!(told(&steps.rotate("b", 0).await), "Unknown");
    steps.revoke("b").await;
    steps.revoke_all("ann").await;
    assert_eq!(steps.sessions("bob").await.len(), 1);
}

/// Opening a family under an id in use is an error, and changes nothing.
pub async fn a_taken_id_is_an_error(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(0, "a", 0, "Rotated 1").await;
    let sid = SessionId::parse("a").expect("a letter");
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 2,
        label: None,
    };
    assert!(
        harness
            .families()
            .open(&family, &steps.policy)
            .await
            .is_err()
    );
    steps.expect(SECOND, "a", 1, "Same 1").await;
}

/// The oldest family makes room for a new one, and its access tokens end with it.
pub async fn one_family_too_many_ends_the_oldest(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let oldest = steps.open("ann", "a").await;
    for (at, sid) in [(10, "b"), (20, "c"), (30, "d")] {
        steps.at(at).await.open("ann", sid).await;
    }
    let left: Vec<_> = steps
        .sessions("ann")
        .await
        .into_iter()
        .map(|line| line.sid)
        .collect();
    let left: Vec<_> = left.iter().map(SessionId::as_str).collect();
    assert_eq!(left, ["d", "c", "b"]);
    assert!(steps.is_revoked(&access("a", &oldest)).await);
    assert_eq!(told(&steps.rotate("a", 0).await), "Revoked(Evicted)");
}

/// The list has the living, newest first, with what a user recognises them by.
pub async fn sessions_are_listed_newest_first(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let first = steps.open("ann", "a").await;
    steps.at(1_000).await.open("ann", "b").await;
    steps.expect(5_000, "a", 0, "Rotated 1").await;
    let sessions = steps.sessions("ann").await;
    assert_eq!(sessions.len(), 2);
    assert_eq!(sessions[0].sid.as_str(), "b");
    assert_eq!(sessions[1].sid.as_str(), "a");
    assert_eq!(sessions[1].created, first.created);
    let used = (steps.start + Duration::from_secs(5)).as_millis();
    assert_eq!(sessions[1].last_used.as_millis(), used);
    assert_eq!(sessions[1].label.as_deref(), Some("Firefox"));
    assert!(steps.sessions("bob").await.is_empty());
}

/// A label is cut to 64 bytes, never within a character.
pub async fn a_label_is_cut_between_characters(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let sid = SessionId::parse("a").expect("a letter");
    let label = "€".repeat(22);
    let family = NewFamily {
        subject: "ann",
        sid: &sid,
        key_version: 1,
        label: Some(&label),
    };
    let opened = harness.families().open(&family, &steps.policy).await;
    opened.expect("the store has room");
    let sessions = steps.sessions("ann").await;
    assert_eq!(sessions[0].label.as_deref(), Some(&label[..63]));
}

/// A token of Django's becomes a family at first use, and never a second one.
pub async fn django_tokens_are_adopted_once(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let Verdict::Granted(grant) = steps.adopt("jti", steps.django()).await else {
        panic!("the token is good");
    };
    assert_eq!((grant.kind, grant.generation), (GrantKind::Rotated, 1));
    assert_eq!(
        (grant.created, grant.key_version),
        (steps.django().created, 9)
    );
    assert_eq!(grant.absolute_end, steps.django().absolute_end);
    assert!(steps.is_listed("ann", "jti").await, "in the same step");
    assert_eq!(told(&steps.adopt("jti", steps.django()).await), "Replay 1");
    steps.revoke("jti").await;
    assert_eq!(
        told(&steps.adopt("jti", steps.django()).await),
        "Revoked(Logout)"
    );
}

/// Blacklisted, cut and expired tokens of Django's open nothing.
pub async fn ended_or_listed_django_tokens_are_not_adopted(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let token = steps.django();
    let listed = harness
        .blacklist()
        .add("ann", "listed", token.token_expires)
        .await;
    let _ = listed.expect("the store has room");
    assert_eq!(told(&steps.adopt("listed", token).await), "Revoked(Listed)");

    let expired = Adoption {
        token_expires: Timestamp::from_secs(steps.start.as_secs()),
        ..token
    };
    assert_eq!(told(&steps.adopt("expired", expired).await), "Expired");
    let ended = Adoption {
        absolute_end: Timestamp::from_secs(steps.start.as_secs()),
        ..token
    };
    assert_eq!(told(&steps.adopt("ended", ended).await), "Expired");

    steps.revoke_all("ann").await;
    let cut = Timestamp::from_millis(steps.start.as_millis());
    for created in [token.created, cut] {
        let token = Adoption { created, ..token };
        assert_eq!(told(&steps.adopt("cut", token).await), "Revoked(User)");
    }
    let spared = Adoption {
        created: cut + Duration::from_millis(1),
        ..token
    };
    assert_eq!(told(&steps.adopt("spared", spared).await), "Rotated 1");
    steps.revoke("spared").await;
    assert!(steps.sessions("ann").await.is_empty());
    assert!(
        !steps.is_listed("ann", "cut").await,
        "a refusal lists nothing"
    );
}

/// Random schedules give what the model gives, answer by answer.
///
/// One schedule per fresh store; a store's own tests run more, from more seeds.
pub async fn random_schedules_equal_the_model(harness: &impl Harness) {
    let policy = super::policy();
    run_schedule(harness, policy, 1, 200).await;
}

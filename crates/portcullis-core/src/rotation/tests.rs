use std::time::Duration;

use super::*;

mod counterexamples;
mod explorer;
mod ids;
mod policy;

const LOGIN: u64 = 1_700_000_000_000;
const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;

/// One family and its store, told step by step; times are milliseconds after the login.
struct Story {
    known: Known,
    policy: RotationPolicy,
    last: Option<Decision>,
}

impl Story {
    fn after_login() -> Self {
        let policy = RotationPolicy::default();
        let family = Family::open(Timestamp::from_millis(LOGIN), None, 7, &policy);
        Self {
            known: Known {
                entry: Some(Entry::Alive(family)),
                ..Known::default()
            },
            policy,
            last: None,
        }
    }

    /// Presents `generation` at `at` and expects `verdict`, written as kind and generation.
    #[track_caller]
    fn step(&mut self, at: u64, generation: u64, verdict: &str) -> &mut Self {
        let presented = Presented {
            subject: "42",
            sid: "f",
            generation,
            adoption: None,
        };
        let now = Timestamp::from_millis(LOGIN + at);
        let decision = decide(self.known.clone(), &presented, &self.policy, now);
        assert_eq!(
            told(&decision.verdict),
            verdict,
            "generation {generation} at {at} ms"
        );
        self.known.entry = decision.entry.clone();
        self.last = Some(decision);
        self
    }

    fn family(&mut self) -> &mut Family {
        match &mut self.known.entry {
            Some(Entry::Alive(family)) => family,
            other => panic!("no living family but {other:?}"),
        }
    }
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Granted(grant) => format!("{:?} {}", grant.kind, grant.generation),
        Verdict::Refused(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn the_current_token_opens_the_next_generation() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1");
    let Some(Verdict::Granted(grant)) = story.last.take().map(|last| last.verdict) else {
        panic!("granted above");
    };
    assert_eq!(grant.issued_at, Timestamp::from_millis(LOGIN));
    assert_eq!(grant.created, Timestamp::from_millis(LOGIN));
    assert_eq!(grant.absolute_end, Timestamp::from_millis(LOGIN + 14 * DAY));
    assert_eq!(grant.key_version, 7, "the version of the login, for good");
    story.step(20 * SECOND, 1, "Rotated 2");
}

#[test]
fn the_current_token_gets_no_new_one_within_two_overlaps_of_its_window() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1");
    story.step(19_999, 1, "Same 1");
    assert!(story.family().seen, "its use shows that it arrived");
    assert_eq!(
        story.family().rotated,
        Timestamp::from_millis(LOGIN),
        "the window stays"
    );
    story.step(20_000, 1, "Rotated 2");
}

#[test]
fn the_parent_gets_the_same_successor_within_one_overlap() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1").step(9_999, 0, "Replay 1");
    let before = story.family().clone();
    story.step(9_999, 0, "Replay 1");
    assert_eq!(
        *story.family(),
        before,
        "a replay writes nothing, so it opens no window"
    );
}

#[test]
fn the_parent_of_an_unseen_token_is_a_lost_response() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1").step(DAY, 0, "Lost 1");
    story.step(DAY + 9_999, 0, "Replay 1");
    story.step(DAY + 10_000, 0, "Reuse");
}

#[test]
fn the_parent_of_a_token_that_was_used_is_reuse() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1").step(5 * SECOND, 1, "Same 1");
    story.step(20 * SECOND, 0, "Reuse");
}

#[test]
fn a_second_lost_response_within_the_budget_is_reuse() {
    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(300 * SECOND, 0, "Lost 1");
    story.step(600 * SECOND, 1, "Rotated 2");
    story.step(900 * SECOND, 2, "Rotated 3");
    story.step(1_200 * SECOND, 2, "Reuse");
}

#[test]
fn losses_a_budget_apart_are_each_forgiven() {
    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(300 * SECOND, 0, "Lost 1");
    story.step(600 * SECOND, 1, "Rotated 2");
    story.step(DAY + 1, 2, "Rotated 3");
    story.step(DAY + 300 * SECOND, 2, "Lost 3");
}

#[test]
fn a_generation_that_the_store_forgot_becomes_current_and_seen() {
    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(300 * SECOND, 4, "Ahead 4");
    assert!(story.family().seen);
    assert!(!matches!(
        &story.last.as_ref().expect("a step was taken").verdict,
        Verdict::Granted(grant) if grant.sends_refresh(),
    ));
    story.step(301 * SECOND, 4, "Same 4");
    story.step(330 * SECOND, 4, "Rotated 5");
}

#[test]
fn a_grandparent_is_reuse_even_within_the_overlap() {
    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(20 * SECOND, 1, "Rotated 2");
    story.step(20 * SECOND, 0, "Reuse");
}

#[test]
fn reuse_ends_the_family_and_denies_its_access_tokens() {
    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(20 * SECOND, 1, "Rotated 2");
    story.step(30 * SECOND, 0, "Reuse");
    let decision = story.last.as_ref().expect("a step was taken");
    assert_eq!(
        decision.deny_until,
        Some(Timestamp::from_millis(LOGIN + 330 * SECOND))
    );
    assert_eq!(
        decision.entry,
        Some(Entry::Ended {
            reason: RevokeReason::Reuse,
            until: Timestamp::from_millis(LOGIN + 14 * DAY),
        }),
    );
    story.step(30 * SECOND, 2, "Revoked(Reuse)");
}

#[test]
fn a_tombstone_is_tested_before_anything_else() {
    for generation in [0, 1, 2, 9] {
        let mut story = Story::after_login();
        story.step(0, 0, "Rotated 1");
        story.known.entry = Some(story.family().ended(RevokeReason::Logout));
        story.known.not_before = Some(Timestamp::MAX);
        story.step(SECOND, generation, "Revoked(Logout)");
        assert!(story.known.entry.is_some(), "the tombstone stays");
    }
}

#[test]
fn nothing_is_granted_from_the_absolute_end_on() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1");
    let end = 14 * DAY;
    let mut late = Story {
        known: story.known.clone(),
        ..Story::after_login()
    };
    late.step(end, 1, "Expired");
    assert_eq!(late.known.entry, None);
    story.step(end - 1, 1, "Rotated 2");
    let end = story.family().absolute_end;
    assert_eq!(story.family().expires, end, "never past the end");
}

#[test]
fn no_family_is_unknown() {
    let mut story = Story::after_login();
    story.known.entry = None;
    story.step(0, 0, "Unknown");
    assert_eq!(story.known.entry, None);
}

#[test]
fn a_cut_ends_families_up_to_its_millisecond() {
    for (cut, verdict) in [
        (LOGIN - 1, "Rotated 1"),
        (LOGIN, "Revoked(User)"),
        (LOGIN + 1, "Revoked(User)"),
    ] {
        let mut story = Story::after_login();
        story.known.not_before = Some(Timestamp::from_millis(cut));
        story.step(SECOND, 0, verdict);
    }
}

#[test]
fn a_stored_time_ahead_of_the_clock_is_lowered_to_now() {
    let mut story = Story::after_login();
    story.step(3_600 * SECOND, 0, "Rotated 1");
    // The clock goes back an hour: without the clamp, the window would stay open for an hour.
    story.step(0, 0, "Replay 1");
    assert_eq!(story.family().rotated, Timestamp::from_millis(LOGIN));
    story.step(20 * SECOND, 1, "Rotated 2");

    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(3_600 * SECOND, 0, "Lost 1");
    story.step(60 * SECOND, 1, "Same 1");
    story.step(80 * SECOND, 1, "Rotated 2");
}

#[test]
fn the_idle_end_moves_with_rotations_alone() {
    let mut story = Story::after_login();
    let idle_from = |at: u64| Timestamp::from_millis(LOGIN + at + 7 * DAY);
    assert_eq!(story.family().expires, idle_from(0));
    story.step(100 * SECOND, 0, "Rotated 1");
    for (at, generation, verdict) in [(101, 0, "Replay 1"), (102, 1, "Same 1")] {
        story.step(at * SECOND, generation, verdict);
        assert_eq!(story.family().expires, idle_from(100 * SECOND));
    }
}

#[test]
fn without_an_overlap_every_repetition_is_a_loss_or_reuse() {
    let mut story = Story::after_login();
    story.policy = story.policy.with_overlap(Duration::ZERO);
    story
        .step(0, 0, "Rotated 1")
        .step(0, 0, "Lost 1")
        .step(0, 0, "Reuse");
}

#[test]
fn the_last_generation_does_not_wrap_round() {
    let mut story = Story::after_login();
    story.step(0, u64::MAX, "Ahead 18446744073709551615");
    story.step(60 * SECOND, u64::MAX, "Rotated 18446744073709551615");
}

fn adopt(known: Known, now: u64, token: Adoption) -> Decision {
    let presented = Presented {
        subject: "42",
        sid: "django-jti",
        generation: 0,
        adoption: Some(token),
    };
    decide(
        known,
        &presented,
        &RotationPolicy::default(),
        Timestamp::from_millis(now),
    )
}

fn token() -> Adoption {
    Adoption {
        created: Timestamp::from_millis(LOGIN - DAY),
        absolute_end: Timestamp::from_millis(LOGIN + 30 * DAY),
        token_expires: Timestamp::from_millis(LOGIN + 2 * DAY),
        key_version: 3,
    }
}

#[test]
fn adoption_opens_a_family_and_blacklists_the_token_in_one_step() {
    let decision = adopt(Known::default(), LOGIN, token());
    assert_eq!(told(&decision.verdict), "Rotated 1");
    assert_eq!(decision.listed_until, Some(token().token_expires));
    let Some(Entry::Alive(family)) = decision.entry else {
        panic!("a family was opened");
    };
    assert_eq!(family.key_version, 3);
    assert_eq!(family.created, token().created);
    assert_eq!(
        family.absolute_end,
        Timestamp::from_millis(LOGIN + 13 * DAY),
        "not later than a family of the token's age",
    );
}

#[test]
fn a_token_is_not_adopted_when_listed_cut_or_expired() {
    let listed = Known {
        listed: true,
        ..Known::default()
    };
    assert_eq!(
        told(&adopt(listed, LOGIN, token()).verdict),
        "Revoked(Listed)"
    );
    let cut = Known {
        not_before: Some(token().created),
        ..Known::default()
    };
    assert_eq!(told(&adopt(cut, LOGIN, token()).verdict), "Revoked(User)");
    let late = adopt(Known::default(), LOGIN + 2 * DAY, token());
    assert_eq!(told(&late.verdict), "Expired");
    assert_eq!(late.entry, None);
    assert_eq!(late.listed_until, None);
    let ended = Adoption {
        absolute_end: Timestamp::from_millis(LOGIN),
        ..token()
    };
    assert_eq!(
        told(&adopt(Known::default(), LOGIN, ended).verdict),
        "Expired"
    );
}

#[test]
fn an_existing_family_alone_decides_about_an_adopted_token() {
    let first = adopt(Known::default(), LOGIN, token());
    let known = Known {
        entry: first.entry,
        listed: true,
        not_before: None,
    };
    let replay = adopt(known.clone(), LOGIN + 9 * SECOND, token());
    assert_eq!(told(&replay.verdict), "Replay 1", "the listing is its own");
    assert_eq!(replay.listed_until, None);

    let ended = Known {
        entry: Some(Entry::Ended {
            reason: RevokeReason::Logout,
            until: Timestamp::MAX,
        }),
        ..Known::default()
    };
    assert_eq!(
        told(&adopt(ended, LOGIN, token()).verdict),
        "Revoked(Logout)"
    );
}

//! One promise for each history that an earlier version of the rotation's rules got wrong.

use portcullis_core::rotation::{Grant, GrantKind};

use super::{
    Adoption, Duration, Harness, Refusal, RevokeReason, Steps, Timestamp, Verdict, access, join,
    ours, told,
};

const SECOND: u64 = 1_000;
const HOUR: u64 = 3_600 * SECOND;
const DAY: u64 = 24 * HOUR;

/// Opens the family and loses the answer to its first refresh.
async fn lose_the_first<H: Harness>(harness: &H) -> Steps<'_, H> {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    steps.expect(0, "a", 0, "Rotated 1").await;
    steps
}

/// A rotation inside the window of a forgiven loss would make the other tab's parent a grandparent.
pub async fn a_child_used_inside_the_lost_overlap_leaves_the_waking_tab_its_parent(
    harness: &impl Harness,
) {
    let steps = lose_the_first(harness).await;
    steps.expect(HOUR, "a", 0, "Lost 1").await;
    steps.expect(HOUR + SECOND, "a", 1, "Same 1").await;
    steps.expect(HOUR + 5 * SECOND, "a", 0, "Replay 1").await;
}

/// The replica that takes over never heard of the generation; it is not moved on.
pub async fn a_slow_tab_outlives_a_failover_that_forgot_a_rotation(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    if harness.save().await {
        steps.expect(0, "a", 0, "Rotated 1").await;
        harness.roll_back().await;
    }
    steps.expect(2 * SECOND, "a", 1, "Ahead 1").await;
    steps.expect(4 * SECOND, "a", 0, "Replay 1").await;
}

/// Two losses are a budget apart when their windows are, whenever they were made good.
pub async fn a_lost_answer_to_a_lost_answer_is_measured_by_the_windows_not_the_grants(
    harness: &impl Harness,
) {
    let steps = lose_the_first(harness).await;
    steps.expect(DAY + SECOND, "a", 0, "Lost 1").await;
    steps.expect(DAY + 60 * SECOND, "a", 0, "Lost 1").await;
    steps.expect(DAY + 120 * SECOND, "a", 0, "Reuse").await;
}

/// An answer at the end of the overlap may arrive last: until then the child is not replaced.
pub async fn a_late_answer_cannot_take_the_jar_back_a_generation(harness: &impl Harness) {
    let steps = lose_the_first(harness).await;
    steps.expect(9_999, "a", 0, "Replay 1").await;
    steps.expect(10_001, "a", 1, "Same 1").await;
    steps.expect(19_999, "a", 1, "Same 1").await;
}

/// That one tab has the child does not mean that another one has it.
pub async fn same_marks_seen_without_failing_a_slow_tab_in_the_coalescing_window(
    harness: &impl Harness,
) {
    let steps = lose_the_first(harness).await;
    steps.expect(9_000, "a", 0, "Replay 1").await;
    steps.expect(9_500, "a", 1, "Same 1").await;
    steps.expect(10_500, "a", 0, "Lost 1").await;
}

/// Once both windows are over, a child that was seen makes its parent a stolen one.
pub async fn the_parent_of_a_seen_child_is_reuse_once_its_windows_are_over(harness: &impl Harness) {
    let steps = lose_the_first(harness).await;
    steps.expect(15_000, "a", 1, "Same 1").await;
    steps.expect(20_000, "a", 0, "Reuse").await;
}

/// What forgiveness handed out is not forgiven in turn.
pub async fn a_thief_and_the_owner_cannot_take_turns_once_per_budget(harness: &impl Harness) {
    let steps = lose_the_first(harness).await;
    steps.expect(DAY + SECOND, "a", 0, "Lost 1").await;
    let next = 2 * DAY + 2 * SECOND;
    steps.expect(next, "a", 1, "Rotated 2").await;
    steps.expect(next + DAY + SECOND, "a", 1, "Reuse").await;
}

/// A loss a budget later is forgiven again, of another generation.
pub async fn only_the_generation_that_was_handed_out_again_is_barred_from_another_loss(
    harness: &impl Harness,
) {
    let steps = lose_the_first(harness).await;
    steps.expect(DAY, "a", 0, "Lost 1").await;
    steps.expect(DAY + 300 * SECOND, "a", 1, "Rotated 2").await;
    steps.expect(2 * DAY, "a", 2, "Rotated 3").await;
    steps.expect(2 * DAY + 300 * SECOND, "a", 2, "Lost 3").await;
}

/// Two nodes that hold different versions of the key hand out one successor.
pub async fn the_key_version_of_the_login_is_that_of_every_successor(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "a").await;
    for (at, generation, kind) in [
        (0, 0, GrantKind::Rotated),
        (100, 1, GrantKind::Rotated),
        (101, 1, GrantKind::Replay),
        (200, 1, GrantKind::Lost),
        (201, 2, GrantKind::Same),
        (300, 5, GrantKind::Ahead),
    ] {
        steps.at(at * SECOND).await;
        let Verdict::Granted(grant) = steps.rotate("a", generation).await else {
            panic!("{kind:?} is a grant");
        };
        assert_eq!((grant.kind, grant.key_version), (kind, 1));
    }
}

/// A tombstone without a family refuses a token that could be adopted, and so does a listing
/// whose family has idled out.
pub async fn neither_an_ended_nor_an_idle_family_is_adopted_again(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let token = Adoption {
        absolute_end: steps.start + Duration::from_millis(13 * DAY),
        token_expires: Timestamp::from_secs(steps.start.as_secs() + 13 * 86_400),
        ..steps.django()
    };
    steps.revoke("ended").await;
    assert_eq!(told(&steps.adopt("ended", token).await), "Revoked(Logout)");
    assert_eq!(told(&steps.adopt("idle", token).await), "Rotated 1");
    steps.at(8 * DAY).await;
    assert_eq!(told(&steps.rotate("idle", 1).await), "Unknown");
    assert_eq!(told(&steps.adopt("idle", token).await), "Revoked(Listed)");
}

/// Presents the same generation from five tabs at once.
async fn five_tabs<H: Harness>(steps: &Steps<'_, H>, generation: u64) -> Vec<Verdict> {
    let token = ours("a", generation);
    let families = steps.harness.families();
    let asked = (0..5).map(|_| families.rotate(&token, &steps.policy));
    let verdicts = join(asked.collect()).await.into_iter();
    verdicts
        .map(|verdict| verdict.expect("the store answers"))
        .collect()
}

/// Five tabs that wake up together recover with one successor, at the price of one loss; the same
/// again within the budget ends the family.
pub async fn five_waking_tabs_get_one_successor_once_per_budget(harness: &impl Harness) {
    let steps = lose_the_first(harness).await;
    steps.at(8 * HOUR).await;
    let verdicts = five_tabs(&steps, 0).await;
    let kinds = verdicts.iter().map(|verdict| match verdict {
        Verdict::Granted(Grant {
            kind,
            generation: 1,
            ..
        }) => *kind,
        other => panic!("not the one successor: {other:?}"),
    });
    let kinds: Vec<_> = kinds.collect();
    let count = |wanted| kinds.iter().filter(|kind| **kind == wanted).count();
    assert_eq!((count(GrantKind::Lost), count(GrantKind::Replay)), (1, 4));

    steps.expect(9 * HOUR, "a", 1, "Rotated 2").await;
    steps.expect(10 * HOUR, "a", 2, "Rotated 3").await;
    let opened = steps.at(20 * HOUR).await.sessions("ann").await;
    let mut verdicts = five_tabs(&steps, 2).await;
    verdicts.sort_by_key(|verdict| *verdict != Verdict::Refused(Refusal::Reuse));
    assert_eq!(verdicts[0], Verdict::Refused(Refusal::Reuse));
    let ended = Verdict::Refused(Refusal::Revoked(RevokeReason::Reuse));
    assert_eq!(
        verdicts[1..],
        [ended.clone(), ended.clone(), ended.clone(), ended]
    );
    let opened = portcullis_core::rotation::Opened {
        created: opened[0].created,
        absolute_end: Timestamp::MAX,
    };
    assert!(steps.is_revoked(&access("a", &opened)).await);
}

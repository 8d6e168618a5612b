//! One test for each history that an earlier version of the rules got wrong.

use super::{DAY, LOGIN, SECOND, Story};
use crate::clock::Timestamp;
use crate::rotation::{Entry, RevokeReason};

#[test]
fn a_child_used_inside_the_lost_overlap_leaves_the_waking_tab_its_parent() {
    let mut story = Story::after_login();
    story
        .step(0, 0, "Rotated 1")
        .step(3_600 * SECOND, 0, "Lost 1");
    // The first tab uses what it got; a rotation here would make 0 a grandparent.
    story.step(3_601 * SECOND, 1, "Same 1");
    story.step(3_605 * SECOND, 0, "Replay 1");
}

#[test]
fn a_slow_tab_outlives_a_failover_that_forgot_a_rotation() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1");
    // The replica that takes over never heard of generation 1.
    story.known.entry = Story::after_login().known.entry;
    story.step(2 * SECOND, 1, "Ahead 1");
    story.step(4 * SECOND, 0, "Replay 1");
}

#[test]
fn a_lost_answer_to_a_lost_answer_is_measured_by_the_windows_not_the_grants() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1");
    story.step(DAY + SECOND, 0, "Lost 1");
    // That answer is lost too, a budget after the first loss.
    story.step(DAY + 60 * SECOND, 0, "Lost 1");
    story.step(DAY + 120 * SECOND, 0, "Reuse");
}

#[test]
fn a_late_answer_cannot_take_the_jar_back_a_generation() {
    // A tab asks with 0 at the end of the overlap, another with 1 right after: the answer to the
    // first, which sets 1, may arrive last. So 1 is not replaced while that answer may come.
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1").step(9_999, 0, "Replay 1");
    story.step(10_001, 1, "Same 1").step(19_999, 1, "Same 1");
}

#[test]
fn same_marks_seen_without_failing_a_slow_tab_in_the_coalescing_window() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1").step(9_000, 0, "Replay 1");
    story.step(9_500, 1, "Same 1");
    story.step(10_500, 0, "Lost 1");
}

#[test]
fn a_thief_and_the_owner_cannot_take_turns_once_per_budget() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1");
    story.step(DAY + SECOND, 0, "Lost 1");
    story.step(2 * DAY + 2 * SECOND, 1, "Rotated 2");
    story.step(3 * DAY + 3 * SECOND, 1, "Reuse");
}

#[test]
fn only_the_generation_that_was_handed_out_again_is_barred_from_another_loss() {
    let mut story = Story::after_login();
    story.step(0, 0, "Rotated 1").step(DAY, 0, "Lost 1");
    story.step(DAY + 300 * SECOND, 1, "Rotated 2");
    story.step(2 * DAY, 2, "Rotated 3");
    story.step(2 * DAY + 300 * SECOND, 2, "Lost 3");
}

#[test]
fn the_key_version_of_the_login_is_that_of_every_successor() {
    let mut story = Story::after_login();
    let steps = [
        (0, 0, "Rotated 1"),
        (100, 1, "Rotated 2"),
        (101, 1, "Replay 2"),
        (102, 2, "Same 2"),
        (300, 5, "Ahead 5"),
    ];
    for (at, generation, verdict) in steps {
        story.step(at * SECOND, generation, verdict);
        assert_eq!(story.family().key_version, 7);
    }
}

#[test]
fn a_tombstone_without_a_family_is_not_overridden_by_adoption() {
    let mut story = Story::after_login();
    story.known.entry = Some(Entry::Ended {
        reason: RevokeReason::Logout,
        until: Timestamp::from_millis(LOGIN + DAY),
    });
    story.step(0, 0, "Revoked(Logout)");
}

#[test]
fn a_clock_that_goes_back_does_not_lengthen_the_overlap() {
    let mut story = Story::after_login();
    story
        .step(600 * SECOND, 0, "Rotated 1")
        .step(300 * SECOND, 0, "Replay 1");
    story
        .step(309 * SECOND, 0, "Replay 1")
        .step(310 * SECOND, 0, "Lost 1");
}

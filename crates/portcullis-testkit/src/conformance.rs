//! What every store must do, as one suite per port.
//!
//! A store's crate names a function that makes a fresh [`Harness`] and one that runs
//! a future; the macro writes one test per promise.
//!
//! ```
//! use portcullis_testkit::{MemoryHarness, block_on};
//!
//! async fn memory() -> MemoryHarness {
//!     MemoryHarness::new()
//! }
//!
//! portcullis_testkit::family_store_conformance!(memory, block_on);
//! portcullis_testkit::revocations_conformance!(memory, block_on);
//! portcullis_testkit::blacklist_conformance!(memory, block_on);
//! ```

use std::time::Duration;

use portcullis_core::{
    clock::Timestamp,
    rotation::{
        Adoption, NewFamily, Opened, Presented, Refusal, RevokeReason, RotationPolicy, Session,
        SessionId, Verdict,
    },
    store::TokenFacts,
};

use crate::harness::{Harness, join};

pub mod blacklist;
pub mod counterexamples;
pub mod endings;
pub mod family_store;
pub mod rate_store;
pub mod revocations;

/// The policy of the suites: the defaults, with three families per user.
fn policy() -> RotationPolicy {
    RotationPolicy::default().with_max_families(3)
}

/// Short names for what the suites do, on a store that always answers.
struct Steps<'h, H> {
    harness: &'h H,
    policy: RotationPolicy,
    start: Timestamp,
}

impl<'h, H: Harness> Steps<'h, H> {
    fn new(harness: &'h H) -> Self {
        Self {
            harness,
            policy: policy(),
            start: harness.now(),
        }
    }

    /// Sets the clock to `millis` after the start.
    async fn at(&self, millis: u64) -> &Self {
        self.harness
            .set(self.start + Duration::from_millis(millis))
            .await;
        self
    }

    async fn open(&self, subject: &str, sid: &str) -> Opened {
        let sid = SessionId::parse(sid).expect("a test names its families well");
        let family = NewFamily {
            subject,
            sid: &sid,
            key_version: 1,
            label: Some("Firefox"),
        };
        let opened = self.harness.families().open(&family, &self.policy).await;
        opened.expect("the store has room")
    }

    async fn rotate(&self, sid: &str, generation: u64) -> Verdict {
        let presented = ours(sid, generation);
        let verdict = self
            .harness
            .families()
            .rotate(&presented, &self.policy)
            .await;
        verdict.expect("the store answers")
    }

    async fn adopt(&self, jti: &str, token: Adoption) -> Verdict {
        let presented = Presented {
            adoption: Some(token),
            ..ours(jti, 0)
        };
        let verdict = self
            .harness
            .families()
            .rotate(&presented, &self.policy)
            .await;
        verdict.expect("the store has room")
    }

    /// Expects `verdict`, written as kind and generation, at `millis` after the start.
    async fn expect(&self, millis: u64, sid: &str, generation: u64, verdict: &str) {
        let found = told(&self.at(millis).await.rotate(sid, generation).await);
        assert_eq!(found, verdict, "{sid} {generation} at {millis} ms");
    }

    async fn revoke(&self, sid: &str) {
        let reason = RevokeReason::Logout;
        let answer = self
            .harness
            .families()
            .revoke("ann", sid, reason, &self.policy)
            .await;
        let _ = answer.expect("the store has room");
    }

    /// Whether the family was known.
    async fn revoke_known(&self, sid: &str) -> bool {
        let reason = RevokeReason::Logout;
        let families = self.harness.families();
        let known = families
            .revoke_known("ann", sid, reason, &self.policy)
            .await;
        known.expect("the store has room").is_some()
    }

    async fn revoke_all(&self, subject: &str) {
        let answer = self
            .harness
            .families()
            .revoke_all(subject, &self.policy)
            .await;
        let _ = answer.expect("the store has room");
    }

    async fn sessions(&self, subject: &str) -> Vec<Session> {
        let sessions = self.harness.families().list(subject).await;
        sessions.expect("the store answers")
    }

    async fn is_revoked(&self, token: &TokenFacts<'_>) -> bool {
        let revoked = self.harness.revocations().is_revoked(token).await;
        revoked.expect("the store answers")
    }

    async fn is_listed(&self, subject: &str, jti: &str) -> bool {
        let listed = self.harness.blacklist().contains(subject, jti).await;
        listed.expect("the store answers")
    }

    /// A token of Django's, an hour old, with a day to live.
    fn django(&self) -> Adoption {
        let hour = Duration::from_secs(3_600);
        let created = Timestamp::from_secs(self.start.minus(hour).as_secs());
        Adoption {
            created,
            absolute_end: created + hour * 72,
            token_expires: created + hour * 25,
            key_version: 9,
        }
    }
}

const fn ours(sid: &str, generation: u64) -> Presented<'_> {
    Presented {
        subject: "ann",
        sid,
        generation,
        adoption: None,
    }
}

fn access<'a>(sid: &'a str, opened: &Opened) -> TokenFacts<'a> {
    TokenFacts {
        subject: "ann",
        session: Some(sid),
        jti: "access",
        issued_at: opened.created,
        session_started: Some(opened.created),
    }
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Granted(grant) => format!("{:?} {}", grant.kind, grant.generation),
        Verdict::Refused(refusal) => format!("{refusal:?}"),
    }
}

/// Writes one test for each promise of a suite.
#[doc(hidden)]
#[macro_export]
macro_rules! __conformance {
    ($suite:ident, $make:path, $run:path, [$($promise:ident,)*]) => {
        $(
            #[test]
            fn $promise() {
                $run(async {
                    let harness = $make().await;
                    $crate::conformance::$suite::$promise(&harness).await;
                });
            }
        )*
    };
}

/// Tests a [`FamilyStore`](portcullis_core::store::FamilyStore): a function that makes a fresh
/// [`Harness`](crate::Harness), and one that runs a future to its end.
#[macro_export]
macro_rules! family_store_conformance {
    ($make:path, $run:path) => {
        $crate::__conformance!(
            family_store,
            $make,
            $run,
            [
                a_clock_that_goes_back_does_not_lengthen_the_overlap,
                a_family_belongs_to_its_user,
                a_family_that_is_idle_too_long_is_gone,
                a_forgotten_generation_becomes_current,
                a_label_is_cut_between_characters,
                a_lost_response_is_forgiven_once,
                a_refresh_that_races_a_logout_revives_nothing,
                a_taken_id_is_an_error,
                concurrent_refreshes_get_one_successor,
                django_tokens_are_adopted_once,
                ended_or_listed_django_tokens_are_not_adopted,
                grants_carry_what_the_tokens_need,
                one_family_too_many_ends_the_oldest,
                random_schedules_equal_the_model,
                reuse_ends_the_family_and_its_access_tokens,
                sessions_are_listed_newest_first,
                the_absolute_end_never_moves,
                the_end_of_all_sessions_spares_the_next_login,
                the_windows_of_a_rotation_end_on_their_millisecond,
            ]
        );
        $crate::__conformance!(
            endings,
            $make,
            $run,
            [
                a_logout_is_final,
                a_logout_of_an_unknown_family_prevents_its_adoption,
                an_id_ends_what_is_known_and_nothing_else,
                an_id_names_a_family_whatever_ended_it,
            ]
        );
        $crate::__conformance!(
            counterexamples,
            $make,
            $run,
            [
                a_child_used_inside_the_lost_overlap_leaves_the_waking_tab_its_parent,
                a_late_answer_cannot_take_the_jar_back_a_generation,
                a_lost_answer_to_a_lost_answer_is_measured_by_the_windows_not_the_grants,
                a_slow_tab_outlives_a_failover_that_forgot_a_rotation,
                a_thief_and_the_owner_cannot_take_turns_once_per_budget,
                five_waking_tabs_get_one_successor_once_per_budget,
                neither_an_ended_nor_an_idle_family_is_adopted_again,
                only_the_generation_that_was_handed_out_again_is_barred_from_another_loss,
                same_marks_seen_without_failing_a_slow_tab_in_the_coalescing_window,
                the_key_version_of_the_login_is_that_of_every_successor,
                the_parent_of_a_seen_child_is_reuse_once_its_windows_are_over,
            ]
        );
    };
}

/// Tests a [`Revocations`](portcullis_core::store::Revocations): a function that makes a fresh
/// [`Harness`](crate::Harness), and one that runs a future to its end.
#[macro_export]
macro_rules! revocations_conformance {
    ($make:path, $run:path) => {
        $crate::__conformance!(
            revocations,
            $make,
            $run,
            [
                a_cut_never_moves_back,
                a_cut_refuses_sessions_up_to_its_millisecond,
                a_cut_refuses_django_tokens_five_seconds_longer,
                a_denied_token_is_refused_until_it_expires,
                a_denial_concerns_its_user_alone,
                a_logged_out_session_is_refused,
                a_session_ended_near_its_absolute_end_is_refused_beyond_it,
                a_watch_ends_with_its_session,
                a_watch_on_a_revoked_token_ends_at_once,
            ]
        );
    };
}

/// Tests a [`Blacklist`](portcullis_core::store::Blacklist): a function that makes a fresh
/// [`Harness`](crate::Harness), and one that runs a future to its end.
#[macro_export]
macro_rules! blacklist_conformance {
    ($make:path, $run:path) => {
        $crate::__conformance!(
            blacklist,
            $make,
            $run,
            [
                a_listed_id_stays_until_it_expires,
                a_listing_concerns_its_user_alone,
                a_second_listing_never_shortens_the_first,
            ]
        );
    };
}

/// Tests a [`RateStore`](portcullis_core::rate::RateStore): a function that makes a fresh
/// [`RateHarness`](crate::RateHarness), and one that runs a future to its end.
#[macro_export]
macro_rules! rate_store_conformance {
    ($make:path, $run:path) => {
        $crate::__conformance!(
            rate_store,
            $make,
            $run,
            [
                a_changed_way_of_counting_starts_anew,
                a_clock_set_back_forgets_nothing,
                a_counter_is_no_limit,
                a_decision_takes_no_limit_to_eight,
                a_late_refund_gives_nothing,
                a_refund_makes_room_for_its_own_charge,
                a_refund_of_nothing_leaves_nothing,
                a_refusal_charges_nobody,
                a_shadow_counts_and_stops_nothing,
                a_tightened_quota_holds_at_once,
                a_wait_that_is_honoured_once_is_enough,
                a_window_has_no_edge,
                decisions_at_once_admit_exactly_the_quota,
                failures_in_a_row_stop_at_the_cap,
                random_decisions_equal_the_model,
            ]
        );
    };
}

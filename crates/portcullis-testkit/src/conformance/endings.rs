//! The promises of a [`FamilyStore`](portcullis_core::store::FamilyStore) about ending families.

use super::{Harness, Steps, access, told};

const SECOND: u64 = 1_000;
const DAY: u64 = 86_400 * SECOND;

/// After a logout no generation is granted, and a second logout changes nothing.
pub async fn a_logout_is_final(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let opened = steps.open("ann", "a").await;
    steps.expect(0, "a", 0, "Rotated 1").await;
    for _ in 0..2 {
        steps.revoke("a").await;
        assert!(steps.is_revoked(&access("a", &opened)).await);
        for (at, generation) in [(1, 0), (1, 1), (1, 2), (60 * SECOND, 1)] {
            steps.expect(at, "a", generation, "Revoked(Logout)").await;
        }
    }
    assert!(steps.sessions("ann").await.is_empty());
}

/// A logout before the first use keeps a token of Django's from being adopted.
pub async fn a_logout_of_an_unknown_family_prevents_its_adoption(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.revoke("jti").await;
    assert_eq!(
        told(&steps.adopt("jti", steps.django()).await),
        "Revoked(Logout)"
    );
}

/// An id that a client has chosen ends what the user has, or had, and leaves no trace otherwise.
pub async fn an_id_ends_what_is_known_and_nothing_else(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let opened = steps.open("ann", "a").await;
    steps.open("bob", "b").await;
    for _ in 0..2 {
        assert!(steps.revoke_known("a").await);
        assert!(steps.is_revoked(&access("a", &opened)).await);
        steps.expect(SECOND, "a", 0, "Revoked(Logout)").await;
    }
    assert!(!steps.revoke_known("b").await, "someone else's");
    assert_eq!(steps.sessions("bob").await.len(), 1);
    assert!(!steps.revoke_known("jti").await);
    assert_eq!(told(&steps.adopt("jti", steps.django()).await), "Rotated 1");
    steps.at(14 * DAY).await;
    assert!(!steps.revoke_known("a").await, "past its absolute end");
}

/// A family that reuse, a cut or another family ended is known, and keeps its reason.
pub async fn an_id_names_a_family_whatever_ended_it(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.open("ann", "stolen").await;
    steps.expect(0, "stolen", 0, "Rotated 1").await;
    steps.expect(300 * SECOND, "stolen", 1, "Rotated 2").await;
    steps.expect(301 * SECOND, "stolen", 0, "Reuse").await;
    for (at, sid) in [(302, "oldest"), (303, "b"), (304, "c"), (305, "d")] {
        steps.at(at * SECOND).await.open("ann", sid).await;
    }
    steps.at(306 * SECOND).await.revoke_all("ann").await;
    for sid in ["stolen", "oldest", "b"] {
        assert!(steps.revoke_known(sid).await, "{sid}");
    }
    let verdicts = [("stolen", "Revoked(Reuse)"), ("oldest", "Revoked(Evicted)")];
    for (sid, verdict) in verdicts {
        steps.expect(307 * SECOND, sid, 0, verdict).await;
    }
}

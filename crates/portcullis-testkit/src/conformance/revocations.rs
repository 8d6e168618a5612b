//! The promises of a [`Revocations`](portcullis_core::store::Revocations).

use super::{Duration, Harness, Steps, Timestamp, TokenFacts, access};

const fn django(subject: &str, issued_at: Timestamp) -> TokenFacts<'_> {
    TokenFacts {
        subject,
        session: None,
        jti: "django",
        issued_at,
        session_started: None,
    }
}

/// A session is refused as soon as its logout has answered.
pub async fn a_logged_out_session_is_refused(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let (a, b) = (steps.open("ann", "a").await, steps.open("ann", "b").await);
    assert!(!steps.is_revoked(&access("a", &a)).await);
    steps.revoke("a").await;
    assert!(steps.is_revoked(&access("a", &a)).await);
    assert!(!steps.is_revoked(&access("b", &b)).await);
    steps.at(299_000).await;
    assert!(
        steps.is_revoked(&access("a", &a)).await,
        "as long as access tokens live"
    );
}

/// A session that is ended shortly before its absolute end is refused as long as its last access
/// token may be accepted.
pub async fn a_session_ended_near_its_absolute_end_is_refused_beyond_it(harness: &impl Harness) {
    const DAY: u64 = 86_400_000;
    let steps = Steps::new(harness);
    let opened = steps.open("ann", "a").await;
    for generation in 0..2 {
        steps.at((generation + 1) * 6 * DAY).await;
        let _ = steps.rotate("a", generation).await;
    }
    steps.at(14 * DAY - 100_000).await.revoke("a").await;
    steps.at(14 * DAY + 150_000).await;
    assert!(steps.is_revoked(&access("a", &opened)).await);
}

/// A cut refuses what was opened up to it, and not what is opened after it.
pub async fn a_cut_refuses_sessions_up_to_its_millisecond(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let before = steps.open("ann", "before").await;
    let others = steps.open("bob", "others").await;
    steps.revoke_all("ann").await;
    let after = steps.open("ann", "after").await;
    assert!(before.created < after.created, "they can be told apart");
    assert!(steps.is_revoked(&access("before", &before)).await);
    assert!(!steps.is_revoked(&access("after", &after)).await);
    let bob = TokenFacts {
        subject: "bob",
        ..access("others", &others)
    };
    assert!(!steps.is_revoked(&bob).await);
}

/// A second cut does not spare what the first one refused, though the clock went back.
pub async fn a_cut_never_moves_back(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.at(60_000).await;
    let opened = steps.open("ann", "a").await;
    steps.revoke_all("ann").await;
    steps.at(30_000).await.revoke_all("ann").await;
    assert!(steps.is_revoked(&access("a", &opened)).await);
    assert!(steps.sessions("ann").await.is_empty());
}

/// A token without a session is refused up to five seconds after the cut.
pub async fn a_cut_refuses_django_tokens_five_seconds_longer(harness: &impl Harness) {
    let steps = Steps::new(harness);
    steps.revoke_all("ann").await;
    let cut = Timestamp::from_millis(steps.start.as_millis());
    for (issued_at, revoked) in [
        (cut, true),
        (cut + Duration::from_secs(5), true),
        (cut + Duration::from_secs(7), false),
    ] {
        assert_eq!(steps.is_revoked(&django("ann", issued_at)).await, revoked);
    }
    assert!(!steps.is_revoked(&django("bob", cut)).await);
}

/// A denied token is refused until its expiry.
pub async fn a_denied_token_is_refused_until_it_expires(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let token = django("ann", steps.start);
    assert!(!steps.is_revoked(&token).await);
    let expires = Timestamp::from_secs(steps.start.as_secs() + 60);
    for expires in [expires, expires.minus(Duration::from_secs(50))] {
        let answer = steps
            .harness
            .revocations()
            .deny("ann", "django", expires)
            .await;
        let _ = answer.expect("the store has room");
    }
    steps.at(58_000).await;
    assert!(
        steps.is_revoked(&token).await,
        "a second denial never shortens the first"
    );
    steps.at(62_000).await;
    assert!(!steps.is_revoked(&token).await);
}

/// The same id of another user, and another id of the user, are not denied.
pub async fn a_denial_concerns_its_user_alone(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let expires = Timestamp::from_secs(steps.start.as_secs() + 60);
    let answer = steps
        .harness
        .revocations()
        .deny("ann", "django", expires)
        .await;
    let _ = answer.expect("the store has room");
    assert!(!steps.is_revoked(&django("bob", steps.start)).await);
    let other = TokenFacts {
        jti: "other",
        ..django("ann", steps.start)
    };
    assert!(!steps.is_revoked(&other).await);
}

/// A watch ends after a logout, a cut or a denial; a store without watches promises nothing.
pub async fn a_watch_ends_with_its_session(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let (a, b) = (steps.open("ann", "a").await, steps.open("ann", "b").await);
    let on = |token: &TokenFacts<'_>| steps.harness.revocations().watch(token);
    let Some(first) = on(&access("a", &a)) else {
        return;
    };
    steps.revoke("a").await;
    first.await;

    let second = on(&access("b", &b)).expect("as the first");
    steps.revoke_all("ann").await;
    second.await;

    let third = on(&django("bob", steps.start)).expect("as the first");
    let expires = Timestamp::from_secs(steps.start.as_secs() + 60);
    let answer = steps
        .harness
        .revocations()
        .deny("bob", "django", expires)
        .await;
    let _ = answer.expect("the store has room");
    third.await;
}

/// A watch that comes too late ends at once.
pub async fn a_watch_on_a_revoked_token_ends_at_once(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let a = steps.open("ann", "a").await;
    steps.revoke("a").await;
    if let Some(watch) = steps.harness.revocations().watch(&access("a", &a)) {
        watch.await;
    }
}

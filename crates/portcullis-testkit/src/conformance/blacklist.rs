//! The promises of a [`Blacklist`](portcullis_core::store::Blacklist).

use super::{Harness, Steps, Timestamp};

async fn add<H: Harness>(steps: &Steps<'_, H>, jti: &str, expires: Timestamp) {
    let answer = steps.harness.blacklist().add("ann", jti, expires).await;
    let _ = answer.expect("the store has room");
}

/// A listed id stays until its expiry, on the millisecond or within the second.
pub async fn a_listed_id_stays_until_it_expires(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let start = steps.start.as_secs();
    assert!(!steps.is_listed("ann", "jti").await);
    add(&steps, "jti", Timestamp::from_secs(start + 60)).await;
    assert!(steps.is_listed("ann", "jti").await);
    steps.at(58_000).await;
    assert!(steps.is_listed("ann", "jti").await);
    steps.at(61_000).await;
    assert!(!steps.is_listed("ann", "jti").await);
}

/// The same id of another user is not listed.
pub async fn a_listing_concerns_its_user_alone(harness: &impl Harness) {
    let steps = Steps::new(harness);
    add(
        &steps,
        "jti",
        Timestamp::from_secs(steps.start.as_secs() + 60),
    )
    .await;
    assert!(!steps.is_listed("bob", "jti").await);
    assert!(!steps.is_listed("ann", "JTI").await);
}

/// Listing again, with an earlier expiry, changes nothing.
pub async fn a_second_listing_never_shortens_the_first(harness: &impl Harness) {
    let steps = Steps::new(harness);
    let start = steps.start.as_secs();
    add(&steps, "jti", Timestamp::from_secs(start + 60)).await;
    add(&steps, "jti", Timestamp::from_secs(start + 2)).await;
    steps.at(30_000).await;
    assert!(steps.is_listed("ann", "jti").await);
}

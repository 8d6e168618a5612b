//! A node whose clock differs from the store's.

use portcullis_jwt::TokenReader;

use super::*;

/// A world whose node's clock is so many seconds `behind` the store's, or ahead of it for a
/// negative number, and the store's clock.
fn skewed(behind: i64) -> (World, ManualClock) {
    let mut world = World::new();
    let store = world.clock.clone();
    let node = ManualClock::at(store.now());
    let skew = Duration::from_secs(behind.unsigned_abs());
    if behind > 0 {
        store.advance(skew);
    } else {
        node.advance(skew);
    }
    let stores = world.service.shared.stores.clone();
    let signing = KeyRing::hs256(Secret::new([1; 32])).unwrap();
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    let service = RefreshRotationService::builder(signing, rotation, stores, world.users.clone())
        .add_own_origin(Browser::ORIGIN.parse().unwrap())
        .with_clock(Arc::new(node.clone()))
        .with_shared_audit(world.audit.clone());
    world.service = service.build().unwrap();
    world.clock = node;
    (world, store)
}

/// `iat` and `exp` of the access token, counted from the node's clock.
fn times(world: &World, token: &str) -> (i64, i64) {
    let now = world.clock.now();
    let reader = TokenReader::new(KeyRing::hs256(Secret::new([1; 32])).unwrap());
    let claims = reader.read_access::<()>(token.as_bytes(), now).unwrap();
    let after = |at: portcullis_core::clock::Timestamp| {
        at.as_secs().cast_signed() - now.as_secs().cast_signed()
    };
    let issued = claims.base().issued_at().unwrap();
    (after(issued), after(claims.base().expires_at()))
}

#[track_caller]
fn check(behind: i64, want: (i64, i64)) {
    let (world, _) = skewed(behind);
    let mut browser = Browser::logged_in(&world);
    assert_eq!(
        times(&world, browser.cookie("access_token")),
        want,
        "{behind} s behind"
    );
    browser.get("/api/auth/me/").expect(200);
    browser.refresh().expect(200);
    browser.refresh().expect(200);
    assert_eq!(
        times(&world, browser.cookie("access_token")),
        want,
        "{behind} s behind"
    );
    browser.get("/api/auth/me/").expect(200);
}

#[test]
fn tokens_of_a_store_that_is_ahead_are_good_at_once() {
    check(0, (0, 300));
    check(1, (0, 300));
    check(59, (0, 300));
}

#[test]
fn a_token_that_is_minted_late_does_not_outlive_its_denial() {
    // The store decided, and counts the denial, this many seconds ago.
    check(-1, (-1, 299));
    check(-60, (-60, 240));
}

#[test]
fn a_logout_right_after_the_login_ends_the_session_of_a_store_that_is_ahead() {
    let (world, store) = skewed(30);
    let mut browser = Browser::logged_in(&world);
    let kept = browser.cookies.clone();
    browser.post("/api/auth/logout/", "").expect(200);
    browser.cookies = kept;
    // Nothing of the session is of the future any more.
    world.advance(60);
    store.advance(Duration::from_secs(60));
    browser.get("/api/auth/me/").refused(401, "token_not_valid");
    browser.refresh().refused(401, "token_not_valid");
}

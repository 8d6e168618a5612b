//! `refresh/`: once, the same for everyone who asks at once, and never for a thief.

use super::*;

fn refresh_token(reply: &Reply) -> Option<String> {
    let cookies = reply.cookies();
    let line = cookies
        .into_iter()
        .find(|line| line.starts_with("__Host-refresh_token="))?;
    Some(line.split(['=', ';']).nth(1).unwrap().to_owned())
}

#[test]
fn a_refresh_hands_out_the_next_token_and_a_new_access_token() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let (refresh, access) = (
        browser.cookie("refresh_token").to_owned(),
        browser.cookie("access_token").to_owned(),
    );
    world.advance(240);
    browser.refresh().expect(200);
    assert_ne!(browser.cookie("refresh_token"), refresh);
    assert_ne!(browser.cookie("access_token"), access);
    world.advance(240);
    browser.get("/api/auth/me/").expect(200);
}

#[test]
fn every_tab_that_wakes_up_at_once_gets_the_same_successor() {
    let world = World::new();
    let browser = Browser::logged_in(&world);
    world.advance(240);
    let successors: std::collections::HashSet<_> = (0..5)
        .map(|_| refresh_token(&browser.clone().refresh().expect(200)).unwrap())
        .collect();
    assert_eq!(successors.len(), 1);
}

#[test]
fn the_new_token_at_once_buys_an_access_token_only() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(240);
    browser.refresh().expect(200);
    let again = browser.refresh().expect(200);
    assert_eq!(refresh_token(&again), None);
    assert!(again.cookie("__Host-access_token").contains("Max-Age=300"));
}

#[test]
fn a_stolen_token_that_was_replaced_ends_the_session_for_both() {
    let world = World::new();
    let mut owner = Browser::logged_in(&world);
    let mut thief = owner.clone();
    for _ in 0..2 {
        world.advance(240);
        owner.refresh().expect(200);
    }
    world.advance(60);
    thief.refresh().refused(401, "token_not_valid");
    owner.get("/api/auth/me/").refused(401, "token_not_valid");
    owner.refresh().refused(401, "token_not_valid");
    assert!(world.audit.kinds().contains(&AuditKind::Reuse));
}

#[test]
fn a_refused_refresh_leaves_the_cookies_alone() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let kept = browser.cookies.clone();
    browser
        .cookies
        .insert("__Host-refresh_token".into(), "a.b.c".into());
    browser.refresh().refused(401, "token_not_valid");
    browser.cookies = kept.clone();
    browser.forget("refresh_token");
    browser.refresh().refused(401, "token_not_valid");
    browser.cookies = kept;
    browser.refresh().expect(200);
}

#[test]
fn a_forged_refresh_rotates_nothing() {
    let world = World::new();
    let browser = Browser::logged_in(&world);
    world.advance(60);
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let mut forged = browser.request(Request::post("/api/auth/refresh/"), "");
        forged.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(world.send(forged).expect(403).cookies().len(), 0);
    }
    let mut tokenless = browser.request(Request::post("/api/auth/refresh/"), "");
    tokenless.headers_mut().remove("x-csrftoken");
    world.send(tokenless).refused(403, "csrf_token_missing");
    assert!(!world.audit.kinds().contains(&AuditKind::Refreshed));
}

#[test]
fn another_sessions_csrf_token_does_not_pass_when_signatures_are_wanted() {
    let strict =
        |builder: Builder| builder.with_csrf_binding(crate::core::csrf::CsrfBinding::Strict);
    let world = World::with(strict);
    let mut browser = Browser::logged_in(&world);
    let other = Browser::logged_in(&world).cookie("csrftoken").to_owned();
    let own = browser
        .cookies
        .insert("__Host-csrftoken".into(), other)
        .unwrap();
    world.advance(60);
    browser.refresh().expect(403);
    browser.cookies.insert("__Host-csrftoken".into(), own);
    browser.refresh().expect(200);
}

#[test]
fn two_refresh_cookies_are_refused_and_neither_is_used() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(60);
    let mut request = browser.request(Request::post("/api/auth/refresh/"), "");
    request
        .headers_mut()
        .append("cookie", "__Host-refresh_token=planted".parse().unwrap());
    world.send(request).refused(401, "token_not_valid");
    browser.refresh().expect(200);
}

#[test]
fn an_access_token_buys_no_refresh_and_a_refresh_token_no_access() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let (refresh, access) = (
        browser.cookie("refresh_token").to_owned(),
        browser.cookie("access_token").to_owned(),
    );
    browser
        .cookies
        .insert("__Host-refresh_token".into(), access);
    browser.refresh().refused(401, "token_not_valid");
    browser
        .cookies
        .insert("__Host-access_token".into(), refresh.clone());
    browser.get("/api/auth/me/").refused(401, "token_not_valid");
    let verify = serde_json::json!({ "token": refresh }).to_string();
    browser
        .post("/api/token/verify/", &verify)
        .refused(401, "token_not_valid");
}

#[test]
fn a_token_that_only_the_signing_key_made_is_no_refresh_token() {
    use portcullis_jwt::{
        Minter,
        mint::{RefreshParams, SessionParams},
    };
    let world = World::new();
    let mut owner = Browser::logged_in(&world);
    let listed = owner.get("/api/auth/sessions/").expect(200).json();
    let sid = listed["sessions"][0]["sid"].as_str().unwrap();
    let started = world.clock.now();
    let ends = started + Duration::from_secs(600);
    // All of it fits the owner's living session, but the id that only the rotation key can make.
    let minter = Minter::new(KeyRing::hs256(Secret::new([1; 32])).unwrap());
    let forged = minter.mint_refresh(&RefreshParams {
        subject: ADA,
        jti: "0123456789abcdef0123456789abcdef",
        issued_at: started,
        expires: ends,
        session: SessionParams { sid, started, ends },
        generation: 0,
    });
    world.advance(60);
    let mut thief = owner.clone();
    thief
        .cookies
        .insert("__Host-refresh_token".into(), forged.unwrap());
    thief.refresh().refused(401, "token_not_valid");
    // A forgery is no reuse: it does not reach the store, and the owner is not signed out by it.
    owner.refresh().expect(200);
    assert!(!world.audit.kinds().contains(&AuditKind::Reuse));
}

#[test]
fn a_user_who_is_gone_is_signed_out_at_the_next_refresh() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(60);
    world.users.ada_is_gone.store(true, Ordering::Relaxed);
    browser.refresh().refused(401, "token_not_valid");
    world.users.ada_is_gone.store(false, Ordering::Relaxed);
    browser.refresh().refused(401, "token_not_valid");
    browser.get("/api/auth/me/").refused(401, "token_not_valid");
}

#[test]
fn an_application_that_cannot_say_signs_nobody_out() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(60);
    world.users.is_down.store(true, Ordering::Relaxed);
    browser.refresh().refused(503, "unavailable");
    world.users.is_down.store(false, Ordering::Relaxed);
    browser.refresh().expect(200);
}

#[test]
fn a_session_ends_when_it_idles_and_at_its_absolute_end() {
    let day = 24 * 3600;
    let world = World::new();
    let mut idle = Browser::logged_in(&world);
    let mut busy = Browser::logged_in(&world);
    for _ in 0..13 {
        world.advance(day);
        busy.refresh().expect(200);
    }
    idle.refresh().refused(401, "token_not_valid");
    world.advance(day - 100);
    let last = busy.refresh().expect(200);
    assert!(
        last.cookie("__Host-refresh_token").ends_with("Max-Age=100"),
        "what is left: {last:?}"
    );
    assert!(
        last.cookie("__Host-access_token").ends_with("Max-Age=100"),
        "{last:?}"
    );
    world.advance(101);
    busy.refresh().refused(401, "token_not_valid");
}

#[test]
fn a_family_is_refreshed_thirty_times_a_minute_and_no_more() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    for _ in 0..30 {
        browser.refresh().expect(200);
    }
    browser.refresh().refused(429, "throttled");
    world.advance(60);
    browser.refresh().expect(200);
}

#[test]
fn both_names_of_the_endpoint_are_one() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(60);
    browser.post("/api/token/refresh/", "").expect(200);
}

#[test]
fn a_successor_outlives_a_change_of_the_rotation_key() {
    let old = Secret::new([2; 32]);
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(60);
    browser.refresh().expect(200);
    let keys = RotationKeys::new(2, &Secret::new([3; 32])).unwrap();
    let both = keys.clone().with_previous(1, &old).unwrap();
    let rebuilt = |keys: RotationKeys| {
        let stores = world.service.shared.stores.clone();
        let signing = KeyRing::hs256(Secret::new([1; 32])).unwrap();
        let service = RefreshRotationService::builder(signing, keys, stores, world.users.clone())
            .add_own_origin(Browser::ORIGIN.parse().unwrap())
            .with_clock(Arc::new(world.clock.clone()))
            .build();
        World {
            service: service.unwrap(),
            ..world.clone()
        }
    };
    world.advance(60);
    browser
        .clone()
        .moved_to(&rebuilt(keys))
        .refresh()
        .refused(401, "token_not_valid");
    browser.moved_to(&rebuilt(both)).refresh().expect(200);
}

#[test]
fn an_address_above_its_quota_is_told_so_whatever_it_sends() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(60);
    let mut forger = browser.clone();
    forger
        .cookies
        .insert("__Host-refresh_token".into(), "a.b.c".into());
    for _ in 0..120 {
        forger.refresh().refused(401, "token_not_valid");
    }
    forger.refresh().refused(429, "throttled");
    browser.refresh().refused(429, "throttled");
    let mut tokenless = browser.request(Request::post("/api/auth/refresh/"), "");
    tokenless.headers_mut().remove("x-csrftoken");
    world.send(tokenless).refused(429, "throttled");
    world.advance(60);
    browser.refresh().expect(200);
}

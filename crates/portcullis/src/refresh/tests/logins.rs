//! `login/`: who gets in, who is told what, and what it costs to guess.

use portcullis_core::{
    rate::{Counted, RateKey, RateStore, Refund, Take, Taken},
    store::StoreError,
};

use super::*;

#[test]
fn a_right_password_opens_a_session() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    let reply = browser.log_in("ada", "engine").expect(200);
    assert_eq!(reply.json()["user"]["id"], ADA);
    assert_eq!(
        browser.get("/api/auth/me/").expect(200).json()["user"]["id"],
        ADA
    );
}

#[test]
fn every_failed_login_looks_the_same() {
    let world = World::new();
    let replies: Vec<_> = [("ada", "wrong"), ("nobody", "engine"), ("eve", "engine")]
        .into_iter()
        .map(|(name, password)| {
            let reply = Browser::open(&world).log_in(name, password);
            let reply = reply.refused(401, "no_active_account");
            (reply.body, format!("{:?}", reply.headers))
        })
        .collect();
    assert_eq!(replies[0], replies[1]);
    assert_eq!(replies[0], replies[2]);
}

#[test]
fn a_forged_login_reaches_nobody() {
    let world = World::new();
    let browser = Browser::open(&world);
    let body = r#"{"username": "ada", "password": "engine"}"#;
    let mut foreign = browser.request(Request::post("/api/auth/login/"), body);
    foreign
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    foreign
        .headers_mut()
        .insert("sec-fetch-site", "cross-site".parse().unwrap());
    assert_eq!(world.send(foreign).expect(403).cookies().len(), 0);
    let mut tokenless = browser.request(Request::post("/api/auth/login/"), body);
    tokenless.headers_mut().remove("x-csrftoken");
    world.send(tokenless).refused(403, "csrf_token_missing");
    assert_eq!(world.users.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn a_program_that_sends_nothing_of_a_browser_logs_in_without_csrf() {
    let world = World::new();
    let body = r#"{"username": "ada", "password": "engine"}"#.to_owned();
    world
        .send(Request::post("/api/auth/login/").body(body).unwrap())
        .expect(200);
}

#[test]
fn a_form_logs_in_like_json() {
    let world = World::new();
    let request = Request::post("/api/auth/login")
        .header("content-type", "application/x-www-form-urlencoded")
        .body("username=ada&password=engine".to_owned());
    world.send(request.unwrap()).expect(200);
}

#[test]
fn what_is_no_login_is_told_so() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    let mut check = |body: &str, status: u16, code: &str| {
        browser.post("/api/auth/login/", body).refused(status, code);
    };
    check("{", 400, "parse_error");
    check(r#"{"username": "ada"}"#, 400, "required");
    check(r#"{"username": "ada", "password": ""}"#, 400, "required");
    check(r#"{"username": "ada", "password": 5}"#, 400, "required");
    check(
        r#"{"username": "a", "username": "b", "password": "c"}"#,
        400,
        "duplicate_field",
    );
    check(
        r#"{"username": "a\u0000", "password": "c"}"#,
        400,
        "parse_error",
    );
    let long = format!(r#"{{"username": "{}", "password": "c"}}"#, "x".repeat(321));
    check(&long, 400, "parse_error");
    check(&" ".repeat(20_000), 413, "body_too_large");
    assert_eq!(world.users.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn too_many_wrong_passwords_are_refused_before_they_are_checked() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    for _ in 0..5 {
        browser
            .log_in("ada", "wrong")
            .refused(401, "no_active_account");
    }
    let reply = browser.log_in("ada", "wrong").refused(429, "throttled");
    let wait: u64 = reply.headers["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert_eq!(world.users.asked.load(Ordering::Relaxed), 5);
    // Honoured once, the wait is enough.
    world.advance(wait);
    browser.log_in("ada", "engine").expect(200);
}

#[test]
fn look_alikes_of_a_name_share_its_limit() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    for name in ["ada", "Ada", "ADA", "ａｄａ", "a\u{200b}da"] {
        browser
            .log_in(name, "wrong")
            .refused(401, "no_active_account");
    }
    browser.log_in("aDa", "wrong").refused(429, "throttled");
}

#[test]
fn a_right_login_is_never_charged() {
    let world = World::new();
    for _ in 0..30 {
        Browser::open(&world).log_in("ada", "engine").expect(200);
    }
}

#[test]
fn an_account_with_too_many_failures_in_a_row_opens_to_known_devices_only() {
    let limits = || EndpointLimits::new().unwrap().with_failure_cap(3);
    let world = World::with(|builder| builder.with_limits(limits()));
    let mut owner = Browser::logged_in(&world);
    let mut attacker = Browser::open(&world);
    for _ in 0..3 {
        attacker
            .log_in("ada", "wrong")
            .refused(401, "no_active_account");
    }
    // The right password does not help a stranger, and looks like a wrong one.
    attacker
        .log_in("ada", "engine")
        .refused(401, "no_active_account");

    let mut by_session = owner.clone();
    by_session.forget("device");
    by_session.log_in("ada", "engine").expect(200);

    for _ in 0..2 {
        attacker
            .log_in("bob", "wrong")
            .refused(401, "no_active_account");
    }
    owner.post("/api/auth/logout/", "").expect(200);
    owner.log_in("ada", "engine").expect(200);
}

#[test]
fn logging_in_again_ends_the_session_before() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let before = browser.clone();
    browser.log_in("ada", "engine").expect(200);
    before.clone().refresh().refused(401, "token_not_valid");
    before
        .clone()
        .get("/api/auth/me/")
        .refused(401, "token_not_valid");
    browser.get("/api/auth/me/").expect(200);
}

#[test]
fn an_application_that_cannot_say_is_a_503() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    world.users.is_down.store(true, Ordering::Relaxed);
    browser.log_in("ada", "engine").refused(503, "unavailable");
    world.users.is_down.store(false, Ordering::Relaxed);
    browser.log_in("ada", "engine").expect(200);
}

#[test]
fn a_login_renews_the_csrf_token_for_its_session() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    let before = browser.cookie("csrftoken").to_owned();
    browser.log_in("ada", "engine").expect(200);
    assert_ne!(browser.cookie("csrftoken"), before);
    // The first unsafe request after the login passes with the new token.
    world.advance(60);
    browser.refresh().expect(200);
}

/// Limits that count, and failure counters that are away.
#[derive(Debug)]
struct NoCounters(Arc<dyn RateStore>);

impl RateStore for NoCounters {
    fn take(&self, takes: &[Take]) -> Answer<Result<Taken, StoreError>> {
        self.0.take(takes)
    }

    fn refund(&self, refunds: &[Refund]) -> Answer<Result<(), StoreError>> {
        self.0.refund(refunds)
    }

    fn failures(&self, _: &RateKey) -> Answer<Result<u32, StoreError>> {
        Answer::now(Err(StoreError::plain("failures")))
    }

    fn record_failure(
        &self,
        _: &RateKey,
        _: u32,
        _: Duration,
    ) -> Answer<Result<Counted, StoreError>> {
        Answer::now(Err(StoreError::plain("record_failure")))
    }

    fn clear(&self, _: &[RateKey]) -> Answer<Result<(), StoreError>> {
        Answer::now(Err(StoreError::plain("clear")))
    }
}

/// The same service, whose failure counters are away.
fn without_counters(world: &World) -> World {
    let mut stores = world.service.shared.stores.clone();
    stores.rates = Arc::new(NoCounters(stores.rates));
    let signing = KeyRing::hs256(Secret::new([1; 32])).unwrap();
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    let service = RefreshRotationService::builder(signing, rotation, stores, world.users.clone())
        .add_own_origin(Browser::ORIGIN.parse().unwrap())
        .with_clock(Arc::new(world.clock.clone()));
    World {
        service: service.build().unwrap(),
        ..world.clone()
    }
}

#[test]
fn an_outage_of_the_counters_does_not_tell_who_has_an_account() {
    let world = without_counters(&World::new());
    for name in ["ada", "nobody", "eve"] {
        let mut browser = Browser::open(&world);
        browser.log_in(name, "wrong").refused(503, "unavailable");
    }
}

#[test]
fn a_right_password_is_never_charged_not_by_an_outage_either() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    world.users.is_down.store(true, Ordering::Relaxed);
    for _ in 0..30 {
        browser.log_in("ada", "engine").refused(503, "unavailable");
    }
    world.users.is_down.store(false, Ordering::Relaxed);
    let counters = without_counters(&world);
    let mut elsewhere = browser.clone().moved_to(&counters);
    for _ in 0..30 {
        elsewhere
            .log_in("ada", "engine")
            .refused(503, "unavailable");
    }
    browser.log_in("ada", "engine").expect(200);
}

//! Cookies, bodies and headers, to the letter.

use super::*;

fn django(builder: Builder) -> Builder {
    builder.with_cookies(TokenCookies::new(CookieProfile::Django))
}

#[test]
fn the_django_profile_sets_djangos_cookies() {
    let world = World::with(django);
    let mut browser = Browser::open(&world);
    let reply = browser.log_in("ada", "engine").expect(200);
    let attributes = |name: &str| {
        let line = reply.cookie(name);
        line.split("; ")
            .skip(1)
            .map(str::to_owned)
            .collect::<std::collections::BTreeSet<_>>()
    };
    let want = |list: &[&str]| list.iter().map(|&text| text.to_owned()).collect();
    let token: std::collections::BTreeSet<String> = want(&[
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/",
        "Max-Age=300",
    ]);
    assert_eq!(attributes("access_token"), token);
    let refresh: std::collections::BTreeSet<String> = want(&[
        "HttpOnly",
        "SameSite=Lax",
        "Secure",
        "Path=/api/",
        "Max-Age=604800",
    ]);
    assert_eq!(attributes("refresh_token"), refresh);
    let csrf: std::collections::BTreeSet<String> =
        want(&["SameSite=Lax", "Secure", "Path=/", "Max-Age=31449600"]);
    assert_eq!(attributes("csrftoken"), csrf);
}

#[test]
fn the_host_profile_prefixes_every_name() {
    let world = World::new();
    let reply = Browser::open(&world).log_in("ada", "engine").expect(200);
    for name in [
        "__Host-access_token",
        "__Host-refresh_token",
        "__Host-csrftoken",
    ] {
        let line = reply.cookie(name);
        assert!(
            line.contains("; Path=/;") || line.contains("; Path=/"),
            "{line}"
        );
        assert!(line.contains("; Secure"), "{line}");
        assert!(!line.contains("Domain"), "{line}");
    }
}

#[test]
fn cookie_delivery_puts_no_token_into_a_body() {
    let world = World::new();
    let mut browser = Browser::open(&world);
    let login = browser.log_in("ada", "engine").expect(200);
    world.advance(60);
    let refresh = browser.refresh().expect(200);
    for reply in [login, refresh] {
        assert!(!reply.body.contains("eyJ"), "{}", reply.body);
        assert_eq!(reply.headers["cache-control"], "no-store");
        assert_eq!(reply.json()["expires_in"], 300);
    }
}

#[test]
fn body_delivery_gives_the_access_token_and_no_access_cookie() {
    let world = World::with(|builder| builder.with_delivery(Delivery::AccessInBody));
    let mut browser = Browser::open(&world);
    let reply = browser.log_in("ada", "engine").expect(200);
    let access = reply.json()["access"].as_str().unwrap().to_owned();
    assert!(
        !browser
            .cookies
            .keys()
            .any(|name| name.ends_with("access_token"))
    );
    assert!(reply.cookie("__Host-refresh_token").contains("HttpOnly"));
    let me = Request::get("/api/auth/me/").header("authorization", format!("Bearer {access}"));
    assert_eq!(
        world
            .send(me.body(String::new()).unwrap())
            .expect(200)
            .json()["user"]["id"],
        ADA
    );
}

#[test]
fn unknown_paths_and_methods_are_told() {
    let world = World::new();
    let reply = world.send(
        Request::get("/api/auth/login/")
            .body(String::new())
            .unwrap(),
    );
    assert_eq!(
        (reply.status, &reply.headers["allow"]),
        (405, &"POST".parse().unwrap())
    );
    world
        .send(
            Request::get("/api/auth/nothing/")
                .body(String::new())
                .unwrap(),
        )
        .expect(404);
}

#[test]
fn a_server_without_peer_addresses_is_told_and_serves_no_login() {
    let world = World::new();
    let browser = Browser::open(&world);
    let body = r#"{"username": "ada", "password": "engine"}"#;
    let request = browser.request(Request::post("/api/auth/login/"), body);
    let request = request.map(|body| Full::new(Bytes::from(body)));
    let response = tokio_test::block_on(world.service.clone().oneshot(request)).unwrap();
    Reply::read(response).refused(503, "unavailable");
    let told = world.audit.events();
    assert!(
        told.iter()
            .any(|event| event.reason.as_deref().unwrap_or("").contains("PeerAddr"))
    );
    assert_eq!(world.users.asked.load(Ordering::Relaxed), 0);
}

#[test]
fn bad_configuration_is_refused_before_the_first_request() {
    let builder = || {
        let signing = KeyRing::hs256(Secret::new([1; 32])).unwrap();
        let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
        let stores = Stores::memory(Arc::new(ManualClock::default()));
        RefreshRotationService::builder(signing, rotation, stores, Users::default())
    };
    let plain = TokenCookies::new(CookieProfile::Django)
        .insecure_development()
        .unwrap();
    let error = builder().with_cookies(plain.clone()).build().unwrap_err();
    assert!(
        error.to_string().contains("insecure_development"),
        "{error}"
    );
    assert!(
        builder()
            .with_cookies(plain)
            .insecure_development()
            .build()
            .is_ok()
    );

    let error = builder().with_base_path("api/auth").build().unwrap_err();
    assert!(error.to_string().contains("\"api/auth\""), "{error}");

    let overlap = Duration::from_secs(90);
    let policy = RotationPolicy {
        overlap,
        ..RotationPolicy::default()
    };
    let error = builder().with_rotation_policy(policy).build().unwrap_err();
    assert!(error.to_string().contains("overlap"), "{error}");
}

#[test]
fn no_event_and_no_debug_output_holds_a_token() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let tokens = [
        browser.cookie("access_token").to_owned(),
        browser.cookie("refresh_token").to_owned(),
    ];
    world.advance(60);
    browser.refresh().expect(200);
    browser.post("/api/auth/logout/", "").expect(200);
    let output = format!("{:?} {:?}", world.audit.events(), world.service);
    for token in tokens {
        let signature = token.rsplit('.').next().unwrap();
        assert!(!output.contains(signature));
    }
    assert!(world.audit.kinds().contains(&AuditKind::LoginSucceeded));
    assert!(world.audit.kinds().contains(&AuditKind::Refreshed));
    assert!(world.audit.kinds().contains(&AuditKind::Logout));
}

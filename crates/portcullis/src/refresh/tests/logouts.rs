//! `logout/`, `logout-all/` and the list of sessions: over means over, everywhere.

use super::*;

#[test]
fn after_a_logout_no_token_of_the_session_is_good_for_anything() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let mut copy = browser.clone();
    let reply = browser.post("/api/auth/logout/", "").expect(200);
    assert_eq!(reply.json()["confirmed"], true);
    copy.get("/api/auth/me/").refused(401, "token_not_valid");
    copy.refresh().refused(401, "token_not_valid");
    let verify = serde_json::json!({ "token": copy.cookie("access_token") }).to_string();
    copy.post("/api/token/verify/", &verify)
        .refused(401, "token_not_valid");
    assert!(
        !browser.cookies.keys().any(|name| name.ends_with("_token")),
        "{:?}",
        browser.cookies
    );
}

#[test]
fn a_logout_denies_a_token_for_as_long_as_leeway_lets_it_live() {
    use portcullis_jwt::{Minter, TokenReader, mint::AccessParams};
    let keys = KeyRing::hs256(Secret::new([1; 32])).unwrap();
    let patient = TokenReader::new(keys.clone())
        .with_leeway(Duration::from_secs(60))
        .unwrap();
    let world = World::with(|builder| builder.with_reader(patient));
    let issued_at = world.clock.now();
    // As Django issues it: without a session, so that only its own id can be denied.
    let token = Minter::new(keys).mint_access(&AccessParams {
        subject: ADA,
        jti: "0123456789abcdef0123456789abcdef",
        issued_at,
        expires: issued_at + Duration::from_secs(300),
        session: None,
        extra: None,
    });
    let mut browser = Browser::open(&world);
    let name = "__Host-access_token".to_owned();
    browser.cookies.insert(name, token.unwrap());
    let mut copy = browser.clone();
    browser.post("/api/auth/logout/", "").expect(200);
    for secs in [0, 299, 30] {
        world.advance(secs);
        copy.get("/api/auth/me/").refused(401, "token_not_valid");
    }
}

#[test]
fn the_deleting_lines_have_the_attributes_of_the_setting_ones() {
    let django = |builder: Builder| builder.with_cookies(TokenCookies::new(CookieProfile::Django));
    for world in [World::new(), World::with(django)] {
        let mut browser = Browser::open(&world);
        let login = browser.log_in("ada", "engine").expect(200);
        let logout = browser.post("/api/auth/logout/", "").expect(200);
        for set in login
            .cookies()
            .into_iter()
            .filter(|line| line.contains("_token="))
        {
            let name = set.split('=').next().unwrap();
            let delete = logout.cookie(name);
            for attribute in set
                .split("; ")
                .skip(1)
                .filter(|text| !text.starts_with("Max-Age"))
            {
                assert!(delete.contains(attribute), "{attribute} in {delete}");
            }
        }
    }
}

#[test]
fn a_logout_is_idempotent_and_tells_nothing() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let copy = browser.clone();
    let first = browser.post("/api/auth/logout/", "").expect(200).json()["confirmed"].clone();
    let second = copy
        .clone()
        .post("/api/auth/logout/", "")
        .expect(200)
        .json()["confirmed"]
        .clone();
    let mut garbage = Browser::open(&world);
    garbage
        .cookies
        .insert("__Host-refresh_token".into(), "x.y.z".into());
    let third = garbage.post("/api/auth/logout/", "").expect(200).json()["confirmed"].clone();
    assert_eq!([&first, &second, &third], [true, true, true]);
}

#[test]
fn a_logout_works_with_tokens_that_have_run_out() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    world.advance(600);
    browser.post("/api/auth/logout/", "").expect(200);
    assert_eq!(world.audit.kinds().last(), Some(&AuditKind::Logout));
}

#[test]
fn a_forged_logout_ends_nothing() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let mut forged = browser.request(Request::post("/api/auth/logout/"), "");
    forged.headers_mut().remove("x-csrftoken");
    world.send(forged).refused(403, "csrf_token_missing");
    browser.get("/api/auth/me/").expect(200);
}

#[test]
fn logging_out_everywhere_ends_every_session_of_that_user_alone() {
    let world = World::new();
    let mut one = Browser::logged_in(&world);
    let mut two = Browser::logged_in(&world);
    let mut bob = Browser::open(&world);
    bob.log_in("bob", "engine").expect(200);
    one.post("/api/auth/logout-all/", "").expect(200);
    two.get("/api/auth/me/").refused(401, "token_not_valid");
    two.refresh().refused(401, "token_not_valid");
    bob.get("/api/auth/me/").expect(200);
    // A login right after is not caught by it.
    Browser::open(&world).log_in("ada", "engine").expect(200);
}

#[test]
fn logging_out_everywhere_wants_an_access_token_and_csrf() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    let mut forged = browser.request(Request::post("/api/auth/logout-all/"), "");
    forged.headers_mut().remove("x-csrftoken");
    world.send(forged).refused(403, "csrf_token_missing");
    Browser::open(&world)
        .post("/api/auth/logout-all/", "")
        .refused(401, "token_not_valid");
    browser.get("/api/auth/me/").expect(200);
}

#[test]
fn logging_out_everywhere_can_ask_for_the_password_again() {
    let world = World::with(|builder| {
        builder.with_reauthentication(|subject, password| {
            Answer::now(Ok(subject == ADA && password.expose() == b"engine"))
        })
    });
    let mut browser = Browser::logged_in(&world);
    browser
        .post("/api/auth/logout-all/", "{}")
        .refused(400, "required");
    let wrong = r#"{"password": "wrong"}"#;
    browser
        .post("/api/auth/logout-all/", wrong)
        .refused(401, "no_active_account");
    browser.get("/api/auth/me/").expect(200);
    browser
        .post("/api/auth/logout-all/", r#"{"password": "engine"}"#)
        .expect(200);
}

#[test]
fn a_user_sees_the_sessions_and_ends_one_of_them() {
    let world = World::new();
    let mut phone = Browser::logged_in(&world);
    world.advance(5);
    let mut laptop = Browser::logged_in(&world);
    let listed = laptop.get("/api/auth/sessions/").expect(200).json();
    let lines = listed["sessions"].as_array().unwrap();
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["current"], &lines[1]["current"]),
        (&true.into(), &false.into())
    );
    let path = format!("/api/auth/sessions/{}/", lines[1]["sid"].as_str().unwrap());
    laptop.delete(&path).expect(200);
    phone.get("/api/auth/me/").refused(401, "token_not_valid");
    phone.refresh().refused(401, "token_not_valid");
    laptop.get("/api/auth/me/").expect(200);
}

#[test]
fn a_session_that_has_ended_can_be_ended_again() {
    let world = World::new();
    let mut phone = Browser::logged_in(&world);
    let mut laptop = Browser::logged_in(&world);
    let listed = phone.get("/api/auth/sessions/").expect(200).json();
    let lines = listed["sessions"].as_array().unwrap();
    let own = lines.iter().find(|line| line["current"] == true).unwrap();
    let path = format!("/api/auth/sessions/{}/", own["sid"].as_str().unwrap());
    let first = laptop.delete(&path).expect(200).json();
    // As after a 503, when the client does not know how far the first one got.
    assert_eq!(laptop.delete(&path).expect(200).json(), first);
    phone.get("/api/auth/me/").refused(401, "token_not_valid");
    let kinds = world.audit.kinds();
    let logouts = kinds.iter().filter(|&&kind| kind == AuditKind::Logout);
    assert_eq!(logouts.count(), 2);
}

#[test]
fn an_id_that_is_none_is_not_found() {
    let world = World::new();
    let mut browser = Browser::logged_in(&world);
    for sid in ["unknown", "a%20b", &"a".repeat(256)] {
        let path = format!("/api/auth/sessions/{sid}/");
        browser.delete(&path).expect(404);
    }
    browser.get("/api/auth/me/").expect(200);
}

#[test]
fn someone_elses_session_does_not_exist() {
    let world = World::new();
    let mut ada = Browser::logged_in(&world);
    let mut bob = Browser::open(&world);
    bob.log_in("bob", "engine").expect(200);
    let listed = bob.get("/api/auth/sessions/").expect(200).json();
    let sid = listed["sessions"][0]["sid"].as_str().unwrap();
    ada.delete(&format!("/api/auth/sessions/{sid}/"))
        .expect(404);
    bob.get("/api/auth/me/").expect(200);
}

#[test]
fn several_refresh_cookies_are_all_logged_out() {
    let world = World::new();
    let mut one = Browser::logged_in(&world);
    let mut two = Browser::logged_in(&world);
    let mut request = one.request(Request::post("/api/auth/logout/"), "");
    let planted = format!("__Host-refresh_token={}", two.cookie("refresh_token"));
    request
        .headers_mut()
        .append("cookie", planted.parse().unwrap());
    world.send(request).expect(200);
    one.refresh().refused(401, "token_not_valid");
    two.refresh().refused(401, "token_not_valid");
}

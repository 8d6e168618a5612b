//! Where checks were missing, late or too narrow.

use bytes::Bytes;
use http_body_util::Full;
use portcullis::{
    core::{client::PeerAddr, clock::SystemClock, keys::RotationKeys},
    refresh::{RefreshRotationService, Stores},
};

use super::{cookies::Anybody, *};
use crate::layers::{self, FOREIGN};

/// Sends `request` through authentication and CSRF.
fn stacked(request: Builder) -> (u16, u32) {
    let handler = Handler::default();
    let layer = tower::layer::layer_fn(|inner| {
        layers::jwt_cookie().layer(CsrfLayer::new(policy()).layer(inner))
    });
    let response = handler.ask(&layer, request);
    (response.status().as_u16(), handler.calls())
}

fn bearer() -> String {
    format!("Bearer {}", layers::token())
}

fn cookie() -> String {
    format!("__Host-access_token={}", layers::token())
}

#[test]
fn s8_a_cookie_needs_a_csrf_token_whatever_stands_beside_it() {
    let post = || Request::post("/").header("host", HOST);
    assert_eq!(stacked(post().header("cookie", cookie())), (403, 0));
    assert_eq!(stacked(post().header("authorization", bearer())), (200, 1));
    let both = post().header("cookie", cookie());
    assert_eq!(stacked(both.header("authorization", bearer())), (403, 0));
    for junk in ["Basic YTpi", "Digest x", "Token abc"] {
        let with_junk = post()
            .header("cookie", cookie())
            .header("authorization", junk);
        assert_eq!(stacked(with_junk), (403, 0), "{junk} switches nothing off");
    }
    let forged = post()
        .header("cookie", cookie())
        .header("authorization", "Bearer junk");
    assert_eq!(stacked(forged), (401, 0));
}

#[test]
fn s10_a_refused_request_never_reaches_the_handler() {
    // `ask` counts the calls, and the body of its requests cannot be read at all.
    let forged = with_pair(&policy(), "POST").header("origin", FOREIGN);
    assert_eq!(sent(&policy(), forged), Some("csrf_origin_untrusted"));
}

#[test]
fn s11_the_layer_itself_refuses_every_method_that_may_change_something() {
    for method in [
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "PROPPATCH",
        "QUERY",
        "LINK",
    ] {
        let bare = Request::builder()
            .method(method)
            .header("host", HOST)
            .header("origin", OWN);
        assert_eq!(
            sent(&policy(), bare),
            Some("csrf_cookie_missing"),
            "{method}"
        );
    }
}

#[test]
fn s12_four_methods_are_safe_and_their_lower_case_is_not() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        let read = || Request::builder().header("origin", FOREIGN);
        assert_eq!(sent(&policy(), read().method(method)), None, "{method}");
        let odd = read().method(method.to_ascii_lowercase().as_str());
        assert!(sent(&policy(), odd).is_some(), "{method} in lower case");
    }
}

#[test]
fn s13_a_token_is_compared_as_a_whole() {
    // A prefix, a longer text and every single changed character are refused alike.
    let policy = policy();
    let token = policy.issue(SessionRef::Anonymous).unwrap();
    let cookie = format!("{}={}", policy.cookie().name(), token.as_str());
    let with = |header: &str| {
        let request = Request::post("/")
            .header("host", HOST)
            .header("origin", OWN);
        sent(
            &policy,
            request
                .header("cookie", &cookie)
                .header("x-csrftoken", header),
        )
    };
    assert_eq!(with(token.as_str()), None);
    assert_eq!(with(&token.as_str()[..31]), Some("csrf_header_length"));
    assert_eq!(
        with(&format!("{}a", token.as_str())),
        Some("csrf_header_length")
    );
    for place in 0..32 {
        let mut changed = token.as_str().as_bytes().to_vec();
        changed[place] = if changed[place] == b'x' { b'y' } else { b'x' };
        let changed = String::from_utf8(changed).unwrap();
        assert_eq!(with(&changed), Some("csrf_header_incorrect"), "at {place}");
    }
}

#[test]
fn s15_a_policy_without_any_list_is_the_strictest() {
    let bare = policy_of(7);
    let pair = || with_pair(&bare, "POST");
    assert_eq!(
        sent(&bare, pair().header("origin", FOREIGN)),
        Some("csrf_origin_untrusted")
    );
    let foreign_page = pair()
        .header("sec-fetch-site", "cross-site")
        .header("origin", FOREIGN);
    assert_eq!(sent(&bare, foreign_page), Some("csrf_cross_site"));
}

#[test]
fn s18_a_token_of_one_replica_is_good_at_another_and_after_a_restart() {
    let (here, there) = (policy(), policy());
    let session = SessionRef::Session("sid-1");
    let token = here.issue(session).unwrap();
    assert!(there.is_token_of(&token, session));
    assert_eq!(
        sent(&there, with_pair(&here, "POST").header("origin", OWN)),
        None
    );
    assert!(!policy_of(8).is_token_of(&token, session), "another key");
}

#[test]
fn s39_a_websocket_upgrade_from_a_foreign_page_is_refused() {
    let upgrade = |origin: Option<&str>| {
        let mut request = Request::get("/chat/ws")
            .header("host", HOST)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("cookie", cookie());
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        stacked(request)
    };
    assert_eq!(upgrade(Some(OWN)), (200, 1));
    assert_eq!(upgrade(Some(FOREIGN)), (403, 0));
    assert_eq!(upgrade(None), (403, 0));
}

#[test]
fn s38_login_refresh_and_logout_refuse_a_foreign_page() {
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    let stores = Stores::memory(Arc::new(SystemClock));
    let service = RefreshRotationService::builder(layers::keys(), rotation, stores, Anybody)
        .add_own_origin(OWN.parse().unwrap())
        .build()
        .unwrap();
    let post = |path: &str, origin: &str, cookies: &str| {
        let request = Request::post(path)
            .header("host", HOST)
            .header("origin", origin)
            .header("cookie", cookies)
            .header("content-type", "application/json")
            .extension(PeerAddr::from(([192, 0, 2, 1], 50_000)))
            .body(Full::<Bytes>::from(
                r#"{"username": "ada", "password": "engine"}"#,
            ));
        tokio_test::block_on(service.clone().oneshot(request.unwrap())).unwrap()
    };
    // A cookie that the other page has planted would match a header that it cannot send.
    let forged = |path: &str, cookies: &str| {
        let response = post(path, FOREIGN, cookies);
        assert_eq!(response.status(), 403, "{path}");
        assert!(!response.headers().contains_key("set-cookie"), "{path}");
    };
    forged("/api/auth/login/", "");
    forged("/api/auth/refresh/", "__Host-refresh_token=any");
    forged("/api/token/refresh/", "__Host-refresh_token=any");
    forged("/api/auth/logout/", "__Host-refresh_token=any");
    assert_eq!(
        post("/api/auth/login/", OWN, "").status(),
        403,
        "a browser needs the token, too"
    );
}

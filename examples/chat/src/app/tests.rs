use std::sync::Arc;

use axum::{Router, body::Body};
use http::{Request, Response, StatusCode, request::Builder};
use portcullis::{
    Secret,
    jwt::{KeyRing, Minter, mint::AccessParams, random_jti},
    refresh::Stores,
};
use portcullis_core::{
    client::PeerAddr,
    clock::{Clock as _, SystemClock},
};
use tower::ServiceExt as _;

use crate::{
    config::{Args, Asked, Settings},
    database::Database,
    drain::Drain,
    passwords::Passwords,
    responder::Responder,
};

/// A Django token, as the frontend of a Django site would still hold it.
const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";

fn app(flags: &[&str]) -> Router {
    let line = std::iter::once("portcullis-chat").chain(flags.iter().copied());
    let Asked::Serve(args) = Args::read(line).unwrap() else {
        panic!("asked to print");
    };
    let settings = Settings::from_args(*args).unwrap();
    let database = Database::open(None).unwrap();
    let passwords = Passwords::new(&settings.rotation_key);
    super::router(
        &settings,
        Stores::memory(Arc::new(SystemClock)),
        &database,
        &passwords,
        Responder::BuiltIn,
        Drain::new(),
    )
    .unwrap()
}

async fn answer(app: &Router, request: Builder) -> Response<Body> {
    let mut request = request.body(Body::empty()).unwrap();
    request
        .extensions_mut()
        .insert(PeerAddr::from(([127, 0, 0, 1], 5000)));
    app.clone().oneshot(request).await.unwrap()
}

async fn text(response: Response<Body>) -> String {
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// A signing key that a Django site shares, and an access token that it issued to the user 7.
const KEY: &str = "a secret of more than thirty-two bytes";

fn django_token() -> String {
    let now = SystemClock.now();
    let keys = KeyRing::hs256(Secret::new(KEY)).unwrap();
    let params = AccessParams {
        subject: "7",
        jti: &random_jti().unwrap(),
        issued_at: now,
        expires: now + std::time::Duration::from_secs(300),
        session: None,
        extra: None,
    };
    Minter::new(keys).mint_access(&params).unwrap()
}

#[tokio::test]
async fn a_token_that_django_issued_opens_the_chat() {
    let app = app(&["--signing-key", KEY]);
    let token = django_token();
    let history = || Request::get("/chat/history").header("host", "localhost");
    let cookie = format!("access_token={token}");
    let bearer = format!("Bearer {token}");
    let by_cookie = answer(&app, history().header("cookie", &cookie)).await;
    assert_eq!(by_cookie.status(), StatusCode::OK);
    let by_header = answer(&app, history().header("authorization", &bearer)).await;
    assert_eq!(by_header.status(), StatusCode::OK);
    let forged = history().header("authorization", format!("{bearer}x"));
    assert_eq!(
        answer(&app, forged).await.status(),
        StatusCode::UNAUTHORIZED
    );

    let echo = Request::get("/api/echo/").header("host", "localhost");
    let seen = text(answer(&app, echo.header("authorization", &bearer)).await).await;
    assert!(seen.contains(r#""source":"bearer""#), "{seen}");
}

#[tokio::test]
async fn a_cookie_needs_a_csrf_token_beside_it_and_a_bearer_token_does_not() {
    let app = app(&["--signing-key", KEY]);
    let token = django_token();
    let ask = || {
        Request::post("/chat/stream")
            .header("host", "localhost:8000")
            .header("content-type", "application/json")
    };
    // A message that is none gets 400 from the handler: the layers let the request through.
    let alone = ask().header("cookie", format!("access_token={token}"));
    assert_eq!(answer(&app, alone).await.status(), StatusCode::FORBIDDEN);
    let proved = ask()
        .header("origin", "http://localhost:8000")
        .header("cookie", format!("access_token={token}; csrftoken={TOKEN}"))
        .header("x-csrftoken", TOKEN);
    assert_eq!(answer(&app, proved).await.status(), StatusCode::BAD_REQUEST);
    let bearer = ask().header("authorization", format!("Bearer {token}"));
    assert_eq!(answer(&app, bearer).await.status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn every_answer_has_the_security_headers_also_a_refusal() {
    let app = app(&[]);
    for (path, host, status) in [
        ("/", "127.0.0.1:8000", 200),
        ("/", "localhost", 200),
        ("/no-such-path", "localhost", 404),
        ("/chat/history", "localhost", 401),
        ("/", "evil.example", 400),
    ] {
        let response = answer(&app, Request::get(path).header("host", host)).await;
        assert_eq!(response.status().as_u16(), status, "{host}{path}");
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(
            !headers.contains_key("strict-transport-security"),
            "plain http"
        );
    }
}

#[tokio::test]
async fn an_unsafe_request_needs_a_csrf_token() {
    let app = app(&[]);
    let forged = Request::post("/api/echo/").header("host", "127.0.0.1:8000");
    let forged = answer(&app, forged.header("origin", "http://evil.example")).await;
    assert_eq!(forged.status(), StatusCode::FORBIDDEN);
    let chat = answer(
        &app,
        Request::post("/chat/stream").header("host", "localhost"),
    )
    .await;
    assert_eq!(
        chat.status(),
        StatusCode::UNAUTHORIZED,
        "who it is comes first"
    );

    let proved = Request::post("/api/echo/")
        .header("host", "127.0.0.1:8000")
        .header("origin", "http://127.0.0.1:8000")
        .header("cookie", format!("csrftoken={TOKEN}"))
        .header("x-csrftoken", TOKEN);
    let proved = answer(&app, proved).await;
    assert_eq!(proved.status(), StatusCode::OK);
    let seen = text(proved).await;
    assert!(seen.contains(r#""method":"POST""#), "{seen}");
    assert!(seen.contains(r#""client":"127.0.0.1""#), "{seen}");
    let read = answer(&app, Request::get("/api/echo/").header("host", "localhost")).await;
    assert_eq!(
        read.status(),
        StatusCode::OK,
        "a safe method changes nothing"
    );
}

#[tokio::test]
async fn a_forwarding_header_counts_from_a_declared_proxy_alone() {
    let echo = || {
        Request::get("/api/echo/")
            .header("host", "localhost")
            .header("x-forwarded-for", "203.0.113.9")
            .header("x-forwarded-proto", "https")
    };
    let seen = text(answer(&app(&[]), echo()).await).await;
    assert!(
        seen.contains(r#""client":"127.0.0.1","scheme":"http""#),
        "{seen}"
    );
    let behind = app(&["--trusted-proxy", "127.0.0.0/8"]);
    let seen = text(answer(&behind, echo()).await).await;
    assert!(
        seen.contains(r#""client":"203.0.113.9","scheme":"https""#),
        "{seen}"
    );
}

#[tokio::test]
async fn a_client_above_its_rate_is_told_when_to_come_back() {
    let app = app(&["--rate-limit", "2/1m"]);
    let health = || Request::get("/healthz").header("host", "localhost");
    for _ in 0..2 {
        assert_eq!(answer(&app, health()).await.status(), StatusCode::OK);
    }
    let refused = answer(&app, health()).await;
    assert_eq!(refused.status(), StatusCode::TOO_MANY_REQUESTS);
    assert!(refused.headers().contains_key("retry-after"));
}

#[tokio::test]
async fn without_the_flag_nothing_echoes_outside_development() {
    let without = app(&["--echo=false"]);
    let echo = Request::get("/api/echo/").header("host", "localhost");
    assert_eq!(answer(&without, echo).await.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_page_of_a_trusted_origin_may_read_answers() {
    let app = app(&["--trusted-origin", "http://app.test"]);
    let read = Request::get("/healthz").header("host", "localhost");
    let read = answer(&app, read.header("origin", "http://app.test")).await;
    assert_eq!(
        read.headers()["access-control-allow-origin"],
        "http://app.test"
    );
    let foreign = Request::get("/healthz").header("host", "localhost");
    let foreign = answer(&app, foreign.header("origin", "http://evil.test")).await;
    assert!(
        !foreign
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

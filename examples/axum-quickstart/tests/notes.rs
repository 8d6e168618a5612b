//! The protected application, as a browser's page and as a program use it.

#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{Request, request::Builder},
};
use axum_quickstart::protected;
use http_body_util::BodyExt as _;
use portcullis::{
    Secret,
    core::clock::{Clock as _, SystemClock},
    jwt::{KeyRing, Minter, mint::AccessParams, random_jti},
};
use tower::ServiceExt as _;

const OWN: &str = "https://notes.example";

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new([7; 32])).unwrap()
}

fn app() -> Router {
    protected(keys(), OWN, &Secret::new([8; 32])).unwrap()
}

fn token(subject: &str) -> String {
    let now = SystemClock.now();
    let minter = Minter::new(keys());
    let params = AccessParams {
        subject,
        jti: &random_jti().unwrap(),
        issued_at: now,
        expires: now + Duration::from_secs(300),
        session: None,
        extra: None,
    };
    minter.mint_access(&params).unwrap()
}

fn bearer(request: Builder, subject: &str) -> Builder {
    let request = request.header("content-type", "application/json");
    request.header("authorization", format!("Bearer {}", token(subject)))
}

async fn send(app: &Router, request: Builder, body: &'static str) -> (u16, String) {
    let request = request.body(Body::from(body)).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_user_sees_the_own_notes_only() {
    let app = app();
    let add = bearer(Request::post("/notes"), "42");
    assert_eq!(send(&app, add, r#""buy milk""#).await.0, 201);

    let mine = send(&app, bearer(Request::get("/notes"), "42"), "").await;
    assert_eq!(mine, (200, r#"["buy milk"]"#.to_owned()));
    let theirs = send(&app, bearer(Request::get("/notes"), "43"), "").await;
    assert_eq!(theirs, (200, "[]".to_owned()));
}

#[tokio::test]
async fn nobody_gets_in_without_a_token() {
    assert_eq!(send(&app(), Request::get("/notes"), "").await.0, 401);
}

#[tokio::test]
async fn a_foreign_page_cannot_use_the_users_cookie() {
    let cookie = format!("__Host-access_token={}", token("42"));
    let forged = Request::post("/notes")
        .header("cookie", &cookie)
        .header("origin", "https://evil.example");
    assert_eq!(send(&app(), forged, r#""gotcha""#).await.0, 403);
    let read = Request::get("/notes").header("cookie", cookie);
    assert_eq!(send(&app(), read, "").await, (200, "[]".to_owned()));
}

#[tokio::test]
async fn a_flood_of_one_user_is_stopped_and_another_user_is_not() {
    let app = app();
    let mut passed = 0;
    // One more is admitted each second, so a slow machine sees a few more than 60 pass.
    while send(&app, bearer(Request::get("/notes"), "42"), "").await.0 == 200 {
        passed += 1;
        assert!(passed < 1_000, "nothing stops the flood");
    }
    assert!(passed >= 60, "{passed}");
    let other = bearer(Request::get("/notes"), "43");
    assert_eq!(send(&app, other, "").await.0, 200);
}

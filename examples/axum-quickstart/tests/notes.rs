//! The protected application, as a browser's page and as a program use it.

#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

use std::{collections::BTreeMap, net::SocketAddr};

use axum::{
    Router,
    body::Body,
    extract::ConnectInfo,
    http::{Request, request::Builder},
};
use axum_quickstart::protected;
use http_body_util::BodyExt as _;
use portcullis::{Secret, jwt::KeyRing};
use tower::ServiceExt as _;

const OWN: &str = "http://127.0.0.1:8080";

fn app() -> Router {
    let signing = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    protected(signing, OWN, &Secret::new([8; 32])).unwrap()
}

/// A page of `origin` in a browser that keeps cookies.
struct Page {
    app: Router,
    origin: &'static str,
    cookies: BTreeMap<String, String>,
}

impl Page {
    fn of(app: Router, origin: &'static str) -> Self {
        Self {
            app,
            origin,
            cookies: BTreeMap::new(),
        }
    }

    /// A page of ours in which the user has logged in.
    async fn logged_in() -> Self {
        let mut page = Self::of(app(), OWN);
        page.send(Request::get("/api/csrf/"), "").await;
        let login = r#"{"username": "demo", "password": "portcullis"}"#;
        let answer = page.send(Request::post("/api/auth/login/"), login).await;
        assert_eq!(answer.0, 200, "{}", answer.1);
        page
    }

    async fn send(&mut self, request: Builder, body: &'static str) -> (u16, String) {
        let mut request = request
            .header("host", "127.0.0.1:8080")
            .header("content-type", "application/json")
            .header("origin", self.origin)
            .extension(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 50_000))));
        if let Some(token) = self.cookies.get("csrftoken") {
            request = request.header("x-csrftoken", token);
        }
        let pairs: Vec<_> = self
            .cookies
            .iter()
            .map(|(k, v)| format!("{k}={v}"))
            .collect();
        if !pairs.is_empty() {
            request = request.header("cookie", pairs.join("; "));
        }
        let request = request.body(Body::from(body)).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
        for line in response.headers().get_all("set-cookie") {
            let pair = line.to_str().unwrap().split(';').next().unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}

#[tokio::test]
async fn a_user_logs_in_and_keeps_notes_until_the_logout() {
    let mut page = Page::logged_in().await;
    assert_eq!(
        page.send(Request::post("/notes"), r#""buy milk""#).await.0,
        201
    );
    let mine = page.send(Request::get("/notes"), "").await;
    assert_eq!(mine, (200, r#"["buy milk"]"#.to_owned()));
    let kept = page.cookies.clone();
    assert_eq!(
        page.send(Request::post("/api/auth/logout/"), "").await.0,
        200
    );
    page.cookies = kept;
    assert_eq!(
        page.send(Request::get("/notes"), "").await.0,
        401,
        "tokens kept from before"
    );
}

#[tokio::test]
async fn nobody_gets_in_without_logging_in() {
    let mut page = Page::of(app(), OWN);
    assert_eq!(page.send(Request::get("/notes"), "").await.0, 401);
}

#[tokio::test]
async fn a_foreign_page_cannot_use_the_users_cookies() {
    let page = Page::logged_in().await;
    let mut foreign = Page {
        origin: "http://evil.example",
        ..page
    };
    assert_eq!(
        foreign.send(Request::post("/notes"), r#""gotcha""#).await.0,
        403
    );
    let read = foreign.send(Request::get("/notes"), "").await;
    assert_eq!(read, (200, "[]".to_owned()));
}

#[tokio::test]
async fn guessing_passwords_is_stopped() {
    let mut page = Page::of(app(), OWN);
    page.send(Request::get("/api/csrf/"), "").await;
    let wrong = r#"{"username": "demo", "password": "guess"}"#;
    for _ in 0..5 {
        assert_eq!(
            page.send(Request::post("/api/auth/login/"), wrong).await.0,
            401
        );
    }
    assert_eq!(
        page.send(Request::post("/api/auth/login/"), wrong).await.0,
        429
    );
}

#[tokio::test]
async fn a_flood_from_one_address_is_stopped() {
    let mut page = Page::logged_in().await;
    let mut passed = 0;
    // The quota refills while the flood runs, so a slow machine sees more than the burst pass.
    while page.send(Request::get("/notes"), "").await.0 == 200 {
        passed += 1;
        assert!(passed < 10_000, "nothing stops the flood");
    }
    assert!(passed >= 50, "{passed}");
}

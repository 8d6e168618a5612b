use std::sync::Arc;

use axum::{Router, body::Body, routing::get};
use http::Request;
use http_body_util::BodyExt as _;
use portcullis_core::{Secret, clock::Timestamp};
use portcullis_jwt::{KeyRing, Minter, TokenReader, mint::AccessParams};
use portcullis_testkit::ManualClock;
use tower::ServiceExt as _;

use super::*;
use crate::jwt_cookie::{JwtCookieAuthLayer, Mode};

async fn me(user: Authenticated) -> String {
    user.subject().to_owned()
}

async fn home(user: Option<Authenticated>) -> String {
    user.map_or("nobody".into(), |user| user.subject().to_owned())
}

async fn answer(path: &str, token: Option<&str>) -> (u16, String) {
    let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys))
        .with_clock(Arc::new(ManualClock::default()))
        .with_mode(Mode::Optional);
    let app: Router = Router::new()
        .route("/me", get(me))
        .route("/", get(home))
        .layer(layer);
    let mut request = Request::builder().uri(path);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    let response = app
        .oneshot(request.body(Body::empty()).unwrap())
        .await
        .unwrap();
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test]
async fn handlers_get_the_sender_or_refuse() {
    let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    let params = AccessParams {
        subject: "42",
        jti: "j",
        issued_at: Timestamp::from_secs(1_700_000_000),
        expires: Timestamp::from_secs(1_700_000_300),
        session: None,
        extra: None,
    };
    let token = Minter::new(keys).mint_access(&params).unwrap();
    assert_eq!(answer("/me", Some(&token)).await, (200, "42".into()));
    assert_eq!(answer("/", Some(&token)).await, (200, "42".into()));
    assert_eq!(answer("/", None).await, (200, "nobody".into()));
    let (status, body) = answer("/me", None).await;
    assert_eq!(status, 401);
    assert_eq!(
        answer("/me", Some("bad")).await,
        (401, body),
        "the layer's own words"
    );
}

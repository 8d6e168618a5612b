use std::sync::Arc;

use axum::{Router, body::Body};
use futures_util::StreamExt as _;
use http::{Request, StatusCode};
use portcullis_core::{
    clock::SystemClock,
    identity::{Identity, Source},
};
use tower::ServiceExt as _;

use super::{Chat, MAX_MESSAGE_BYTES};
use crate::{database::Database, drain::Drain, responder::Responder};

fn chat() -> Chat {
    let database = Database::open(None).unwrap();
    Chat::new(
        database,
        Responder::BuiltIn,
        Arc::new(SystemClock),
        Drain::new(),
    )
}

fn request(method: &str, path: &str, user: Option<&str>, body: &str) -> Request<Body> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("content-type", "application/json")
        .body(Body::from(body.to_owned()))
        .unwrap();
    if let Some(user) = user {
        let identity = Identity::new(user, None, Source::Cookie);
        request.extensions_mut().insert(identity);
    }
    request
}

async fn answer(router: &Router, request: Request<Body>) -> (StatusCode, String) {
    let response = router.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    (status, String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn nobody_gets_in_without_an_identity() {
    let router = chat().router();
    for (method, path) in [
        ("POST", "/chat/stream"),
        ("GET", "/chat/history"),
        ("GET", "/chat/ws"),
    ] {
        let (status, body) = answer(&router, request(method, path, None, "{}")).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{path}");
        assert!(body.contains("token_not_valid"), "{body}");
    }
}

#[tokio::test]
async fn an_answer_is_a_token_for_each_piece_and_one_done() {
    let chat = chat();
    let router = chat.clone().router();
    let asked = request("POST", "/chat/stream", Some("7"), r#"{"message": "a\nb"}"#);
    let response = router.clone().oneshot(asked).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["cache-control"], "no-store");
    let mut frames = response.into_body().into_data_stream();
    let first = frames.next().await.unwrap().unwrap();
    assert_eq!(
        first, "event: token\ndata: {\"text\":\"You \"}\n\n",
        "before the rest is there"
    );
    let mut rest = String::new();
    while let Some(frame) = frames.next().await {
        rest.push_str(std::str::from_utf8(&frame.unwrap()).unwrap());
    }
    assert!(rest.ends_with("event: done\ndata: {}\n\n"), "{rest}");
    assert!(rest.matches("event: token").count() > 10, "{rest}");

    let (_, mine) = answer(&router, request("GET", "/chat/history", Some("7"), "")).await;
    assert!(mine.contains(r#"{"role":"user","text":"a\nb","#), "{mine}");
    assert!(
        mine.contains(r#""role":"assistant","text":"You said"#),
        "{mine}"
    );
    let (_, theirs) = answer(&router, request("GET", "/chat/history", Some("8"), "")).await;
    assert_eq!(theirs, r#"{"messages":[]}"#);
}

#[tokio::test]
async fn what_was_said_is_kept_when_the_listener_leaves() {
    let chat = chat();
    let drain = chat.drain.clone();
    let database = chat.database.clone();
    let asked = request("POST", "/chat/stream", Some("7"), r#"{"message": "hello"}"#);
    let response = chat.router().oneshot(asked).await.unwrap();
    let mut frames = response.into_body().into_data_stream();
    frames.next().await.unwrap().unwrap();
    drop(frames);
    drain.idle().await;
    let kept = database.messages("7", 10).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept[1].text.starts_with("You "), "{kept:?}");
    assert!(
        !kept[1].text.contains("will answer."),
        "broken off: {kept:?}"
    );
}

#[tokio::test]
async fn a_message_has_1_to_4096_bytes() {
    let router = chat().router();
    let ask = |message: String| {
        let body = serde_json::json!({ "message": message }).to_string();
        request("POST", "/chat/stream", Some("7"), &body)
    };
    let most = "\u{1}".repeat(MAX_MESSAGE_BYTES); // six bytes each in JSON
    let response = router.clone().oneshot(ask(most)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    for wrong in [
        String::new(),
        " \n".into(),
        "x".repeat(MAX_MESSAGE_BYTES + 1),
    ] {
        let (status, body) = answer(&router, ask(wrong)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{body}");
    }
    for wrong in [
        "",
        "{}",
        "[]",
        r#"{"message": 1}"#,
        r#"{"message": "a", "message": "b"}"#,
    ] {
        let (status, body) =
            answer(&router, request("POST", "/chat/stream", Some("7"), wrong)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}: {body}");
    }
    let huge = ask("x".repeat(64 * 1024));
    assert_eq!(answer(&router, huge).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    let mut form = request("POST", "/chat/stream", Some("7"), "message=hello");
    let kind = "application/x-www-form-urlencoded".parse().unwrap();
    form.headers_mut().insert("content-type", kind);
    assert_eq!(
        answer(&router, form).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn one_answer_more_than_there_are_places_for_is_503() {
    let chat = chat();
    let all = u32::try_from(super::MAX_ANSWERS).unwrap();
    let taken = chat.places.clone().try_acquire_many_owned(all).unwrap();
    let router = chat.router();
    let ask = || request("POST", "/chat/stream", Some("7"), r#"{"message": "hello"}"#);
    let response = router.clone().oneshot(ask()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["retry-after"], "1");
    drop(taken);
    assert_eq!(
        router.oneshot(ask()).await.unwrap().status(),
        StatusCode::OK
    );
}

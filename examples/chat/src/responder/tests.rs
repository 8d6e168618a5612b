use axum::{Router, body::Bytes, routing::post};
use futures_util::StreamExt as _;
use http::{HeaderMap, StatusCode};
use portcullis_core::Secret;
use tokio::{net::TcpListener, time::Instant};

use super::{
    AnswerError, MAX_ANSWER_BYTES, PAUSE, Responder, limited,
    lines::{Lines, MAX_LINE_BYTES},
};
use crate::{
    config::Upstream,
    database::{Message, Role},
};

fn said(text: &str) -> Vec<Message> {
    vec![Message {
        role: Role::User,
        text: text.into(),
        created_ms: 0,
    }]
}

#[tokio::test(start_paused = true)]
async fn the_built_in_answer_arrives_word_by_word() {
    let mut pieces = Responder::BuiltIn.answer(&said("hello there"));
    let start = Instant::now();
    let mut answer = pieces.next().await.unwrap().unwrap();
    assert_eq!(
        start.elapsed(),
        std::time::Duration::ZERO,
        "the first word at once"
    );
    let mut count = 1;
    while let Some(piece) = pieces.next().await {
        answer.push_str(&piece.unwrap());
        count += 1;
    }
    assert!(answer.contains("\u{201c}hello there\u{201d}"), "{answer}");
    assert!(count > 10);
    assert!(start.elapsed() >= PAUSE * (count - 1));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let endless = futures_util::stream::repeat_with(|| Ok("x".repeat(1000))).boxed();
    let pieces: Vec<_> = limited(endless).collect().await;
    assert_eq!(pieces.len(), MAX_ANSWER_BYTES / 1000);
}

#[test]
fn a_line_may_arrive_in_any_pieces() {
    let wire = "data: {\"a\":\"\u{e9}\"}\r\n: comment\nevent: x\ndata:two\n\ndata: rest";
    for size in 1..wire.len() {
        let mut lines = Lines::default();
        let data: Vec<String> = wire
            .as_bytes()
            .chunks(size)
            .flat_map(|chunk| lines.push(chunk).unwrap())
            .collect();
        assert_eq!(data, ["{\"a\":\"\u{e9}\"}", "two"], "in pieces of {size}");
    }
}

#[test]
fn a_line_without_end_is_refused() {
    let mut lines = Lines::default();
    assert!(lines.push(&vec![b'x'; MAX_LINE_BYTES]).is_ok());
    assert!(lines.push(b"x").is_err());
    assert!(Lines::default().push(b"data: \xff\n").is_err());
}

/// What `Responder` makes of an upstream that answers with `status` and `body`.
async fn ask(status: u16, body: &'static str) -> (String, Option<AnswerError>) {
    let status = StatusCode::from_u16(status).unwrap();
    let app = Router::new().route(
        "/v1/chat/completions",
        post(async move |headers: HeaderMap, asked: Bytes| {
            assert_eq!(headers["authorization"], "Bearer key");
            let asked: serde_json::Value = serde_json::from_slice(&asked).unwrap();
            assert_eq!(asked["stream"], true);
            assert_eq!(asked["model"], "small");
            assert_eq!(asked["messages"][0]["role"], "user");
            assert_eq!(asked["messages"][0]["content"], "hello");
            (status, body)
        }),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = tokio::spawn(async move { axum::serve(listener, app).await });
    let upstream = Upstream {
        url: format!("http://{address}/v1"),
        model: "small".into(),
        key: Some(Secret::new("key")),
    };
    let mut pieces = Responder::new(Some(&upstream))
        .unwrap()
        .answer(&said("hello"));
    let (mut answer, mut error) = (String::new(), None);
    while let Some(piece) = pieces.next().await {
        assert!(error.is_none(), "nothing follows an error");
        match piece {
            Ok(text) => answer.push_str(&text),
            Err(broken) => error = Some(broken),
        }
    }
    server.abort();
    (answer, error)
}

#[tokio::test]
async fn an_upstream_is_read_to_its_done() {
    let body = "data: {\"choices\":[{\"delta\":{\"role\":\"assistant\"}}]}\n\n\
                data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n\
                : ping\n\n\
                data: {\"choices\":[{\"delta\":{\"content\":\"lo\"}}]}\n\n\
                data: {\"choices\":[],\"usage\":{}}\n\n\
                data: [DONE]\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"!\"}}]}\n\n";
    let (answer, error) = ask(200, body).await;
    assert_eq!(answer, "Hello");
    assert!(error.is_none(), "{error:?}");
}

#[tokio::test]
async fn an_upstream_that_breaks_off_is_an_error_after_what_came() {
    let (answer, error) = ask(
        200,
        "data: {\"choices\":[{\"delta\":{\"content\":\"Hel\"}}]}\n\n",
    )
    .await;
    assert_eq!(answer, "Hel");
    assert!(matches!(error, Some(AnswerError::Format(_))), "{error:?}");

    let (_, error) = ask(500, "{}").await;
    assert!(matches!(error, Some(AnswerError::Status(500))), "{error:?}");
    let (_, error) = ask(200, "data: <html>\n\n").await;
    assert!(matches!(error, Some(AnswerError::Format(_))), "{error:?}");
}

#[tokio::test]
async fn an_upstream_that_is_not_there_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    drop(listener);
    let upstream = Upstream {
        url,
        model: "small".into(),
        key: None,
    };
    let mut pieces = Responder::new(Some(&upstream))
        .unwrap()
        .answer(&said("hello"));
    assert!(matches!(
        pieces.next().await,
        Some(Err(AnswerError::Http(_)))
    ));
    assert!(pieces.next().await.is_none());
}

use std::sync::Arc;

use axum::{Extension, Router, routing::get};
use futures_util::{SinkExt as _, StreamExt as _};
use portcullis_core::{
    client::PeerAddr,
    clock::SystemClock,
    identity::{Identity, Source},
};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_tungstenite::tungstenite::{Message, protocol::frame::coding::CloseCode};

use crate::{chat::Chat, database::Database, drain::Drain, responder::Responder};

/// The chat routes for the user 7 on a free port: its address, the drain, and the server's task.
async fn served() -> (String, Drain, JoinHandle<()>) {
    let drain = Drain::new();
    let database = Database::open(None).unwrap();
    let clock = Arc::new(SystemClock);
    let chat = Chat::new(database, Responder::BuiltIn, clock, drain.clone());
    let identity = Identity::new("7", None, Source::Cookie);
    let peer = get(async |Extension(peer): Extension<PeerAddr>| peer.0.ip().to_string());
    let app = Router::new()
        .merge(chat.router().layer(Extension(identity)))
        .route("/peer", peer);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let server = tokio::spawn(super::serve(listener, app, drain.clone()));
    (address, drain, server)
}

#[tokio::test]
async fn the_layers_are_told_who_is_at_the_other_end() {
    let (address, drain, server) = served().await;
    let answer = reqwest::get(format!("http://{address}/peer"))
        .await
        .unwrap();
    assert_eq!(answer.text().await.unwrap(), "127.0.0.1");
    drain.stop();
    server.await.unwrap();
}

#[tokio::test]
async fn a_stream_under_way_ends_before_the_service_does() {
    let (address, drain, server) = served().await;
    let client = reqwest::Client::new();
    let mut answer = client
        .post(format!("http://{address}/chat/stream"))
        .header("content-type", "application/json")
        .body(r#"{"message": "hello"}"#)
        .send()
        .await
        .unwrap();
    let mut text = answer.chunk().await.unwrap().unwrap().to_vec();
    drain.stop();
    while let Some(piece) = answer.chunk().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    assert!(text.ends_with(b"event: done\ndata: {}\n\n"));
    server.await.unwrap();
    assert!(
        reqwest::get(format!("http://{address}/peer"))
            .await
            .is_err(),
        "nobody is let in"
    );
}

#[tokio::test]
async fn a_socket_answers_in_turn_and_is_told_of_the_end() {
    let (address, drain, server) = served().await;
    let url = format!("ws://{address}/chat/ws");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    socket.send(Message::text("{}")).await.unwrap();
    let refused = socket.next().await.unwrap().unwrap().into_text().unwrap();
    assert!(
        refused.starts_with(r#"{"event":"error","detail":"#),
        "{refused}"
    );

    socket
        .send(Message::text(r#"{"message": "hello"}"#))
        .await
        .unwrap();
    let first = socket.next().await.unwrap().unwrap();
    assert_eq!(first, Message::text(r#"{"event":"token","text":"You "}"#));
    drain.stop(); // the answer under way is finished first
    let mut last = first;
    let close = loop {
        match socket.next().await.unwrap().unwrap() {
            Message::Close(frame) => break frame.expect("a reason"),
            other => last = other,
        }
    };
    assert_eq!(last, Message::text(r#"{"event":"done"}"#));
    assert_eq!(close.code, CloseCode::Away);
    server.await.unwrap();
}

#[tokio::test]
async fn a_frame_above_the_bound_ends_the_socket() {
    let (address, drain, server) = served().await;
    let url = format!("ws://{address}/chat/ws");
    let (mut socket, _) = tokio_tungstenite::connect_async(url).await.unwrap();
    let huge = Message::text("x".repeat(64 * 1024));
    socket.send(huge).await.unwrap();
    let mut frames = Vec::new();
    while let Some(Ok(frame)) = socket.next().await {
        frames.push(frame);
    }
    assert!(!frames.iter().any(Message::is_text), "{frames:?}");
    drain.stop();
    server.await.unwrap();
}

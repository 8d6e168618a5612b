//! The greeter on a real connection.

#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

use portcullis::{Secret, jwt::KeyRing};
use tokio::net::TcpListener;
use tonic::{Code, transport::Endpoint};
use tonic_greeter::{client::GreeterClient, serve, server::TIMES, token};

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new([7; 32])).unwrap()
}

async fn client(token: Option<String>) -> GreeterClient {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(listener, keys()));
    let channel = Endpoint::from_shared(url).unwrap().connect().await.unwrap();
    GreeterClient::new(channel, token)
}

#[tokio::test]
async fn a_caller_with_a_token_is_greeted_and_known() {
    let mut client = client(Some(token(&keys(), "42").unwrap())).await;
    let reply = client.say_hello("Ada").await.unwrap();
    assert_eq!(reply.message, "Hello Ada, says user 42");

    let mut replies = client.say_hello_often("Ada").await.unwrap();
    let mut count = 0;
    while let Some(reply) = replies.message().await.unwrap() {
        assert_eq!(reply.message, "Hello Ada, says user 42");
        count += 1;
    }
    assert_eq!(count, TIMES);
}

#[tokio::test]
async fn a_caller_without_a_valid_token_is_unauthenticated() {
    let foreign = KeyRing::hs256(Secret::new([8; 32])).unwrap();
    for wrong in [
        None,
        Some("junk".to_owned()),
        Some(token(&foreign, "42").unwrap()),
    ] {
        let mut client = client(wrong.clone()).await;
        let refused = client.say_hello("Ada").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
        let refused = client.say_hello_often("Ada").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated, "{wrong:?}");
    }
}

//! What a browser does from login to logout, against the program itself.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{browser::Browser, harness::Server};

#[tokio::test]
async fn from_login_to_logout() {
    let server = Server::start(&[]);
    let mut browser = Browser::new(&server).await;
    let before = browser.send(Method::GET, "/api/auth/me/", None).await;
    assert_eq!(before.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(
        browser.log_in("wrong").await.status(),
        StatusCode::UNAUTHORIZED
    );

    let login = browser.log_in("portcullis").await;
    assert_eq!(login.status(), StatusCode::OK);
    let answer = browser.remember(login.json().await.unwrap());
    assert_eq!(answer["user"]["username"], "demo");
    let me = browser.send(Method::GET, "/api/auth/me/", None).await;
    assert_eq!(
        me.json::<Value>().await.unwrap()["user"]["username"],
        "demo"
    );

    let message = json!({"message": "hello"});
    let mut stream = browser
        .send(Method::POST, "/chat/stream", Some(message))
        .await;
    assert_eq!(stream.status(), StatusCode::OK);
    let mut pieces = Vec::new();
    while let Some(piece) = stream.chunk().await.unwrap() {
        pieces.push(String::from_utf8(piece.to_vec()).unwrap());
    }
    assert!(pieces.len() > 5, "piece by piece: {pieces:?}");
    assert!(
        pieces[0].starts_with("event: token\ndata: {\"text\":"),
        "{pieces:?}"
    );
    assert!(
        pieces.concat().ends_with("event: done\ndata: {}\n\n"),
        "{pieces:?}"
    );

    let refresh = browser.send(Method::POST, "/api/auth/refresh/", None).await;
    assert_eq!(refresh.status(), StatusCode::OK);
    let sessions = browser.send(Method::GET, "/api/auth/sessions/", None).await;
    let sessions: Value = sessions.json().await.unwrap();
    assert_eq!(sessions["sessions"][0]["current"], true);

    let logout = browser.send(Method::POST, "/api/auth/logout/", None).await;
    assert_eq!(logout.status(), StatusCode::OK);
    let after = browser.send(Method::GET, "/api/auth/me/", None).await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED);
    let after = browser.send(Method::GET, "/chat/history", None).await;
    assert_eq!(after.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_logout_ends_the_stream_that_is_under_way() {
    let server = Server::start(&[]);
    let mut browser = Browser::new(&server).await;
    let login = browser.log_in("portcullis").await;
    browser.remember(login.json().await.unwrap());
    let message = json!({"message": "hello"});
    let mut stream = browser
        .send(Method::POST, "/chat/stream", Some(message))
        .await;
    let mut text = stream.chunk().await.unwrap().unwrap().to_vec();
    let logout = browser.send(Method::POST, "/api/auth/logout/", None).await;
    assert_eq!(logout.status(), StatusCode::OK);
    while let Some(piece) = stream.chunk().await.unwrap() {
        text.extend_from_slice(&piece);
    }
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("event: session-ended"), "{text}");
    assert!(!text.contains("event: done"), "{text}");
}

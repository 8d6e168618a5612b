//! The example on a real connection, as the commands in `main.rs` use it.

#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper_plain::{protected, serve};
use hyper_util::rt::TokioIo;
use portcullis::Secret;
use tokio::net::{TcpListener, TcpStream};

struct Page {
    address: SocketAddr,
    cookie: String,
    token: String,
}

impl Page {
    /// Starts the example and reads its page.
    async fn load() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = protected(&format!("http://{address}"), &Secret::new([7; 32])).unwrap();
        tokio::spawn(serve(listener, service));
        let page = send(address, Request::get("/")).await;
        assert_eq!(page.headers()["x-frame-options"], "DENY");
        let cookie = page.headers()["set-cookie"].to_str().unwrap();
        let text = String::from_utf8(page.body().to_vec()).unwrap();
        Self {
            address,
            cookie: cookie.split(';').next().unwrap().to_owned(),
            token: text.split("token: ").nth(1).unwrap().trim().to_owned(),
        }
    }

    async fn post(&self, origin: &str, token: &str) -> (u16, String) {
        let request = Request::post("/")
            .header("origin", origin)
            .header("cookie", &self.cookie)
            .header("x-csrftoken", token);
        let answer = send(self.address, request).await;
        let text = String::from_utf8(answer.body().to_vec()).unwrap();
        (answer.status().as_u16(), text)
    }
}

async fn send(address: SocketAddr, request: http::request::Builder) -> Response<Bytes> {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = request
        .header("host", address.to_string())
        .body(Empty::<Bytes>::new());
    let (parts, body) = sender
        .send_request(request.unwrap())
        .await
        .unwrap()
        .into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

#[tokio::test]
async fn only_the_pages_own_post_counts() {
    let page = Page::load().await;
    let own = format!("http://{}", page.address);
    let counted = page.post(&own, &page.token).await;
    assert_eq!(counted, (200, "1 visits\n".to_owned()));

    assert_eq!(page.post("https://evil.example", &page.token).await.0, 403);
    assert_eq!(page.post(&own, "not the token").await.0, 403);

    let counted = page.post(&own, &page.token).await;
    assert_eq!(
        counted,
        (200, "2 visits\n".to_owned()),
        "the refused did not count"
    );
}

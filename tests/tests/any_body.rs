//! Every layer takes and gives a body that can do nothing but be a body.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use tower::{Layer, Service, ServiceExt as _};

use crate::{
    layers::{self, FOREIGN, HOST},
    support::body::{Bare, Hello},
};

/// What a client reads when `layer` stands before a handler whose bodies are [`Bare`].
async fn read<L, B>(layer: L, request: http::request::Builder) -> (u16, Bytes)
where
    L: Layer<Hello>,
    L::Service: Service<Request<Bare>, Response = Response<B>, Error = Infallible>,
    B: Body<Data = Bytes, Error = Infallible>,
{
    let request = request.body(Bare::new("request")).unwrap();
    let Ok(response) = layer.layer(Hello).oneshot(request).await;
    let status = response.status().as_u16();
    let Ok(body) = response.into_body().collect().await;
    (status, body.to_bytes())
}

const HELLO: (u16, Bytes) = (200, Bytes::from_static(b"hello"));

/// A request that every layer lets through.
fn good() -> http::request::Builder {
    Request::get("/").header("host", HOST)
}

#[tokio::test]
async fn every_gate_passes_any_body() {
    assert_eq!(read(layers::allowed_hosts(), good()).await, HELLO);
    assert_eq!(read(layers::csrf(), good()).await, HELLO);
    assert_eq!(read(layers::security_headers(), good()).await, HELLO);
    assert_eq!(read(layers::rate_limit(), good()).await, HELLO);
    let bearer = format!("Bearer {}", layers::token());
    let known = good().header("authorization", bearer);
    assert_eq!(read(layers::jwt_cookie(), known).await, HELLO);
}

#[tokio::test]
async fn every_gate_refuses_whatever_the_body_is() {
    let forged = || {
        Request::post("/")
            .header("host", HOST)
            .header("origin", FOREIGN)
    };
    let (status, body) = read(layers::csrf(), forged()).await;
    assert!(status == 403 && body.starts_with(b"{"), "{body:?}");

    let (status, body) = read(layers::https_redirect(), forged()).await;
    assert!(status == 403 && body.starts_with(b"{"), "{body:?}");
    let (status, body) = read(layers::https_redirect(), good()).await;
    assert!(status == 308 && body.is_empty(), "{body:?}");

    let (status, body) = read(layers::jwt_cookie(), good()).await;
    assert!(status == 401 && body.starts_with(b"{"), "{body:?}");

    let used_up = layers::rate_limit();
    assert_eq!(read(used_up.clone(), good()).await, HELLO);
    let (status, body) = read(used_up, good()).await;
    assert!(status == 429 && body.starts_with(b"{"), "{body:?}");

    let elsewhere = Request::get("/").header("host", "evil.example");
    let (status, body) = read(layers::allowed_hosts(), elsewhere).await;
    assert!(status == 400 && body.starts_with(b"{"), "{body:?}");
}

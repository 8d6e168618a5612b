//! Every layer takes and gives a body that can do nothing but be a body.

use std::convert::Infallible;

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::BodyExt as _;
use tower::{Layer, Service, ServiceExt as _};

use crate::{
    layers::{self, FOREIGN},
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

#[tokio::test]
async fn csrf_passes_and_refuses_any_body() {
    let (status, body) = read(layers::csrf(), Request::get("/")).await;
    assert_eq!((status, body.as_ref()), (200, b"hello".as_ref()));

    let forged = Request::post("/").header("origin", FOREIGN);
    let (status, body) = read(layers::csrf(), forged).await;
    assert_eq!(status, 403);
    assert!(body.starts_with(b"{"), "{body:?}");
}

//! The layers over bare hyper, on a real connection.

use std::{convert::Infallible, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use portcullis::Guarded;
use tower::{Layer, Service};

use crate::{
    layers::{self, FOREIGN},
    support::loopback::{over_hyper, send},
};

type Hello = tower::util::ServiceFn<fn(Request<Incoming>) -> Greeting>;
type Greeting = std::future::Ready<Result<Response<Full<Bytes>>, Infallible>>;

fn hello(_: Request<Incoming>) -> Greeting {
    std::future::ready(Ok(Response::new(Full::from("hello"))))
}

/// Greets behind `layer`.
async fn serve<L, S>(layer: L) -> SocketAddr
where
    L: Layer<Hello, Service = S>,
    S: Service<Request<Incoming>, Response = Response<Guarded<Full<Bytes>>>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
{
    over_hyper(layer.layer(tower::service_fn(hello))).await
}

#[track_caller]
fn check_greeted(response: &Response<Bytes>) {
    assert_eq!(response.status(), 200);
    assert_eq!(response.body().as_ref(), b"hello");
}

#[track_caller]
fn check_refused(response: &Response<Bytes>, status: u16) {
    assert_eq!(response.status().as_u16(), status);
    assert_eq!(response.headers()["cache-control"], "no-store");
    let length = response.headers()["content-length"].to_str().unwrap();
    assert_eq!(
        length,
        response.body().len().to_string(),
        "no chunked refusal"
    );
}

#[tokio::test]
async fn a_forged_post_is_refused_on_the_wire() {
    let address = serve(layers::csrf()).await;
    check_greeted(&send(address, Request::get("/").body("").unwrap()).await);
    let forged = Request::post("/").header("origin", FOREIGN);
    check_refused(&send(address, forged.body("x").unwrap()).await, 403);
}

#[tokio::test]
async fn a_token_opens_the_door_and_its_absence_is_challenged() {
    let address = serve(layers::jwt_cookie()).await;
    let bearer = format!("Bearer {}", layers::token());
    let known = Request::get("/").header("authorization", bearer);
    check_greeted(&send(address, known.body("").unwrap()).await);
    let refused = send(address, Request::get("/").body("").unwrap()).await;
    check_refused(&refused, 401);
    assert_eq!(
        refused.headers()["www-authenticate"],
        r#"Bearer realm="api""#
    );
}

#[tokio::test]
async fn an_address_is_counted_across_its_connections() {
    let address = serve(layers::rate_limit_by_address()).await;
    check_greeted(&send(address, Request::get("/").body("").unwrap()).await);
    let refused = send(address, Request::get("/").body("").unwrap()).await;
    check_refused(&refused, 429);
    assert!(refused.headers().contains_key("retry-after"));
}

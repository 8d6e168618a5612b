//! The layers over bare hyper, on a real connection.

use std::convert::Infallible;

use http::{Request, Response};
use http_body_util::Full;
use tower::{ServiceBuilder, service_fn};

use crate::{
    layers::{self, FOREIGN},
    support::loopback::{over_hyper, send},
};

#[tokio::test]
async fn a_forged_post_is_refused_on_the_wire() {
    let hello = service_fn(|_| async { Ok::<_, Infallible>(Response::new(Full::from("hello"))) });
    let service = ServiceBuilder::new().layer(layers::csrf()).service(hello);
    let address = over_hyper::<_, portcullis::Guarded<Full<bytes::Bytes>>>(service).await;

    let read = send(address, Request::get("/").body("").unwrap()).await;
    assert_eq!(
        (read.status().as_u16(), read.body().as_ref()),
        (200, b"hello".as_ref())
    );

    let forged = Request::post("/")
        .header("origin", FOREIGN)
        .body("x")
        .unwrap();
    let refused = send(address, forged).await;
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.headers()["cache-control"], "no-store");
    let length = refused.headers()["content-length"].to_str().unwrap();
    assert_eq!(
        length,
        refused.body().len().to_string(),
        "no chunked refusal"
    );
}

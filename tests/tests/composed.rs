//! Layers one inside the other, round a mock that says what reached it.

use http::{Request, Response, StatusCode};
use portcullis::{Rejection, core::rejection::HostReason, csrf::policy::CsrfRejection};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{ServiceBuilder, layer::layer_fn};
use tower_test::mock;

use crate::{
    layers::{self, FOREIGN, HOST},
    support::body::Bare,
};

/// Sends `request` through security headers, allowed hosts and CSRF, in this order. The mock
/// answers if it is asked at all; whether it was is the second value.
fn send(request: http::request::Builder) -> (Response<()>, bool) {
    let layers = layer_fn(|inner| {
        ServiceBuilder::new()
            .layer(layers::security_headers())
            .layer(layers::allowed_hosts())
            .layer(layers::csrf())
            .service(inner)
    });
    let (mut service, mut handle) = mock::spawn_layer::<Request<Bare>, Response<Bare>, _>(layers);
    assert_ready_ok!(service.poll_ready());
    let future = service.call(request.body(Bare::new("x")).unwrap());
    let mut future = task::spawn(future);
    let mut reached = task::spawn(handle.next_request());
    let early = future.poll();
    if early.is_ready() {
        assert_pending!(reached.poll(), "a refused request reached the handler");
        return (assert_ready_ok!(early).map(|_| ()), false);
    }
    let (_, answer) = tokio_test::assert_ready!(reached.poll()).unwrap();
    answer.send_response(Response::new(Bare::new("hello")));
    (assert_ready_ok!(future.poll()).map(|_| ()), true)
}

#[track_caller]
fn check(request: http::request::Builder, status: StatusCode, rejection: Option<Rejection>) {
    let (response, reached) = send(request);
    assert_eq!(response.status(), status);
    assert_eq!(response.extensions().get::<Rejection>(), rejection.as_ref());
    assert_eq!(reached, rejection.is_none());
    assert_eq!(
        response.headers()["x-content-type-options"],
        "nosniff",
        "refusals have it too"
    );
}

#[test]
fn what_passes_every_layer_reaches_the_handler() {
    check(Request::get("/").header("host", HOST), StatusCode::OK, None);
}

#[test]
fn each_layer_keeps_its_refusal_from_the_handler() {
    let forged = Request::post("/")
        .header("host", HOST)
        .header("origin", FOREIGN);
    let refused = Rejection::Csrf(CsrfRejection::OriginUntrusted);
    check(forged, StatusCode::FORBIDDEN, Some(refused));
}

#[test]
fn the_outer_layer_refuses_first() {
    let both_wrong = Request::post("/")
        .header("host", "evil.example")
        .header("origin", FOREIGN);
    let refused = Rejection::Host(HostReason::NotAllowed);
    check(both_wrong, StatusCode::BAD_REQUEST, Some(refused));
}

//! Layers one inside the other, round a mock that says what reached it.

use http::{Method, Request, Response, StatusCode};
use portcullis::{
    Rejection,
    core::rejection::{AuthReason, HostReason},
    csrf::policy::CsrfRejection,
};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::{ServiceBuilder, layer::layer_fn};
use tower_test::mock;

use crate::{
    layers::{self, FOREIGN, HOST},
    support::body::Bare,
};

/// Sends `request` through security headers, allowed hosts, JWT and CSRF, in this order. The mock
/// answers if it is asked at all; whether it was is the second value.
fn send(request: http::request::Builder) -> (Response<()>, bool) {
    let layers = layer_fn(|inner| {
        ServiceBuilder::new()
            .layer(layers::security_headers())
            .layer(layers::allowed_hosts())
            .layer(layers::jwt_cookie())
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

/// A request to our host by somebody whose token is in a cookie, as a page sends it.
fn by_cookie(method: Method) -> http::request::Builder {
    let cookie = format!("__Host-access_token={}", layers::token());
    let request = Request::builder().method(method).header("host", HOST);
    request.header("cookie", cookie)
}

/// The same by Bearer header, as a program sends it.
fn by_bearer(method: Method) -> http::request::Builder {
    let bearer = format!("Bearer {}", layers::token());
    let request = Request::builder().method(method).header("host", HOST);
    request.header("authorization", bearer)
}

const FORGED: Rejection = Rejection::Csrf(CsrfRejection::OriginUntrusted);

#[test]
fn what_passes_every_layer_reaches_the_handler() {
    check(by_cookie(Method::GET), StatusCode::OK, None);
    check(by_bearer(Method::GET), StatusCode::OK, None);
}

#[test]
fn a_cookie_has_to_prove_its_origin_and_a_bearer_token_has_not() {
    let forged = by_cookie(Method::POST).header("origin", FOREIGN);
    check(forged, StatusCode::FORBIDDEN, Some(FORGED));
    let by_program = by_bearer(Method::POST).header("origin", FOREIGN);
    check(by_program, StatusCode::OK, None);
}

#[test]
fn a_bearer_header_beside_the_cookie_does_not_switch_csrf_off() {
    let bearer = format!("Bearer {}", layers::token());
    let both = by_cookie(Method::POST).header("authorization", bearer);
    let both = both.header("origin", FOREIGN);
    check(both, StatusCode::FORBIDDEN, Some(FORGED));
}

#[test]
fn nobody_gets_as_far_as_csrf_without_a_token() {
    let anonymous = Request::post("/")
        .header("host", HOST)
        .header("origin", FOREIGN);
    let refused = Rejection::Authentication {
        reason: AuthReason::Missing,
        bearer: false,
    };
    check(anonymous, StatusCode::UNAUTHORIZED, Some(refused));
}

#[test]
fn the_outer_layer_refuses_first() {
    let all_wrong = Request::post("/")
        .header("host", "evil.example")
        .header("origin", FOREIGN);
    let refused = Rejection::Host(HostReason::NotAllowed);
    check(all_wrong, StatusCode::BAD_REQUEST, Some(refused));
}

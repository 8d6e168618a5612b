use http::{Request, Response};
use portcullis_core::{Rejection, rejection::HostReason};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower_test::mock;

use super::*;

type Mock = mock::Mock<Request<()>, Response<&'static str>>;

fn layer() -> HttpsRedirectLayer {
    let hosts = AllowedHosts::new().add_host("chat.example").unwrap();
    HttpsRedirectLayer::new(hosts).exempt_path("/healthz".parse().unwrap())
}

/// The response, and whether the service was called.
fn send(
    layer: &HttpsRedirectLayer,
    request: Request<()>,
) -> (Response<Guarded<&'static str>>, bool) {
    let (mut service, mut handle) = mock::spawn_with(|inner: Mock| layer.layer(inner));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request));
    let mut next = task::spawn(handle.next_request());
    let called = match next.poll() {
        std::task::Poll::Ready(Some((_, send))) => {
            send.send_response(Response::new("ok"));
            true
        }
        _ => false,
    };
    (assert_ready_ok!(response.poll()), called)
}

fn request(method: &str, path: &str) -> Request<()> {
    let request = Request::builder().method(method).uri(path);
    request
        .header("host", "chat.example:8000")
        .body(())
        .unwrap()
}

#[track_caller]
fn redirects(layer: &HttpsRedirectLayer, request: Request<()>, location: &str) {
    let (response, called) = send(layer, request);
    assert!(!called, "the service was called");
    assert_eq!(response.status(), 308);
    assert_eq!(response.headers()["location"], location);
}

#[test]
fn safe_methods_are_sent_to_the_same_path() {
    for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
        redirects(
            &layer(),
            request(method, "/a/b?c=d"),
            "https://chat.example/a/b?c=d",
        );
    }
    redirects(&layer(), request("OPTIONS", "*"), "https://chat.example/");
    redirects(
        &layer(),
        request("GET", "//evil.test/"),
        "https://chat.example//evil.test/",
    );
    redirects(
        &layer().with_port(8443),
        request("GET", "/"),
        "https://chat.example:8443/",
    );
}

#[test]
fn other_methods_are_refused() {
    for method in ["POST", "PUT", "DELETE", "QUERY", "get"] {
        let (response, called) = send(&layer(), request(method, "/"));
        assert!(!called, "{method}");
        assert_eq!(response.status(), 403, "{method}");
        let rejection = response.extensions().get();
        assert_eq!(rejection, Some(&Rejection::HttpsRequired), "{method}");
    }
}

#[test]
fn no_request_is_sent_to_a_host_of_others() {
    let mut evil = request("GET", "/");
    let host = HeaderValue::from_static("evil.test");
    evil.headers_mut().insert("host", host);
    let (response, called) = send(&layer(), evil);
    assert!(!called && response.headers().get("location").is_none());
    let want = Rejection::Host(HostReason::NotAllowed);
    assert_eq!(response.extensions().get(), Some(&want));
}

#[test]
fn https_and_exempt_paths_pass() {
    assert!(send(&layer(), request("POST", "/healthz")).1);
    assert!(!send(&layer(), request("GET", "/healthz/more")).1);
    let tls = ClientPolicy::direct().with_direct_scheme(Scheme::Https);
    assert!(send(&layer().with_client_policy(tls), request("POST", "/")).1);
}

#[test]
fn a_refusal_gives_its_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (mut service, _handle) = mock::spawn_with(|inner: Mock| layer().layer(limit.layer(inner)));
    let mut other = mock::Spawn::new(service.get_ref().clone());
    assert_ready_ok!(service.poll_ready());
    assert_pending!(other.poll_ready(), "the one permit is taken");
    let sent = assert_ready!(task::spawn(service.call(request("GET", "/"))).poll());
    assert_eq!(sent.unwrap().status(), 308);
    assert_ready_ok!(other.poll_ready());
}

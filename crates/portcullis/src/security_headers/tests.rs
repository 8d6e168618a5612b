use http::HeaderValue;
use tokio_test::{assert_ready, assert_ready_ok, task};
use tower_test::mock;

use super::*;

type Mock = mock::Mock<Request<()>, Response<&'static str>>;

/// The response to a `GET` that the handler answers with `answer`.
fn send<L>(
    layer: &L,
    answer: impl FnOnce(&Request<()>) -> Response<&'static str>,
) -> Response<&'static str>
where
    L: Layer<Mock>,
    L::Service: Service<Request<()>, Response = Response<&'static str>>,
    <L::Service as Service<Request<()>>>::Error: std::fmt::Debug,
{
    let (mut service, mut handle) = mock::spawn_with(|inner: Mock| layer.layer(inner));
    assert!(assert_ready!(service.poll_ready()).is_ok());
    let future = service.call(Request::get("/").body(()).unwrap());
    let mut response = task::spawn(Box::pin(future));
    let (request, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_response(answer(&request));
    assert_ready_ok!(response.poll())
}

fn tls(policy: HeaderPolicy) -> SecurityHeadersLayer {
    let tls = ClientPolicy::direct().with_direct_scheme(Scheme::Https);
    SecurityHeadersLayer::new(policy).with_client_policy(tls)
}

#[test]
fn errors_have_the_headers_too() {
    for status in [404, 405, 500] {
        let response = send(&tls(HeaderPolicy::strict()), |_| {
            let mut response = Response::new("no");
            *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
            response
        });
        assert_eq!(response.headers()["x-frame-options"], "DENY", "{status}");
        assert!(
            response.headers().contains_key("content-security-policy"),
            "{status}"
        );
        assert!(
            response.headers().contains_key("strict-transport-security"),
            "{status}"
        );
    }
}

#[test]
fn hsts_needs_a_request_known_to_be_https() {
    let response = send(
        &SecurityHeadersLayer::new(HeaderPolicy::strict()),
        |request| {
            assert!(request.extensions().get::<CspNonce>().is_some());
            Response::new("ok")
        },
    );
    assert!(!response.headers().contains_key("strict-transport-security"));
}

#[test]
fn a_nonce_that_nobody_asked_for_is_in_no_header() {
    let response = send(&tls(HeaderPolicy::strict()), |_| Response::new("ok"));
    let csp = response.headers()["content-security-policy"]
        .to_str()
        .unwrap();
    assert!(csp.contains("script-src 'none'"), "{csp}");
    assert!(!response.headers().contains_key("cache-control"));

    send(&tls(HeaderPolicy::api()), |request| {
        assert!(
            request.extensions().get::<CspNonce>().is_none(),
            "no place for one"
        );
        Response::new("ok")
    });
}

#[test]
fn two_layers_agree_on_one_nonce_and_one_policy() {
    struct Both;
    impl<S> Layer<S> for Both {
        type Service = SecurityHeaders<SecurityHeaders<S>>;
        fn layer(&self, inner: S) -> Self::Service {
            let layer = tls(HeaderPolicy::strict());
            layer.layer(layer.layer(inner))
        }
    }
    let mut asked = String::new();
    let response = send(&Both, |request| {
        asked = request.extensions().get::<CspNonce>().unwrap().to_string();
        Response::new("ok")
    });
    let mut all = response.headers().get_all("content-security-policy").iter();
    let csp = all.next().unwrap().to_str().unwrap();
    assert!(all.next().is_none());
    assert!(
        csp.contains(&format!("script-src 'nonce-{asked}'")),
        "{csp}"
    );
    assert_eq!(response.headers()["cache-control"], "private, no-store");
}

#[test]
fn a_handlers_policy_stays() {
    let own = HeaderValue::from_static("default-src *");
    let response = send(&tls(HeaderPolicy::strict()), |_| {
        let mut response = Response::new("ok");
        let headers = response.headers_mut();
        headers.insert("content-security-policy", own.clone());
        response
    });
    assert_eq!(response.headers()["content-security-policy"], own);
}

#[test]
fn the_types_can_be_shared_and_moved() {
    fn shared<T: Send + Sync + Unpin + Clone>() {}
    fn sent<T: Send>() {}
    shared::<SecurityHeadersLayer>();
    shared::<SecurityHeaders<()>>();
    shared::<CspNonce>();
    sent::<ResponseFuture<std::future::Ready<Result<Response<()>, ()>>>>();
}

//! What a request that passes allocates: nothing, in the gates that decide at once.

use std::{
    convert::Infallible,
    future::{Future as _, Ready, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
};

use http::{HeaderMap, HeaderValue, Method, Request, Response};
use portcullis::{
    Secret,
    allowed_hosts::{AllowedHosts, AllowedHostsLayer},
    core::{
        client::{ClientPolicy, PeerAddr},
        clock::SystemClock,
        identity::{Identity, Source},
        keys::{DerivedKey, Purpose},
        memory::MemoryRateStore,
        origin::Scheme,
    },
    csrf::{
        CsrfLayer,
        policy::{CsrfPolicy, SessionRef},
    },
    rate_limit::{
        RateLimitLayer, RateRule,
        limit::{Limit, Limiter, Quota},
    },
    security_headers::{HeaderPolicy, SecurityHeadersLayer},
};
use tower_layer::Layer;
use tower_service::Service;

/// A handler that answers at once, without allocating.
#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        ready(Ok(Response::new(())))
    }
}

/// How many allocations `layer` makes for `request`, and the response's headers.
fn count<L, B>(layer: &L, request: impl Fn() -> Request<()>) -> (u64, u16, HeaderMap)
where
    L: Layer<Handler>,
    L::Service: Service<Request<()>, Response = Response<B>, Error = Infallible>,
{
    let mut service = layer.layer(Handler);
    let mut send = |request| {
        let mut cx = Context::from_waker(Waker::noop());
        assert!(service.poll_ready(&mut cx).is_ready());
        let Poll::Ready(Ok(response)) = pin!(service.call(request)).poll(&mut cx) else {
            panic!("the handler answers at once");
        };
        response
    };
    // Header values that were written at run time are promoted to shared ones at the first clone.
    drop(send(request()));
    let request = request();
    let mut response = None;
    let counted = allocation_counter::measure(|| response = Some(send(request)));
    let response = response.expect("it was sent");
    (
        counted.count_total,
        response.status().as_u16(),
        response.headers().clone(),
    )
}

fn policy() -> CsrfPolicy {
    let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::new([7; 32])).expect("32 bytes");
    CsrfPolicy::new(key)
}

fn request(method: Method, token: &str) -> Request<()> {
    let mut request = Request::builder()
        .method(method)
        .uri("https://chat.example/chat/stream")
        .header("host", "chat.example")
        .header("origin", "https://chat.example")
        .header(
            "cookie",
            format!("theme=dark; __Host-csrftoken={token}; a=b"),
        )
        .header("x-csrftoken", token)
        .body(())
        .expect("a request of valid parts");
    let identity = Identity::new("42", Some("sid-1"), Source::Cookie);
    request.extensions_mut().insert(identity);
    request
}

fn tls() -> ClientPolicy {
    ClientPolicy::direct().with_direct_scheme(Scheme::Https)
}

#[test]
fn csrf_lets_a_proved_request_pass_without_allocating() {
    let token = policy().issue(SessionRef::Session("sid-1")).unwrap();
    let configured = policy().add_own_origin("https://chat.example".parse().unwrap());
    for policy in [policy(), configured] {
        let layer = CsrfLayer::new(policy).with_client_policy(tls());
        for method in [Method::POST, Method::GET] {
            let (allocations, status, headers) =
                count(&layer, || request(method.clone(), token.as_str()));
            assert_eq!((allocations, status), (0, 200), "{method}");
            assert!(headers.is_empty());
        }
    }
}

#[test]
fn the_counter_counts() {
    let layer = CsrfLayer::new(policy()).with_client_policy(tls());
    let (allocations, status, _) = count(&layer, || request(Method::POST, "short"));
    assert_eq!(status, 403);
    assert!(allocations > 0);
}

#[test]
fn a_host_on_the_list_passes_without_allocating() {
    let hosts = AllowedHosts::new().add_host("chat.example").unwrap();
    let layer = AllowedHostsLayer::new(hosts).with_client_policy(tls());
    let (allocations, status, _) = count(&layer, || request(Method::GET, ""));
    assert_eq!((allocations, status), (0, 200));
}

#[test]
fn security_headers_allocate_only_the_map_they_stand_in() {
    let layer = SecurityHeadersLayer::new(HeaderPolicy::api()).with_client_policy(tls());
    let (allocations, _, headers) = count(&layer, || request(Method::GET, ""));
    assert_eq!(headers.len(), 6);
    assert_eq!(
        headers["x-content-type-options"],
        HeaderValue::from_static("nosniff")
    );
    assert!(allocations <= 3, "{allocations}");
}

/// What a request allocates under so many of four rules.
fn allocations_under(rules: usize) -> u64 {
    let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32])).expect("32 bytes");
    let limiter = Limiter::new(Arc::new(MemoryRateStore::new(Arc::new(SystemClock))), key);
    let quota = Quota::per_hour(1_000).expect("a sound quota");
    let limit = |name| Limit::new(name, quota).expect("a short name");
    let proxies = ClientPolicy::direct().add_trusted_proxy("10.0.0.0/8".parse().expect("a CIDR"));
    let all = [
        RateRule::by_address(limit("address")),
        RateRule::by_wide_network(limit("site")),
        RateRule::by_subject(limit("user")),
        RateRule::global(limit("all")),
    ];
    let layer = all
        .into_iter()
        .take(rules)
        .try_fold(
            RateLimitLayer::new(limiter, proxies),
            RateLimitLayer::add_rule,
        )
        .expect("no ninth rule");
    let (allocations, status, _) = count(&layer, || {
        let mut request = request(Method::GET, "");
        let peer = PeerAddr::from(([10, 0, 0, 1], 4711));
        request.extensions_mut().insert(peer);
        let hops = HeaderValue::from_static("6.6.6.6, 2001:db8::1, 10.0.0.2");
        request.headers_mut().insert("x-forwarded-for", hops);
        request
    });
    assert_eq!(status, 200);
    allocations
}

#[test]
fn a_request_under_one_limit_passes_without_allocating() {
    assert_eq!(allocations_under(1), 0);
}

#[test]
fn several_limits_in_one_decision_take_two_allocations_however_many() {
    assert_eq!(allocations_under(2), 2);
    assert_eq!(allocations_under(4), 2);
}

use std::{
    borrow::Cow,
    convert::Infallible,
    future::{Ready, ready},
    net::IpAddr,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use http::{HeaderName, Method, StatusCode};
use portcullis_core::{
    Rejection, Secret,
    audit::{AuditKind, MemoryAudit},
    client::PeerAddr,
    identity::{Identity, Source},
    keys::{DerivedKey, Purpose},
    memory::MemoryRateStore,
    rate::{Limit, Quota, RateStore},
};
use portcullis_testkit::ManualClock;
use tower::ServiceExt as _;

use super::*;

mod away;
mod failures;
mod keys;
mod permits;

const HOME: &str = "192.0.2.7";

/// Answers what a test wants, and counts how often it was asked.
#[derive(Clone)]
struct Inner {
    calls: Arc<AtomicUsize>,
    answer: fn(&Request<()>) -> Response<()>,
}

impl Service<Request<()>> for Inner {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<()>) -> Self::Future {
        self.calls.fetch_add(1, Ordering::SeqCst);
        ready(Ok((self.answer)(&request)))
    }
}

struct Setup {
    service: RateLimit<Inner>,
    calls: Arc<AtomicUsize>,
}

impl Setup {
    fn new(layer: &RateLimitLayer) -> Self {
        Self::answering(layer, |_| Response::new(()))
    }

    fn answering(layer: &RateLimitLayer, answer: fn(&Request<()>) -> Response<()>) -> Self {
        let calls = Arc::new(AtomicUsize::new(0));
        let service = layer.layer(Inner {
            calls: calls.clone(),
            answer,
        });
        Self { service, calls }
    }

    /// The response to `request`; a refusal has not touched the inner service.
    #[track_caller]
    fn send(&self, request: Request<()>) -> Response<Guarded<()>> {
        let before = self.calls.load(Ordering::SeqCst);
        let sent = self.service.clone().oneshot(request);
        let response = tokio_test::block_on(sent).unwrap();
        let reached = self.calls.load(Ordering::SeqCst) - before;
        assert_eq!(reached, usize::from(!response.body().is_refusal()));
        response
    }

    #[track_caller]
    fn passes(&self, request: Request<()>) -> bool {
        let response = self.send(request);
        if response.body().is_refusal() {
            assert_eq!(response.status(), 429);
            let rejection = response.extensions().get::<Rejection>().unwrap();
            assert_eq!(rejection.code(), "throttled");
        }
        !response.body().is_refusal()
    }
}

fn limiter(clock: &ManualClock) -> Limiter {
    let store = MemoryRateStore::new(Arc::new(clock.clone()));
    over(Arc::new(store), clock)
}

fn over(store: Arc<dyn RateStore>, clock: &ManualClock) -> Limiter {
    let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32])).unwrap();
    Limiter::new(store, key).with_clock(Arc::new(clock.clone()))
}

fn strict(name: &str, count: u32) -> Limit {
    Limit::new(name, Quota::strict(count, Duration::from_secs(60)).unwrap()).unwrap()
}

fn layer(rule: RateRule) -> RateLimitLayer {
    layer_at(&ManualClock::default(), rule)
}

fn layer_at(clock: &ManualClock, rule: RateRule) -> RateLimitLayer {
    RateLimitLayer::new(limiter(clock), ClientPolicy::direct())
        .add_rule(rule)
        .unwrap()
}

fn from(peer: &str) -> Request<()> {
    to(peer, &Method::GET, "/")
}

fn to(peer: &str, method: &Method, uri: &str) -> Request<()> {
    let mut request = Request::builder().method(method).uri(uri).body(()).unwrap();
    let peer: IpAddr = peer.parse().unwrap();
    request
        .extensions_mut()
        .insert(PeerAddr::from((peer, 4711)));
    request
}

fn with_header(mut request: Request<()>, name: &'static str, value: &str) -> Request<()> {
    let name = HeaderName::from_static(name);
    request.headers_mut().append(name, value.parse().unwrap());
    request
}

#[test]
fn a_refusal_has_its_status_code_and_no_store() {
    let setup = Setup::new(&layer(RateRule::by_address(strict("address", 1))));
    assert!(setup.passes(from(HOME)));
    let refused = setup.send(from(HOME));
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.headers()["retry-after"], "60");
    assert_eq!(refused.headers()["cache-control"], "no-store");
    let rejection = refused.extensions().get::<Rejection>();
    assert_eq!(
        rejection,
        Some(&Rejection::RateLimited {
            retry_after_secs: 60
        })
    );
}

#[test]
fn a_grpc_caller_gets_a_status_of_its_own() {
    let setup = Setup::new(&layer(RateRule::by_address(strict("address", 1))));
    let call = || with_header(from(HOME), "content-type", "application/grpc");
    assert!(setup.passes(call()));
    let refused = setup.send(call());
    assert_eq!(refused.status(), 200);
    assert_eq!(refused.headers()["grpc-status"], "8");
    assert_eq!(refused.headers()["retry-after"], "60");
}

#[test]
fn retry_after_is_at_least_one_and_enough() {
    let clock = ManualClock::default();
    let limit = Limit::new("fast", Quota::per_second(50).unwrap()).unwrap();
    let setup = Setup::new(&layer_at(&clock, RateRule::by_address(limit)));
    for _ in 0..50 {
        assert!(setup.passes(from(HOME)));
    }
    let refused = setup.send(from(HOME));
    let wait: u64 = refused.headers()["retry-after"]
        .to_str()
        .unwrap()
        .parse()
        .unwrap();
    assert!(wait >= 1, "20 ms are not 0 s");
    clock.advance(Duration::from_secs(wait));
    assert!(
        setup.passes(from(HOME)),
        "whoever waits so long is admitted"
    );
}

#[test]
fn the_edge_of_a_window_gives_no_second_quota() {
    let clock = ManualClock::default();
    let setup = Setup::new(&layer_at(
        &clock,
        RateRule::by_address(strict("address", 5)),
    ));
    clock.advance(Duration::from_secs(59));
    let mut passed = 0;
    for _ in 0..10 {
        passed += u32::from(setup.passes(from(HOME)));
        clock.advance(Duration::from_millis(200));
    }
    assert_eq!(passed, 5);
}

#[test]
fn without_a_rule_nothing_is_counted() {
    let layer = RateLimitLayer::new(limiter(&ManualClock::default()), ClientPolicy::direct());
    let setup = Setup::new(&layer);
    for _ in 0..100 {
        assert!(setup.passes(Request::new(())));
    }
}

#[test]
fn a_ninth_rule_is_an_error_of_the_builder() {
    let mut layer = RateLimitLayer::new(limiter(&ManualClock::default()), ClientPolicy::direct());
    for number in 0..8 {
        let rule = RateRule::by_address(strict(&format!("limit-{number}"), 1));
        layer = layer.add_rule(rule).unwrap();
    }
    let error = layer.add_rule(RateRule::by_address(strict("ninth", 1)));
    assert!(error.unwrap_err().to_string().contains("ninth rule"));
}

#[test]
fn the_fields_show_exposed_limits_and_no_other() {
    let clock = ManualClock::default();
    let shown = Limit::new("log\"in", Quota::per_minute(2).unwrap()).unwrap();
    let layer = layer_at(&clock, RateRule::by_address(shown.exposed()))
        .add_rule(RateRule::by_subject(strict("account", 5)))
        .unwrap()
        .with_rate_limit_fields();
    let setup = Setup::new(&layer);
    let field = |response: &Response<Guarded<()>>, name: &str| {
        let all = response.headers().get_all(name).iter();
        let all: Vec<&str> = all.map(|value| value.to_str().unwrap()).collect();
        all.join("|")
    };
    let first = setup.send(from(HOME));
    assert_eq!(field(&first, "ratelimit-policy"), r#""log\"in";q=2;w=60"#);
    assert_eq!(field(&first, "ratelimit"), r#""log\"in";r=1;t=30"#);
    setup.send(from(HOME));
    let refused = setup.send(from(HOME));
    assert_eq!(field(&refused, "ratelimit"), r#""log\"in";r=0;t=30"#);
    assert_eq!(refused.headers()["retry-after"], "30", "not before t");
}

#[test]
fn the_fields_are_off_unless_asked_for() {
    let limit = strict("address", 5).exposed();
    let setup = Setup::new(&layer(RateRule::by_address(limit)));
    let response = setup.send(from(HOME));
    assert!(!response.headers().contains_key("ratelimit"));
}

#[test]
fn a_shadow_limit_reports_and_lets_pass() {
    let clock = ManualClock::default();
    let audit = Arc::new(MemoryAudit::default());
    let layer = layer_at(&clock, RateRule::by_address(strict("trial", 1).shadow()))
        .with_audit(audit.clone(), Arc::new(clock.clone()));
    let setup = Setup::new(&layer);
    for _ in 0..3 {
        assert!(setup.passes(from(HOME)));
    }
    let events = audit.events();
    assert_eq!(events.len(), 2);
    assert_eq!(events[0].kind, AuditKind::Refused);
    assert_eq!(
        events[0].reason.as_deref(),
        Some("shadow rate limit: trial")
    );
    assert_eq!(events[0].address, Some(HOME.parse().unwrap()));
}

#[test]
fn one_place_is_stricter_than_the_rest() {
    let rule = RateRule::by_address(strict("rest", 3))
        .on([Method::POST], "/api/login/", strict("login", 1))
        .unwrap();
    let setup = Setup::new(&layer(rule));
    assert!(setup.passes(to(HOME, &Method::POST, "/api/login/")));
    assert!(!setup.passes(to(HOME, &Method::POST, "/api/login/")));
    assert!(
        setup.passes(to(HOME, &Method::GET, "/api/login/")),
        "another method"
    );
    assert!(
        setup.passes(to(HOME, &Method::POST, "/api/login/more")),
        "another path"
    );
}

#[test]
fn a_rule_for_some_places_leaves_the_rest_alone() {
    let rule = RateRule::by_address(strict("rest", 1))
        .on([Method::POST], "/api/login/", strict("login", 1))
        .unwrap()
        .nowhere_else();
    let setup = Setup::new(&layer(rule));
    for _ in 0..5 {
        assert!(setup.passes(from(HOME)));
    }
    assert!(setup.passes(to(HOME, &Method::POST, "/api/login/")));
    assert!(!setup.passes(to(HOME, &Method::POST, "/api/login/")));
}

#[test]
fn no_spelling_of_a_path_escapes_its_limit() {
    let rule = RateRule::by_address(strict("rest", 60))
        .on([], "/api/login/", strict("login", 1))
        .unwrap();
    let setup = Setup::new(&layer(rule));
    assert!(setup.passes(to(HOME, &Method::POST, "/api/login/")));
    for spelling in [
        "/api/login",
        "/api/login/?next=/",
        "/api/%6cogin/",
        "/api/%6Cogin",
        "//api//login/",
        "/api/./login/",
        "/api/x/../login/",
        "/api/x/%2e%2e/login/",
        "/api/login;v=1/",
        "/api%2flogin/",
        "/api\\login/",
    ] {
        if spelling.parse::<http::Uri>().is_ok() {
            assert!(
                !setup.passes(to(HOME, &Method::POST, spelling)),
                "{spelling}"
            );
        }
    }
    assert!(
        setup.passes(to(HOME, &Method::POST, "/api/%zz%")),
        "junk is no login"
    );
    assert!(setup.passes(to(HOME, &Method::POST, "/api/%ff%fe/")));
}

#[test]
fn no_spelling_of_a_folder_escapes_the_limit_below_it() {
    let rule = RateRule::by_address(strict("rest", 60))
        .on([], "/admin/**", strict("admin", 1))
        .unwrap();
    let setup = Setup::new(&layer(rule));
    assert!(setup.passes(to(HOME, &Method::GET, "/admin/")));
    for spelling in [
        "/admin//",
        "//admin/",
        "/admin/x/..",
        "/admin/.",
        "/%61dmin/x",
        "/admin/%",
    ] {
        assert!(
            !setup.passes(to(HOME, &Method::GET, spelling)),
            "{spelling}"
        );
    }
    assert!(setup.passes(to(HOME, &Method::GET, "/administrator/")));
}

#[test]
fn public_types_cross_threads_and_move() {
    fn check<T: Send + Sync + Unpin + std::fmt::Debug>() {}
    check::<RateLimitLayer>();
    check::<RateLimit<()>>();
    check::<RateRule>();
    check::<Limiter>();
    check::<ClientPolicy>();
}

use std::{future::Future, sync::Arc};

use http::{Request, Response, header};
use portcullis_core::{
    Rejection, Secret,
    audit::{AuditKind, MemoryAudit},
    client::PeerAddr,
    clock::SystemClock,
    cookie::CookieSpec,
    identity::{Identity, Source},
    keys::{DerivedKey, Purpose},
};
use tokio_test::{assert_pending, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower_test::mock;

use super::{
    policy::{CsrfExplanation, CsrfPolicy, CsrfRejection, CsrfToken, SessionRef},
    *,
};

const DJANGO: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";

type Mock = mock::Mock<Request<()>, Response<&'static str>>;
type Handle = mock::Handle<Request<()>, Response<&'static str>>;

fn policy() -> CsrfPolicy {
    let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::new([7; 32])).unwrap();
    CsrfPolicy::new(key)
        .add_own_origin("https://app.test".parse().unwrap())
        .with_cookie(CookieSpec::new("csrftoken").unwrap())
}

fn spawn(layer: &CsrfLayer) -> (mock::Spawn<Csrf<Mock>>, Handle) {
    mock::spawn_with(|inner| layer.layer(inner))
}

/// A `POST` from our own page with `token` in cookie and header.
fn post(token: &str) -> Request<()> {
    Request::post("/")
        .header("origin", "https://app.test")
        .header("cookie", format!("csrftoken={token}"))
        .header("x-csrftoken", token)
        .body(())
        .unwrap()
}

fn signed_in(mut request: Request<()>) -> Request<()> {
    let identity = Identity::new("42", Some("sid-1"), Source::Cookie);
    request.extensions_mut().insert(identity);
    request
}

/// Sends `request` and lets the inner service answer with `answer`.
#[track_caller]
fn pass(
    layer: &CsrfLayer,
    request: Request<()>,
    answer: impl FnOnce(Request<()>) -> Response<&'static str>,
) -> Response<Guarded<&'static str>> {
    let (mut service, mut handle) = spawn(layer);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request));
    let (request, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_response(answer(request));
    assert_ready_ok!(response.poll())
}

use tokio_test::assert_ready;

#[track_caller]
fn refuse(
    layer: &CsrfLayer,
    request: Request<()>,
    rejection: CsrfRejection,
) -> Response<Guarded<&'static str>> {
    let (mut service, mut handle) = spawn(layer);
    assert_ready_ok!(service.poll_ready());
    let response = assert_ready_ok!(task::spawn(service.call(request)).poll());
    assert_eq!(response.status(), 403);
    let extensions = response.extensions();
    assert_eq!(extensions.get(), Some(&Rejection::Csrf(rejection)));
    let explanation = extensions.get::<CsrfExplanation>().expect("an explanation");
    assert_eq!(explanation.rejection(), rejection);
    assert_eq!(response.headers()["cache-control"], "no-store");
    assert_pending!(
        task::spawn(handle.next_request()).poll(),
        "the inner service was called"
    );
    response
}

fn token_set<B>(response: &Response<B>) -> Option<CsrfToken> {
    let mut lines = response.headers().get_all(header::SET_COOKIE).iter();
    let line = lines.next()?.to_str().unwrap();
    assert!(lines.next().is_none(), "one line only");
    let value = line.strip_prefix("csrftoken=")?.split(';').next()?;
    assert!(line.contains("; Secure; Path=/"), "{line}");
    CsrfToken::parse(value.as_bytes())
}

#[test]
fn a_forged_request_never_reaches_the_service() {
    let layer = CsrfLayer::new(policy());
    let forged = Request::post("/").header("origin", "https://evil.test");
    let response = refuse(
        &layer,
        forged.body(()).unwrap(),
        CsrfRejection::OriginUntrusted,
    );
    assert!(response.headers().get("set-cookie").is_none());
    assert!(response.body().is_refusal());
}

#[test]
fn a_cookie_request_without_token_is_refused_and_a_bearer_passes() {
    let layer = CsrfLayer::new(policy());
    let request = || Request::post("/").header("origin", "https://app.test");
    let cookie = signed_in(request().body(()).unwrap());
    refuse(&layer, cookie, CsrfRejection::CookieMissing);

    let mut bearer = request().body(()).unwrap();
    let identity = Identity::new("42", Some("sid-1"), Source::Bearer);
    bearer.extensions_mut().insert(identity);
    let response = pass(&layer, bearer, |_| Response::new("ok"));
    assert_eq!(response.status(), 200);
}

#[test]
fn a_pass_leaves_the_response_alone() {
    let layer = CsrfLayer::new(policy()).with_token_handle();
    for request in [
        Request::get("/").body(()).unwrap(),
        post(DJANGO),
        signed_in(post(
            policy()
                .issue(SessionRef::Session("sid-1"))
                .unwrap()
                .as_str(),
        )),
    ] {
        let response = pass(&layer, request, |_| Response::new("ok"));
        assert!(response.headers().is_empty(), "{:?}", response.headers());
    }
}

#[test]
fn an_unsigned_token_is_replaced_by_one_of_the_session() {
    let layer = CsrfLayer::new(policy());
    let response = pass(&layer, signed_in(post(DJANGO)), |_| Response::new("ok"));
    let token = token_set(&response).expect("a new token");
    assert!(policy().is_token_of(&token, SessionRef::Session("sid-1")));
    assert_eq!(response.headers()["vary"], "Cookie");
    assert_eq!(response.headers()["cache-control"], "no-store");
}

#[test]
fn a_malformed_cookie_is_replaced_on_a_page_and_on_a_refusal() {
    let layer = CsrfLayer::new(policy());
    let page = Request::get("/").header("cookie", "csrftoken=short");
    let response = pass(&layer, page.body(()).unwrap(), |_| Response::new("ok"));
    assert!(token_set(&response).is_some());

    let response = refuse(&layer, post("short"), CsrfRejection::CookieLength);
    assert!(token_set(&response).is_some());
}

#[test]
fn the_handle_sets_the_cookie_only_when_it_is_asked() {
    let layer = CsrfLayer::new(policy()).with_token_handle();
    let page = signed_in(Request::get("/").body(()).unwrap());
    let mut masked = String::new();
    let response = pass(&layer, page, |request| {
        let handle = request.extensions().get::<CsrfTokenHandle>().unwrap();
        masked = handle.masked().unwrap();
        assert_ne!(masked, handle.masked().unwrap(), "a fresh mask");
        let mut response = Response::new("ok");
        let vary = http::HeaderValue::from_static("Accept-Language");
        response.headers_mut().insert("vary", vary);
        response
    });
    let token = token_set(&response).expect("a token");
    assert_eq!(CsrfToken::parse(masked.as_bytes()), Some(token));
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    assert_eq!(
        vary,
        ["Accept-Language", "Cookie"],
        "appended, not replaced"
    );
    // The token of the page is the one that the next request proves itself with.
    let next = signed_in(post(token.as_str()));
    assert!(token_set(&pass(&layer, next, |_| Response::new("ok"))).is_none());
}

#[test]
fn the_handle_keeps_a_good_token_and_rotates_on_demand() {
    let layer = CsrfLayer::new(policy()).with_token_handle();
    let old = policy().issue(SessionRef::Session("sid-1")).unwrap();
    let handle = |request: &Request<()>| request.extensions().get::<CsrfTokenHandle>().cloned();
    let response = pass(&layer, signed_in(post(old.as_str())), |request| {
        assert_eq!(handle(&request).unwrap().token().unwrap(), old);
        Response::new("ok")
    });
    assert_eq!(
        token_set(&response),
        Some(old),
        "sent again, to renew its age"
    );

    let response = pass(&layer, signed_in(post(old.as_str())), |request| {
        handle(&request)
            .unwrap()
            .rotate(SessionRef::Session("sid-2"))
            .unwrap();
        Response::new("ok")
    });
    let new = token_set(&response).unwrap();
    assert!(policy().is_token_of(&new, SessionRef::Session("sid-2")));

    let anonymous = post(old.as_str());
    let response = pass(&layer, anonymous, |request| {
        assert_eq!(handle(&request).unwrap().token().unwrap(), old);
        Response::new("ok")
    });
    assert_eq!(
        token_set(&response),
        Some(old),
        "it may be of a session that ran out"
    );
}

#[test]
fn a_handlers_own_token_cookie_wins() {
    let layer = CsrfLayer::new(policy());
    let own = "csrftoken=ABCDEFGHIJKLMNOPQRSTUVWXYZ012345; Secure; Path=/";
    let response = pass(&layer, signed_in(post(DJANGO)), |_| {
        let mut response = Response::new("ok");
        let line = http::HeaderValue::from_static(own);
        response.headers_mut().insert(header::SET_COOKIE, line);
        response
    });
    assert!(token_set(&response).is_some(), "one line only");
    assert_eq!(response.headers()[header::SET_COOKIE], own);
}

#[test]
fn report_only_lets_pass_and_tells() {
    let audit = Arc::new(MemoryAudit::default());
    let layer = CsrfLayer::new(policy().insecure_report_only())
        .with_audit(audit.clone(), Arc::new(SystemClock));
    let forged = Request::post("/")
        .header("origin", "https://evil.test")
        .extension(PeerAddr::from(([192, 0, 2, 7], 50_000)));
    let response = pass(&layer, signed_in(forged.body(()).unwrap()), |_| {
        Response::new("ok")
    });
    assert_eq!(response.status(), 200);
    assert!(response.extensions().get::<Rejection>().is_none());
    let explanation = response.extensions().get::<CsrfExplanation>().unwrap();
    assert_eq!(explanation.origin(), Some("https://evil.test"));
    let [event] = &audit.events()[..] else {
        panic!("one event")
    };
    assert_eq!(
        (event.kind, event.subject.as_deref()),
        (AuditKind::Refused, Some("42"))
    );
    assert_eq!(event.address, Some([192, 0, 2, 7].into()));
    let reason = event.reason.as_deref().unwrap();
    assert!(reason.starts_with("report only: csrf_origin_untrusted: own origin https://app.test"));
}

#[test]
fn the_marker_exempts() {
    let (mut service, mut handle) = mock::spawn_with(|inner: Mock| {
        CsrfExemptLayer::insecure_new().layer(CsrfLayer::new(policy()).layer(inner))
    });
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(Request::post("/").body(()).unwrap()));
    let (_, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_response(Response::new("ok"));
    assert_eq!(assert_ready_ok!(response.poll()).status(), 200);
}

#[test]
fn a_refusal_gives_its_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (mut service, _handle) =
        mock::spawn_with(|inner: Mock| CsrfLayer::new(policy()).layer(limit.layer(inner)));
    let mut other = mock::Spawn::new(service.get_ref().clone());
    assert_ready_ok!(service.poll_ready());
    assert_pending!(other.poll_ready(), "the one permit is taken");
    let refused = task::spawn(service.call(Request::post("/").body(()).unwrap())).poll();
    assert_eq!(assert_ready_ok!(refused).status(), 403);
    assert_ready_ok!(other.poll_ready());
}

#[test]
fn inner_errors_and_back_pressure_pass_through() {
    let (mut service, mut handle) = spawn(&CsrfLayer::new(policy()));
    handle.allow(0);
    assert_pending!(service.poll_ready());
    handle.allow(1);
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(Request::get("/").body(()).unwrap()));
    let (_, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_error("broken");
    let error = assert_ready!(response.poll()).unwrap_err();
    assert_eq!(error.to_string(), "broken");
}

#[test]
fn the_types_can_be_shared_and_moved() {
    fn shared<T: Send + Sync + Unpin>() {}
    fn future<T: Future + Send>() {}
    shared::<CsrfLayer>();
    shared::<Csrf<()>>();
    shared::<CsrfTokenHandle>();
    future::<ResponseFuture<std::future::Ready<Result<Response<()>, ()>>, ()>>();
}

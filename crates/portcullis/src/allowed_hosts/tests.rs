use http::{Request, Response};
use portcullis_core::{Rejection, rejection::HostReason};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower_test::mock;

use super::*;

type Mock = mock::Mock<Request<()>, Response<&'static str>>;

fn layer() -> AllowedHostsLayer {
    let hosts = [
        "chat.example",
        ".example.com",
        "127.0.0.1",
        "[::1]",
        "localhost",
    ]
    .into_iter()
    .fold(AllowedHosts::new(), |hosts, entry| {
        hosts.add_host(entry).unwrap()
    });
    AllowedHostsLayer::new(hosts)
}

/// `target` is the request's URI, `hosts` its `Host` lines.
#[track_caller]
fn check(target: &str, hosts: &[&str], want: Result<(), HostReason>) {
    let mut request = Request::get(target);
    for host in hosts {
        request = request.header("host", *host);
    }
    let (mut service, mut handle) = mock::spawn_with(|inner: Mock| layer().layer(inner));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request.body(()).unwrap()));
    let Err(reason) = want else {
        let (_, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
        send.send_response(Response::new("ok"));
        assert_eq!(assert_ready_ok!(response.poll()).status(), 200);
        return;
    };
    let response = assert_ready_ok!(response.poll());
    assert_eq!(response.status(), 400, "{target} {hosts:?}");
    let rejection = response.extensions().get::<Rejection>();
    assert_eq!(
        rejection,
        Some(&Rejection::Host(reason)),
        "{target} {hosts:?}"
    );
    assert_pending!(task::spawn(handle.next_request()).poll());
}

#[test]
fn a_host_on_the_list_passes_with_any_port_and_case() {
    for host in [
        "chat.example",
        "CHAT.example",
        "chat.example:8443",
        "example.com",
        "a.b.Example.com",
        "127.0.0.1:8000",
        "[::1]:8000",
        "localhost:8000",
    ] {
        check("/", &[host], Ok(()));
    }
}

#[test]
fn another_host_is_refused() {
    for host in [
        "evil.example",
        "chat.example.evil.test",
        "xchat.example",
        "xexample.com",
        "sub.chat.example",
        "com",
        "chat.example.",
        "[::2]",
        "127.0.0.2",
    ] {
        check("/", &[host], Err(HostReason::NotAllowed));
    }
}

#[test]
fn what_is_no_host_is_refused() {
    for host in [
        "",
        "chat.example:",
        "chat.example:x",
        "user@chat.example",
        "chat.example/",
        "chat.example, evil.test",
        "[::1",
        " ",
    ] {
        check("/", &[host], Err(HostReason::Malformed));
    }
    check("/", &[], Err(HostReason::Malformed));
}

#[test]
fn authority_and_host_must_agree() {
    check("http://chat.example/", &[], Ok(()));
    check("http://chat.example/", &["Chat.Example:80"], Ok(()));
    check(
        "http://chat.example/",
        &["evil.test"],
        Err(HostReason::Ambiguous),
    );
    check(
        "http://evil.test/",
        &["chat.example"],
        Err(HostReason::Ambiguous),
    );
    check(
        "http://chat.example:81/",
        &["chat.example"],
        Err(HostReason::Ambiguous),
    );
    check(
        "/",
        &["chat.example", "chat.example"],
        Err(HostReason::Ambiguous),
    );
    check(
        "/",
        &["chat.example", "evil.test"],
        Err(HostReason::Ambiguous),
    );
}

#[test]
fn entries_that_allow_nothing_or_too_much_are_errors() {
    for wrong in [
        "",
        "*",
        ".",
        ".com",
        "*.example.com",
        "chat.example:80",
        "https://chat.example",
        "chat.example.",
        "chat.example/",
    ] {
        let error = AllowedHosts::new().add_host(wrong).unwrap_err();
        assert!(error.to_string().contains(&format!("{wrong:?}")), "{wrong}");
    }
}

#[test]
fn a_refusal_gives_its_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (mut service, _handle) = mock::spawn_with(|inner: Mock| layer().layer(limit.layer(inner)));
    let mut other = mock::Spawn::new(service.get_ref().clone());
    assert_ready_ok!(service.poll_ready());
    assert_pending!(other.poll_ready(), "the one permit is taken");
    let refused = task::spawn(service.call(Request::get("/").body(()).unwrap())).poll();
    assert_eq!(assert_ready_ok!(refused).status(), 400);
    assert_ready_ok!(other.poll_ready());
}

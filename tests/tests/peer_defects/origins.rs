//! Where origins were believed, or compared wrongly.

use portcullis::{
    allowed_hosts::{AllowedHosts, AllowedHostsLayer},
    core::{client::ClientPolicy, origin::Scheme},
};

use super::*;
use crate::layers::FOREIGN;

/// A matching pair sent to `host` over https, at a site that computes its origin from the host.
fn to_host(host: &str, origin: &str) -> Option<&'static str> {
    let policy = policy_of(7);
    let token = policy.issue(SessionRef::Anonymous).unwrap();
    let handler = Handler::default();
    let https = ClientPolicy::direct().with_direct_scheme(Scheme::Https);
    let layer = CsrfLayer::new(policy.clone()).with_client_policy(https);
    let request = Request::post("/")
        .header("host", host)
        .header("origin", origin)
        .header(
            "cookie",
            format!("{}={}", policy.cookie().name(), token.as_str()),
        )
        .header("x-csrftoken", token.as_str());
    let response = handler.ask(&layer, request);
    let rejection = response.extensions().get::<Rejection>();
    assert_eq!(handler.calls(), u32::from(rejection.is_none()));
    rejection.map(Rejection::code)
}

#[test]
fn s14_without_an_origin_the_referer_has_to_prove_https() {
    let pair = || with_pair(&policy(), "POST");
    assert_eq!(sent(&policy(), pair()), Some("csrf_referer_missing"));
    for (referer, refused) in [
        ("https://evil.example/page", "csrf_referer_untrusted"),
        (
            "https://chat.example.evil.example/",
            "csrf_referer_untrusted",
        ),
        ("http://chat.example/page", "csrf_referer_insecure"),
        ("chat.example", "csrf_referer_malformed"),
    ] {
        let request = pair().header("referer", referer);
        assert_eq!(sent(&policy(), request), Some(refused), "{referer}");
    }
    let own = pair().header("referer", "https://chat.example/page?x=1");
    assert_eq!(sent(&policy(), own), None);
}

#[test]
fn s14_an_origin_counts_with_its_scheme_and_only_once() {
    let pair = || with_pair(&policy(), "POST");
    let plain = pair().header("origin", "http://chat.example");
    assert_eq!(sent(&policy(), plain), Some("csrf_origin_untrusted"));
    let twice = pair().header("origin", OWN).header("origin", FOREIGN);
    assert_eq!(sent(&policy(), twice), Some("csrf_origin_malformed"));
    let twice_the_same = pair().header("origin", OWN).header("origin", OWN);
    assert_eq!(
        sent(&policy(), twice_the_same),
        Some("csrf_origin_malformed")
    );
    let null = pair().header("origin", "null");
    assert_eq!(sent(&policy(), null), Some("csrf_origin_untrusted"));
    for malformed in [
        "https://chat.example/",
        "https://chat.example path",
        "chat.example",
        "",
    ] {
        let request = pair().header("origin", malformed);
        assert!(sent(&policy(), request).is_some(), "{malformed:?}");
    }
}

#[test]
fn s16_a_rebound_host_is_refused_before_it_can_equal_the_origin() {
    let hosts = AllowedHostsLayer::new(AllowedHosts::new().add_host(HOST).unwrap());
    let own_by_host = policy_of(7);
    let layer = tower::layer::layer_fn(|inner| {
        hosts.layer(CsrfLayer::new(own_by_host.clone()).layer(inner))
    });
    let handler = Handler::default();
    let rebound = Request::post("/")
        .header("host", "rebound.example")
        .header("origin", "https://rebound.example")
        .header("sec-fetch-site", "same-origin");
    assert_eq!(handler.ask(&layer, rebound).status(), 400);
    // A form that a foreign page posts as text needs no permission of ours to be sent.
    let no_cors = Request::post("/")
        .header("host", HOST)
        .header("origin", FOREIGN)
        .header("sec-fetch-mode", "no-cors")
        .header("sec-fetch-site", "cross-site")
        .header("content-type", "text/plain");
    assert_eq!(handler.ask(&layer, no_cors).status(), 403);
    assert_eq!(handler.calls(), 0);
}

#[test]
fn s17_one_origin_is_one_however_its_host_is_written() {
    for host in [
        "chat.example",
        "chat.example:443",
        "CHAT.Example",
        "Chat.Example:443",
    ] {
        assert_eq!(to_host(host, OWN), None, "{host}");
    }
    assert_eq!(to_host("[2001:DB8::1]", "https://[2001:db8::1]"), None);
    assert_eq!(
        to_host("xn--bcher-kva.example:443", "https://xn--bcher-kva.example"),
        None
    );
    for other in [
        "chat.example:8443",
        "chat.example.",
        "www.chat.example",
        "[2001:db8::1]",
    ] {
        assert_eq!(
            to_host(other, OWN),
            Some("csrf_origin_untrusted"),
            "{other}"
        );
    }
}

use http::Request;
use proptest::prelude::*;

use super::*;

const EDGE: &str = "10.0.0.1";

fn policy() -> ClientPolicy {
    ClientPolicy::direct()
        .add_trusted_proxy("10.0.0.0/8".parse().unwrap())
        .add_trusted_proxy("fd00::/8".parse().unwrap())
}

fn request(peer: &str, headers: &[(&str, &str)]) -> Request<()> {
    let mut builder = Request::builder().uri("/");
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let mut request = builder.body(()).unwrap();
    let peer: IpAddr = peer.parse().unwrap();
    request.extensions_mut().insert(PeerAddr::from((peer, 443)));
    request
}

fn address(policy: &ClientPolicy, request: &Request<()>) -> String {
    let view = RequestView::of(request);
    let client = policy.client(&view);
    assert_eq!(policy.address(&view), client.address, "alone, the same");
    client
        .address
        .map_or("none".into(), |address| address.to_string())
}

#[track_caller]
fn check(peer: &str, lines: &[&str], want: &str) {
    let headers: Vec<_> = lines
        .iter()
        .map(|line| ("x-forwarded-for", *line))
        .collect();
    assert_eq!(
        address(&policy(), &request(peer, &headers)),
        want,
        "{lines:?}"
    );
}

#[track_caller]
fn check_forwarded(lines: &[&str], want: &str) {
    let policy = policy().with_source(ForwardedSource::Forwarded);
    let headers: Vec<_> = lines.iter().map(|line| ("forwarded", *line)).collect();
    assert_eq!(
        address(&policy, &request(EDGE, &headers)),
        want,
        "{lines:?}"
    );
}

#[test]
fn an_undeclared_peer_cannot_name_another_address() {
    check("203.0.113.9", &["6.6.6.6"], "203.0.113.9");
    check("::ffff:203.0.113.9", &["6.6.6.6"], "203.0.113.9");
    check("2001:db8::1", &["6.6.6.6"], "2001:db8::1");
}

#[test]
fn the_first_undeclared_address_from_the_right_is_the_client() {
    check(EDGE, &[], EDGE);
    check(EDGE, &["203.0.113.9"], "203.0.113.9");
    check(EDGE, &["6.6.6.6, 203.0.113.9"], "203.0.113.9");
    check(EDGE, &["6.6.6.6, 203.0.113.9, 10.0.0.2"], "203.0.113.9");
    check(
        EDGE,
        &["6.6.6.6", "203.0.113.9", "10.0.0.2,10.0.0.3"],
        "203.0.113.9",
    );
    check("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9");
    check("fd00::1", &["203.0.113.9, fd00::2"], "203.0.113.9");
    check(EDGE, &["203.0.113.9, ::ffff:10.0.0.2"], "203.0.113.9");
}

#[test]
fn when_every_hop_is_declared_the_leftmost_is_the_client() {
    check(EDGE, &["10.0.0.7, 10.0.0.2"], "10.0.0.7");
}

#[test]
fn what_cannot_be_read_stops_at_the_last_known_hop() {
    for junk in [
        "unknown",
        "_hidden",
        "",
        "proxy",
        "1.2.3",
        "1.2.3.4:",
        "1.2.3.4:123456",
        "[::1",
        "::1]",
        "[::1]x",
        "[1.2.3.4]",
        "\u{1}",
        "1.2.3.4 5.6.7.8",
        "fe80::1%",
        "'1.2.3.4'",
    ] {
        let line = format!("203.0.113.9, {junk}, 10.0.0.2");
        if http::HeaderValue::from_str(&line).is_ok() {
            check(EDGE, &[&line], "10.0.0.2");
        }
    }
}

#[test]
fn ports_brackets_and_zones_are_read_away() {
    check(EDGE, &["203.0.113.9:4711"], "203.0.113.9");
    check(EDGE, &["[2001:db8::1]:4711"], "2001:db8::1");
    check(EDGE, &["[2001:db8::1]"], "2001:db8::1");
    check(EDGE, &["2001:db8::1"], "2001:db8::1");
    check(EDGE, &["fe80::1%eth0"], "fe80::1");
    check(EDGE, &["::ffff:203.0.113.9"], "203.0.113.9");
    check(EDGE, &["[::ffff:203.0.113.9]:80"], "203.0.113.9");
}

#[test]
fn a_header_of_ten_kilobytes_changes_nothing_to_its_right() {
    let flood = "6.6.6.6, ".repeat(1_200);
    check(EDGE, &[&format!("{flood}203.0.113.9")], "203.0.113.9");
    check(EDGE, &[&"6".repeat(10_000)], EDGE);
    check(
        EDGE,
        &[&format!("{}, 10.0.0.2", "6".repeat(10_000))],
        "10.0.0.2",
    );
    let proxies = "10.0.0.9, ".repeat(100);
    check(EDGE, &[&format!("6.6.6.6, {proxies}10.0.0.9")], "10.0.0.9");
}

#[test]
fn no_other_header_than_the_configured_one_is_read() {
    let others = [
        ("x-real-ip", "6.6.6.6"),
        ("forwarded", "for=6.6.6.6"),
        ("cf-connecting-ip", "6.6.6.6"),
        ("true-client-ip", "6.6.6.6"),
    ];
    assert_eq!(address(&policy(), &request(EDGE, &others)), EDGE);
}

#[test]
fn a_header_of_one_address_counts_only_alone_and_from_a_declared_peer() {
    let name = HeaderName::from_static("cf-connecting-ip");
    let policy = policy().with_source(ForwardedSource::Header(name));
    let header = ("cf-connecting-ip", "203.0.113.9");
    assert_eq!(address(&policy, &request(EDGE, &[header])), "203.0.113.9");
    assert_eq!(address(&policy, &request(EDGE, &[header, header])), EDGE);
    assert_eq!(
        address(&policy, &request("198.51.100.1", &[header])),
        "198.51.100.1"
    );
    let list = ("cf-connecting-ip", "6.6.6.6, 203.0.113.9");
    assert_eq!(address(&policy, &request(EDGE, &[list])), EDGE);
}

#[test]
fn forwarded_is_read_by_its_grammar() {
    check_forwarded(&["for=203.0.113.9"], "203.0.113.9");
    check_forwarded(&["For=\"[2001:db8::1]:4711\";proto=https"], "2001:db8::1");
    check_forwarded(
        &["for=6.6.6.6, for=203.0.113.9;by=10.0.0.1, for=10.0.0.2"],
        "203.0.113.9",
    );
    check_forwarded(
        &["for=6.6.6.6", "proto=http ; for=203.0.113.9"],
        "203.0.113.9",
    );
    check_forwarded(&["for=203.0.113.9, for=unknown, for=10.0.0.2"], "10.0.0.2");
    check_forwarded(&["for=203.0.113.9, for=_gazonk"], EDGE);
    check_forwarded(&["for=6.6.6.6;for=203.0.113.9"], EDGE);
    check_forwarded(&["for"], EDGE);
    check_forwarded(&["for=\"1.2.3.4\\\"\""], EDGE);
}

#[test]
fn an_open_quote_of_the_client_cannot_swallow_what_the_proxy_adds() {
    check_forwarded(&["for=\"6.6.6.6, for=203.0.113.9"], "203.0.113.9");
    check_forwarded(&["for=\"6.6.6.6", "for=203.0.113.9"], "203.0.113.9");
    check_forwarded(&["for=\"6.6.6.6\\, for=203.0.113.9"], "203.0.113.9");
    check_forwarded(&["for=6.6.6.6, by=\"a,b\";for=203.0.113.9"], "203.0.113.9");
}

#[track_caller]
fn check_scheme_and_host(
    policy: &ClientPolicy,
    peer: &str,
    headers: &[(&str, &str)],
    want: (&str, Option<&str>),
) {
    let request = request(peer, headers);
    let view = RequestView::of(&request);
    for client in [policy.client(&view), policy.client_without_address(&view)] {
        let host = client.host().map(|host| host.host());
        assert_eq!((client.scheme.as_str(), host), want, "{headers:?}");
    }
    assert_eq!(policy.scheme(&view).as_str(), want.0, "{headers:?}");
    assert_eq!(policy.client_without_address(&view).address, None);
}

#[test]
fn scheme_and_host_are_believed_from_declared_peers_alone() {
    let headers = [
        ("host", "inner"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "chat.example"),
    ];
    let proxied = policy();
    check_scheme_and_host(&proxied, EDGE, &headers, ("https", Some("chat.example")));
    check_scheme_and_host(&proxied, "192.0.2.1", &headers, ("http", Some("inner")));
    check_scheme_and_host(&proxied, EDGE, &headers[..1], ("http", Some("inner")));
    let bad = [("host", "inner"), ("x-forwarded-host", "a@b")];
    check_scheme_and_host(&proxied, EDGE, &bad, ("http", None));
    let odd = [("host", "inner"), ("x-forwarded-proto", "gopher")];
    check_scheme_and_host(&proxied, EDGE, &odd, ("http", Some("inner")));
    let wss = [("x-forwarded-proto", "WSS")];
    check_scheme_and_host(&proxied, EDGE, &wss, ("https", None));
}

#[test]
fn of_several_schemes_the_one_seen_by_the_clients_proxy_counts() {
    // Client -https-> 10.0.0.2 -http-> 10.0.0.1 -> here, each adding to what it got.
    let chain = |proto| {
        vec![
            ("x-forwarded-for", "6.6.6.6, 203.0.113.9, 10.0.0.2"),
            ("x-forwarded-proto", proto),
        ]
    };
    check_scheme_and_host(&policy(), EDGE, &chain("https, http"), ("https", None));
    check_scheme_and_host(&policy(), EDGE, &chain("https"), ("https", None));
    check_scheme_and_host(&policy(), EDGE, &chain("https, http, http"), ("http", None));
    let own = [
        ("x-forwarded-for", "203.0.113.9"),
        ("x-forwarded-proto", "https, http"),
    ];
    check_scheme_and_host(&policy(), EDGE, &own, ("http", None));
}

#[test]
fn forwarded_names_scheme_and_host_in_the_clients_element() {
    let policy = policy().with_source(ForwardedSource::Forwarded);
    let line =
        "for=6.6.6.6;proto=http;host=evil, for=203.0.113.9;proto=https;host=\"chat.example:8443\"";
    let headers = [
        ("forwarded", line),
        ("x-forwarded-host", "evil"),
        ("host", "inner"),
    ];
    check_scheme_and_host(&policy, EDGE, &headers, ("https", Some("chat.example")));
    let unknown = [("forwarded", "for=unknown;proto=https"), ("host", "inner")];
    check_scheme_and_host(&policy, EDGE, &unknown, ("https", Some("inner")));
}

#[test]
fn a_unix_peer_speaks_for_others_only_when_trusted() {
    let mut request = request(EDGE, &[("x-forwarded-for", "203.0.113.9")]);
    request.extensions_mut().remove::<PeerAddr>();
    assert_eq!(address(&policy(), &request), "none");
    request.extensions_mut().insert(UnixPeer);
    assert_eq!(address(&policy(), &request), "none");
    assert_eq!(
        address(&policy().trust_unix_peers(), &request),
        "203.0.113.9"
    );
}

#[test]
fn a_mapped_range_is_the_range_it_maps() {
    let range: Cidr = "::ffff:10.0.0.0/104".parse().unwrap();
    assert_eq!(range.to_string(), "10.0.0.0/8");
    assert!(
        "::ffff:0.0.0.0/96".parse::<Cidr>().is_err(),
        "everyone, in another notation"
    );
    let one: Cidr = "192.0.2.7".parse().unwrap();
    assert!(!one.contains("192.0.2.8".parse().unwrap()));
    let error = "0.0.0.0/0".parse::<Cidr>().unwrap_err().to_string();
    assert!(
        error.contains("0.0.0.0/0") && error.contains("every client"),
        "{error}"
    );
}

#[test]
fn a_declared_peer_is_not_worth_a_warning() {
    let request = request(EDGE, &[("x-forwarded-for", "203.0.113.9")]);
    assert_eq!(policy().notice_ignored(&RequestView::of(&request)), None);
}

proptest! {
    /// Whatever a client writes to the left, the address that the proxy adds is the one found.
    #[test]
    fn nothing_a_client_writes_hides_what_the_proxy_adds(junk in "[ -~]{0,200}") {
        let both = format!("{junk}, 203.0.113.9");
        check(EDGE, &[&both], "203.0.113.9");
        check(EDGE, &[&junk, "203.0.113.9"], "203.0.113.9");
        check_forwarded(&[&format!("{junk}, for=203.0.113.9")], "203.0.113.9");
    }
}

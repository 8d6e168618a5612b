use super::*;
use proptest::prelude::*;

#[track_caller]
fn check(text: &str, want: Option<&str>) {
    let parsed = text.parse::<Origin>().ok();
    assert_eq!(parsed.as_ref().map(Origin::as_str), want, "{text:?}");
}

#[test]
fn scheme_and_host_lose_their_case_and_the_default_port_goes() {
    check("https://a.example", Some("https://a.example"));
    check("HTTPS://A.Example:443", Some("https://a.example"));
    check("http://a.example:80", Some("http://a.example"));
    check("http://a.example:443", Some("http://a.example:443"));
    check("https://a.example:8443", Some("https://a.example:8443"));
    check("http://[::1]:8000", Some("http://[::1]:8000"));
    check("http://127.0.0.1:8000", Some("http://127.0.0.1:8000"));
}

#[test]
fn what_no_browser_serialises_is_no_origin() {
    for text in [
        "",
        "null",
        "a.example",
        "//a.example",
        "https:a.example",
        "https:/a.example",
        "https://",
        "https://a.example/",
        "https://a.example?",
        "https://a.example#",
        "https://u@a.example",
        "https://u:p@a.example",
        "https://a.example:",
        "https://:443",
        "https://a.example:0",
        "https://a.example:080",
        "https://a.example:65536",
        "https://a.example:x",
        "https://a..example",
        "https://.a.example",
        "https://a b",
        "https://a\\b",
        "https://a%2eb",
        "https://[::1",
        "https://::1",
        "https://[::1]x",
        "https://[::g]",
        "https://é.example",
        "ftp://a.example",
        "ws://a.example",
        "https://a.example, https://b.example",
        " https://a.example",
        "https://a.example ",
        "https://*.example",
    ] {
        check(text, None);
    }
}

#[test]
fn loopback_is_told_from_what_looks_like_it() {
    for host in [
        "localhost",
        "LocalHost",
        "chat.localhost",
        "127.0.0.1",
        "127.1.2.3",
        "[::1]",
    ] {
        assert!(is_loopback_host(host), "{host}");
    }
    for host in [
        "localhost.example",
        "xlocalhost",
        "127.0.0.1.example",
        "10.0.0.1",
        "[::2]",
        "",
    ] {
        assert!(!is_loopback_host(host), "{host}");
    }
}

proptest! {
    #[test]
    fn the_canonical_form_is_a_fixed_point(
        text in ".{0,64}|https?://[a-zA-Z0-9.-]{1,20}(:[0-9]{1,5})?",
    ) {
        if let Ok(origin) = text.parse::<Origin>() {
            let again: Origin = origin.as_str().parse().unwrap();
            prop_assert_eq!(again.as_str(), origin.as_str());
            prop_assert_eq!(origin.authority().host(), again.authority().host());
        }
    }
}

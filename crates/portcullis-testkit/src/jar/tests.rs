use std::time::Duration;

use super::*;
use crate::ManualClock;

const APP: &str = "https://app.example/api/auth/login/";

fn uri(text: &str) -> Uri {
    text.parse().expect("a test names its URIs well")
}

fn jar() -> CookieJar {
    CookieJar::new(ManualClock::default())
}

/// Sets `line` from `from` in an empty jar.
#[track_caller]
fn check_set(from: &str, line: &str, want: Result<(), Ignored>) {
    let mut jar = jar();
    assert_eq!(jar.set(&uri(from), line), want, "{line} from {from}");
    assert_eq!(jar.iter().count(), usize::from(want.is_ok()));
}

/// Sets `line` from [`APP`] and asks whether it goes `to`.
#[track_caller]
fn check_sent(line: &str, to: &str, want: bool) {
    let mut jar = jar();
    jar.set(&uri(APP), line).expect("a good line");
    assert_eq!(jar.header_for(&uri(to)).is_some(), want, "{line} to {to}");
}

#[test]
fn a_host_cookie_wants_https_secure_the_root_and_no_domain() {
    check_set(APP, "__Host-a=1; Secure; Path=/", Ok(()));
    for line in [
        "__Host-a=1; Path=/",
        "__Host-a=1; Secure",
        "__Host-a=1; Secure; Path=/api/",
        "__Host-a=1; Secure; Path=/; Domain=app.example",
        "__HOST-a=1; Path=/",
    ] {
        check_set(APP, line, Err(Ignored::PrefixUnmet));
    }
    let plain = "http://app.example/";
    check_set(
        plain,
        "__Host-a=1; Secure; Path=/",
        Err(Ignored::PrefixUnmet),
    );
}

#[test]
fn a_secure_prefix_wants_https_and_secure() {
    check_set(APP, "__Secure-a=1; Secure; Domain=app.example", Ok(()));
    check_set(APP, "__Secure-a=1", Err(Ignored::PrefixUnmet));
    check_set(
        "http://app.example/",
        "__Secure-a=1; Secure",
        Err(Ignored::PrefixUnmet),
    );
}

#[test]
fn a_secure_cookie_comes_from_and_goes_to_https_alone() {
    check_set("http://app.example/", "a=1; Secure", Err(Ignored::Secure));
    check_set("http://127.0.0.1/", "a=1; Secure", Err(Ignored::Secure));
    check_sent("a=1; Secure; Path=/", "https://app.example/", true);
    check_sent("a=1; Secure; Path=/", "wss://app.example/", true);
    check_sent("a=1; Secure; Path=/", "http://app.example/", false);
    check_sent("a=1; Path=/", "http://app.example/", true);
}

#[test]
fn loopback_is_secure_only_where_it_is_trusted() {
    for host in [
        "localhost",
        "api.localhost",
        "127.0.0.1",
        "127.9.9.9",
        "[::1]",
    ] {
        let page = uri(&format!("http://{host}:8000/"));
        let mut jar = jar().with_loopback_trusted();
        assert_eq!(jar.set(&page, "a=1; Secure"), Ok(()), "{host}");
        assert_eq!(jar.header_for(&page).expect("it is sent back"), "a=1");
    }
    let mut jar = jar().with_loopback_trusted();
    let far = uri("http://127.0.0.1.example/");
    assert_eq!(jar.set(&far, "a=1; Secure"), Err(Ignored::Secure));
    let near = uri("http://localhost/");
    assert_eq!(
        jar.set(&near, "__Host-a=1; Secure; Path=/"),
        Err(Ignored::PrefixUnmet)
    );
}

#[test]
fn plain_http_cannot_replace_or_shadow_a_secure_cookie() {
    let mut jar = jar();
    jar.set(&uri(APP), "a=secret; Secure; Path=/")
        .expect("a good line");
    let plain = uri("http://app.example/");
    for line in [
        "a=planted; Path=/",
        "a=planted; Path=/api/",
        "a=; Path=/; Max-Age=0",
    ] {
        assert_eq!(jar.set(&plain, line), Err(Ignored::Secure), "{line}");
    }
    assert_eq!(
        jar.get(&uri(APP), "a").expect("it stayed").value(),
        "secret"
    );
}

#[test]
fn a_path_covers_itself_and_what_is_below() {
    for (path, to, want) in [
        ("/api", "/api", true),
        ("/api", "/api/", true),
        ("/api", "/api/x", true),
        ("/api", "/apis", false),
        ("/api/", "/api", false),
        ("/api/", "/api/x", true),
        ("/", "/anything?q=/api", true),
        ("/API", "/api", false),
    ] {
        check_sent(
            &format!("a=1; Path={path}"),
            &format!("https://app.example{to}"),
            want,
        );
    }
}

#[test]
fn without_a_path_the_directory_of_the_response_counts() {
    check_sent("a=1", "https://app.example/api/auth/login", true);
    check_sent("a=1; Path=relative", "https://app.example/api/auth", false);
    check_sent("a=1", "https://app.example/api/", false);
}

#[test]
fn a_domain_covers_the_hosts_below_and_must_cover_the_sender() {
    let from = "https://app.shop.example/";
    check_set(from, "a=1; Domain=shop.example", Ok(()));
    check_set(from, "a=1; Domain=.SHOP.example", Ok(()));
    for domain in [
        "other.example",
        "op.example",
        "deep.app.shop.example",
        "example",
    ] {
        check_set(
            from,
            &format!("a=1; Domain={domain}"),
            Err(Ignored::DomainMismatch),
        );
    }
    check_set(
        "http://10.1.2.3/",
        "a=1; Domain=2.3",
        Err(Ignored::DomainMismatch),
    );
    check_set("http://localhost/", "a=1; Domain=localhost", Ok(()));

    check_sent(
        "a=1; Path=/; Domain=app.example",
        "https://deep.app.example/",
        true,
    );
    check_sent("a=1; Path=/", "https://deep.app.example/", false);
    check_sent("a=1; Path=/", "https://APP.example:8443/", true);
    check_sent(
        "a=1; Path=/; Domain=app.example",
        "https://myapp.example/",
        false,
    );
}

#[test]
fn a_cookie_is_deleted_by_its_own_name_domain_and_path() {
    let set = "a=1; Path=/api/; Secure; HttpOnly";
    for (line, left) in [
        ("a=; Path=/api/; Max-Age=0", 0),
        ("a=; Path=/api/; Max-Age=-5", 0),
        ("a=; Path=/api/; Expires=Thu, 01 Jan 1970 00:00:00 GMT", 0),
        (
            "a=; Path=/api/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=9",
            1,
        ),
        ("a=; Path=/; Max-Age=0", 1),
        ("a=; Path=/api; Max-Age=0", 1),
        ("a=; Path=/api/; Domain=app.example; Max-Age=0", 1),
        ("A=; Path=/api/; Max-Age=0", 1),
    ] {
        let mut jar = jar();
        jar.set(&uri(APP), set).expect("a good line");
        jar.set(&uri(APP), line).expect("a good line");
        assert_eq!(jar.iter().count(), left, "{line}");
    }
}

#[test]
fn a_deletion_that_breaks_its_prefix_deletes_nothing() {
    let mut jar = jar();
    jar.set(&uri(APP), "__Host-a=1; Secure; Path=/")
        .expect("a good line");
    let sloppy = jar.set(&uri(APP), "__Host-a=; Path=/; Max-Age=0");
    assert_eq!(sloppy, Err(Ignored::PrefixUnmet));
    assert_eq!(jar.iter().count(), 1);
}

#[test]
fn a_cookie_expires_by_the_clock() {
    let clock = ManualClock::default();
    let mut jar = CookieJar::new(clock.clone());
    jar.set(&uri(APP), "a=1; Max-Age=60").expect("a good line");
    jar.set(&uri(APP), "b=1; Max-Age=99999999999999999999")
        .expect("a good line");
    jar.set(&uri(APP), "session=1; Max-Age=soon")
        .expect("a good line");
    clock.advance(Duration::from_secs(59));
    assert_eq!(jar.iter().count(), 3);
    clock.advance(Duration::from_secs(1));
    assert!(jar.get(&uri(APP), "a").is_none());
    clock.advance(Duration::from_secs(400 * 86_400));
    assert!(jar.get(&uri(APP), "b").is_none(), "400 days at most");
    assert_eq!(
        jar.get(&uri(APP), "session").expect("no age").expires(),
        None
    );
}

#[test]
fn the_attributes_are_told() {
    let mut jar = jar();
    jar.set(
        &uri(APP),
        "a=x=y; secure; HTTPONLY; samesite=strict; Path=/",
    )
    .expect("a good line");
    jar.set(&uri(APP), "b=2; SameSite=odd; Path=/")
        .expect("a good line");
    let a = jar.get(&uri(APP), "a").expect("set above");
    assert_eq!(
        (a.value(), a.domain(), a.path()),
        ("x=y", "app.example", "/")
    );
    assert!(a.is_secure() && a.is_http_only() && a.is_host_only());
    assert_eq!(a.same_site(), Some(SameSite::Strict));
    assert_eq!(
        jar.get(&uri(APP), "b").expect("set above").same_site(),
        None
    );
    let seen: Vec<_> = jar
        .script_view(&uri(APP))
        .iter()
        .map(|c| c.name())
        .collect();
    assert_eq!(seen, ["b"]);
    assert!(!format!("{jar:?}").contains("x=y"), "no value in Debug");
}

#[test]
fn cookies_are_sent_with_the_longest_path_first_then_the_oldest() {
    let mut jar = jar();
    for line in [
        "old=1; Path=/",
        "new=1; Path=/",
        "deep=1; Path=/api/",
        "old=2; Path=/",
    ] {
        jar.set(&uri(APP), line).expect("a good line");
    }
    assert_eq!(
        jar.header_for(&uri(APP)).expect("three"),
        "deep=1; old=2; new=1"
    );
}

#[test]
fn what_browsers_ignore_is_ignored() {
    check_set(
        APP,
        "a=1; SameSite=None",
        Err(Ignored::SameSiteNoneInsecure),
    );
    check_set(APP, "a=1; SameSite=None; Secure", Ok(()));
    check_set(APP, "no-name", Err(Ignored::Nameless));
    check_set(APP, "=value", Err(Ignored::Nameless));
    check_set(APP, "a=1\r\nx", Err(Ignored::ControlCharacter));
    check_set(APP, &format!("a={}", "x".repeat(4_095)), Ok(()));
    check_set(
        APP,
        &format!("a={}", "x".repeat(4_096)),
        Err(Ignored::TooLong),
    );
    check_set("/api/", "a=1", Err(Ignored::NoHost));
}

#[test]
fn a_response_stores_what_it_can() {
    let mut jar = jar();
    let mut headers = HeaderMap::new();
    for line in ["__Host-a=1", "b=2", "a=1; SameSite=None"] {
        headers.append(header::SET_COOKIE, HeaderValue::from_static(line));
    }
    assert_eq!(jar.store(&uri(APP), &headers), Err(Ignored::PrefixUnmet));
    assert_eq!(jar.header_for(&uri(APP)).expect("one is good"), "b=2");
}

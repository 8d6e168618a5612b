use http::{HeaderMap, header};

use super::{scan::pairs, *};
use proptest::prelude::*;

#[track_caller]
fn check(lines: &[&str], want: Found<'_>) {
    let mut headers = HeaderMap::new();
    for line in lines {
        headers.append(header::COOKIE, HeaderValue::from_str(line).unwrap());
    }
    assert_eq!(find(&headers, "t"), want, "{lines:?}");
}

#[test]
fn pairs_are_split_at_semicolons_and_trimmed() {
    check(&["t=1"], Found::One(b"1"));
    check(&["a=0;t=1;b=2"], Found::One(b"1"));
    check(&["a=0;  \t t \t=\t 1 ; b=2"], Found::One(b"1"));
    check(&["t="], Found::One(b""));
    check(&["t=a=b"], Found::One(b"a=b"));
}

#[test]
fn names_are_exact() {
    check(&["T=1"], Found::Missing);
    check(&["tt=1; xt=1"], Found::Missing);
    check(&["t"], Found::Missing);
    check(&["$t=1; %74=1"], Found::Missing);
}

#[test]
fn nothing_is_unquoted_or_decoded() {
    check(&["t=\"1\""], Found::One(b"\"1\""));
    check(&["t=%31"], Found::One(b"%31"));
    check(&["a=\"x; t=1; y\""], Found::One(b"1"));
    check(&["a=0, t=1"], Found::Missing);
}

#[test]
fn a_name_that_occurs_twice_is_ambiguous_wherever_it_stands() {
    check(&["t=1; t=2"], Found::Ambiguous);
    check(&["t=1; t=1"], Found::Ambiguous);
    check(&["t=1", "a=0; t=2"], Found::Ambiguous);
    check(&["t=1; t="], Found::Ambiguous);
}

#[test]
fn every_cookie_line_is_read() {
    check(&["a=0", "t=1"], Found::One(b"1"));
}

#[test]
fn a_flood_of_cookies_is_refused_and_not_cut_off() {
    let flood = format!("t=1; {}", "a=0; ".repeat(MAX_COOKIE_BYTES / 5));
    check(&[&flood], Found::Ambiguous);
}

#[test]
fn stripping_keeps_the_others_to_the_byte() {
    let mut headers = HeaderMap::new();
    headers.append(
        header::COOKIE,
        HeaderValue::from_static("a=\"1\"; t=x; b=%20"),
    );
    headers.append(header::COOKIE, HeaderValue::from_static("t=y"));
    strip(&mut headers, &["t"]);
    let left: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
    assert_eq!(left, ["a=\"1\"; b=%20"]);
}

#[test]
fn stripping_leaves_a_line_without_the_cookie_as_it_is() {
    for lines in [&["a=1;b=2"][..], &["a=1;b=2", " c=3 "][..]] {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(header::COOKIE, HeaderValue::from_static(line));
        }
        strip(&mut headers, &["t"]);
        let left: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
        assert_eq!(left, lines);
    }
}

#[test]
fn stripping_takes_out_as_many_as_there_are() {
    let mut headers = HeaderMap::new();
    let line = "t=1;u=2; t=3 ;a=1; t=4;u=5;\tt=6; t =7; b=2; tt=8; t; t=9";
    headers.append(header::COOKIE, HeaderValue::from_static(line));
    strip(&mut headers, &["u", "t"]);
    assert_eq!(headers[header::COOKIE], "a=1; b=2; tt=8; t");
}

#[test]
fn a_header_of_nothing_but_the_cookie_is_gone_when_stripped() {
    let mut headers = HeaderMap::new();
    headers.append(header::COOKIE, HeaderValue::from_static("t=x; t=y;"));
    strip(&mut headers, &["t"]);
    assert!(headers.is_empty());
}

#[test]
fn a_deletion_repeats_every_attribute() {
    let spec = CookieSpec::new("__Secure-r")
        .unwrap()
        .http_only()
        .with_path("/api/")
        .unwrap();
    let spec = spec
        .with_domain("example.com")
        .unwrap()
        .with_same_site(SameSite::Strict)
        .unwrap();
    let set = spec.set("v", None).unwrap();
    let delete = spec.delete().unwrap();
    for attribute in [
        "HttpOnly",
        "SameSite=Strict",
        "Secure",
        "Path=/api/",
        "Domain=example.com",
    ] {
        assert!(set.to_str().unwrap().contains(attribute), "{set:?}");
        assert!(delete.to_str().unwrap().contains(attribute), "{delete:?}");
    }
    assert!(
        delete.to_str().unwrap().starts_with("__Secure-r=;"),
        "{delete:?}"
    );
    assert!(delete.to_str().unwrap().contains("Max-Age=0"), "{delete:?}");
    assert!(
        delete
            .to_str()
            .unwrap()
            .contains("01 Jan 1970 00:00:00 GMT"),
        "{delete:?}"
    );
}

#[test]
fn a_cookie_that_browsers_would_drop_cannot_be_made() {
    let plain = || CookieSpec::new("a").unwrap();
    let host = || CookieSpec::new("__host-a").unwrap();
    assert!(
        host().insecure_without_secure().is_err(),
        "prefixes are matched in any case"
    );
    assert!(host().with_domain("example.com").is_err());
    assert!(
        CookieSpec::new("__Secure-a")
            .unwrap()
            .insecure_without_secure()
            .is_err()
    );
    let insecure = plain().insecure_without_secure().unwrap();
    assert!(insecure.with_same_site(SameSite::None).is_err());
    for name in ["", "a b", "a;b", "a=b", "ü", "a\"b", "a,b"] {
        assert!(CookieSpec::new(name).is_err(), "{name:?}");
    }
    for path in ["", "api", "/a;b", "/a b", "/\n"] {
        assert!(plain().with_path(path).is_err(), "{path:?}");
    }
    for domain in ["", ".", "a b", "a;b", "example.com/"] {
        assert!(plain().with_domain(domain).is_err(), "{domain:?}");
    }
}

#[test]
fn a_lifetime_is_capped_at_what_browsers_keep() {
    let line = CookieSpec::new("a")
        .unwrap()
        .set("v", Some(MAX_AGE * 2))
        .unwrap();
    assert!(
        line.to_str().unwrap().ends_with("Max-Age=34560000"),
        "{line:?}"
    );
}

#[test]
fn a_pair_past_four_kibibytes_is_not_written() {
    let spec = CookieSpec::new("abcd").unwrap();
    assert!(spec.set(&"v".repeat(MAX_PAIR_BYTES - 4), None).is_ok());
    assert!(spec.set(&"v".repeat(MAX_PAIR_BYTES - 3), None).is_err());
}

#[test]
fn a_token_is_taken_out_of_more_lines_than_are_read() {
    let mut headers = HeaderMap::new();
    let padding = format!("a={}", "x".repeat(MAX_COOKIE_BYTES));
    for line in ["t=first", &padding, "t=last"] {
        headers.append(header::COOKIE, line.parse().unwrap());
    }
    let marked = Marked::find(&headers, &["t"]);
    assert_eq!(marked.found, Found::Ambiguous);
    marked.places().strip(&mut headers, &["t"]);
    assert_eq!(
        find(&headers, "t"),
        Found::Ambiguous,
        "the padding is still too long"
    );
    let left: Vec<_> = headers.get_all(header::COOKIE).iter().collect();
    assert_eq!(left, [padding.as_str()]);
}

proptest! {
    #[test]
    fn no_value_adds_an_attribute(value in any::<String>()) {
        let spec = CookieSpec::new("a").unwrap();
        if let Ok(line) = spec.set(&value, None) {
            let text = line.to_str().unwrap();
            prop_assert_eq!(text.matches(';').count(), 3, "{}", text);
            let start = format!("a={value};");
            prop_assert!(text.starts_with(&start));
        }
    }

    #[test]
    fn what_is_set_is_found(
        value in "[!#-+\\--:<-\\[\\]-~]{0,64}",
        other in "[a-z]{1,8}=[a-z]{0,8}",
    ) {
        prop_assume!(!other.starts_with("t="));
        let line = CookieSpec::new("t").unwrap().set(&value, None).unwrap();
        let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, format!("{other}; {pair}").parse().unwrap());
        prop_assert_eq!(find(&headers, "t"), Found::One(value.as_bytes()));
    }

    #[test]
    fn pairs_are_what_stands_between_semicolons(line in "[a;]{0,40}[a-z]{0,80}[;b]{0,40}") {
        let found: Vec<_> = pairs(line.as_bytes()).collect();
        let want: Vec<_> = line.as_bytes().split(|&byte| byte == b';').collect();
        prop_assert_eq!(found, want);
    }

    #[test]
    fn a_marked_cookie_is_stripped_as_one_that_is_looked_for(
        lines in proptest::collection::vec("([tua]=[a-c]?[; ]{0,2}){0,7}", 0..3),
    ) {
        let mut plain = HeaderMap::new();
        for line in &lines {
            plain.append(header::COOKIE, line.parse().unwrap());
        }
        let mut marked = plain.clone();
        let places = Marked::find(&plain, &["t", "u"]).places();
        places.strip(&mut marked, &["t", "u"]);
        strip(&mut plain, &["t", "u"]);
        prop_assert_eq!(&plain, &marked);
        for name in ["t", "u"] {
            prop_assert_eq!(find(&plain, name), Found::Missing);
        }
    }

    #[test]
    fn hostile_lines_never_panic(line in proptest::collection::vec(any::<u8>(), 0..256)) {
        let mut headers = HeaderMap::new();
        if let Ok(value) = HeaderValue::from_bytes(&line) {
            headers.append(header::COOKIE, value);
        }
        let _ = find(&headers, "t");
        strip(&mut headers, &["t"]);
        prop_assert_eq!(find(&headers, "t"), Found::Missing);
    }
}

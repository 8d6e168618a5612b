//! Where in a body the token is found.

use http::HeaderMap;
use proptest::prelude::*;

use super::*;

const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";
const MULTIPART: &str = "multipart/form-data; boundary=\"----b\"";

fn kind(content_type: &str) -> Option<CsrfFormType> {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", content_type.parse().unwrap());
    CsrfFormType::of(&headers)
}

#[track_caller]
fn check(content_type: &str, body: &str, is_whole: bool, want: Option<&str>) {
    let body = body.replace("TOKEN", TOKEN).replace('\n', "\r\n");
    let kind = kind(content_type).expect("a form");
    let field = kind.find(body.as_bytes(), is_whole);
    let value = field
        .as_ref()
        .map(|field| field.value().unwrap_or(b"too long"));
    assert_eq!(value, want.map(str::as_bytes), "{body}");
}

#[test]
fn only_forms_are_read() {
    for form in [
        "application/x-www-form-urlencoded",
        "APPLICATION/x-www-form-urlencoded; charset=utf-8",
        MULTIPART,
        "multipart/form-data; charset=utf-8; Boundary=x",
    ] {
        assert!(kind(form).is_some(), "{form}");
    }
    for other in [
        "application/json",
        "text/plain",
        "multipart/mixed; boundary=x",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        "",
    ] {
        assert!(kind(other).is_none(), "{other}");
    }
}

#[test]
fn the_last_urlencoded_field_counts() {
    let check = |body, whole, want| check("application/x-www-form-urlencoded", body, whole, want);
    check("csrfmiddlewaretoken=TOKEN", true, Some(TOKEN));
    check("a=1&csrfmiddlewaretoken=TOKEN&b=2", true, Some(TOKEN));
    check(
        "csrfmiddlewaretoken=x&csrfmiddlewaretoken=TOKEN",
        true,
        Some(TOKEN),
    );
    check(
        "csrfmiddlewaretoken=TOKEN&csrfmiddlewaretoken=x",
        true,
        Some("x"),
    );
    check("%63srfmiddlewaretoken=%61b", true, Some("ab"));
    check("csrfmiddlewaretoken=a+b", true, Some("a b"));
    check("csrfmiddlewaretoken=%zz", true, Some("%zz"));
    check("csrfmiddlewaretoken=", true, Some(""));
    check("csrfmiddlewaretoken", true, None);
    check("xcsrfmiddlewaretoken=TOKEN", true, None);
    check("a=csrfmiddlewaretoken=TOKEN", true, None);
    check("", true, None);
}

#[test]
fn a_value_that_may_go_on_is_not_taken() {
    let check = |body, want| check("application/x-www-form-urlencoded", body, false, want);
    check("csrfmiddlewaretoken=TOKEN", None);
    check("csrfmiddlewaretoken=TOKEN&a", Some(TOKEN));
    let kind = kind("application/x-www-form-urlencoded").unwrap();
    let late = format!(
        "a={}&csrfmiddlewaretoken={TOKEN}",
        "x".repeat(CsrfFormType::MAX_BYTES)
    );
    assert!(kind.find(late.as_bytes(), true).is_none());
}

#[test]
fn a_part_of_a_multipart_form_counts_unless_it_is_a_file() {
    let part = "------b\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\n\nTOKEN\n";
    let other = "------b\ncontent-disposition: form-data; name=a\n\ncsrfmiddlewaretoken\n";
    let file = part.replace("token\"\n", "token\"; filename=\"x\"\n");
    let check = |body: &str, want| check(MULTIPART, body, false, want);
    check(&format!("{part}------b--\n"), Some(TOKEN));
    check(&format!("preamble\n{part}------b--"), Some(TOKEN));
    check(&format!("{other}{part}{other}------b--"), Some(TOKEN));
    check(
        &format!("{part}{}------b--", part.replace("TOKEN", "x")),
        Some("x"),
    );
    check(&format!("{file}------b--"), None);
    check(&format!("{other}------b--"), None);
    check(part, None);
    check("", None);
    check("------b--", None);
}

proptest! {
    #[test]
    fn no_body_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for content_type in ["application/x-www-form-urlencoded", MULTIPART] {
            let kind = kind(content_type).unwrap();
            let _ = kind.find(&body, true);
            let framed = [b"------b\r\n", &body[..], b"\r\n------b--"].concat();
            let _ = kind.find(&framed, false);
        }
    }
}

//! What holds for every input.

use proptest::prelude::*;

use super::*;

fn secret() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9]{32}"
}

/// Values near those that mean something, and bytes that mean nothing.
fn value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..80),
        "(https?://)?[a-z.@:/*0-9-]{0,30}".prop_map(String::into_bytes),
        "(csrftoken=)?[a-zA-Z0-9;= ]{0,80}".prop_map(String::into_bytes),
        "(same-origin|cross-site|none|null|websocket)(, ?none)?".prop_map(String::into_bytes),
    ]
}

const NAMES: [&str; 7] = [
    "host",
    "origin",
    "referer",
    "sec-fetch-site",
    "cookie",
    "x-csrftoken",
    "upgrade",
];

proptest! {
    #[test]
    fn unmasking_undoes_masking(text in secret()) {
        let token = CsrfToken::parse(text.as_bytes()).unwrap();
        prop_assert_eq!(token.as_str(), text.as_str());
        let masked = token.masked().unwrap();
        prop_assert_eq!(CsrfToken::parse(masked.as_bytes()), Some(token));
    }

    #[test]
    fn unmasking_is_djangos_formula(mask in secret(), cipher in secret()) {
        let chars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        let at = |c: char| chars.find(c).unwrap();
        let want: String = cipher
            .chars()
            .zip(mask.chars())
            .map(|(x, y)| chars.as_bytes()[(at(x) + 62 - at(y)) % 62] as char)
            .collect();
        let token = CsrfToken::parse(format!("{mask}{cipher}").as_bytes()).unwrap();
        prop_assert_eq!(token.as_str(), want);
    }

    #[test]
    fn a_token_is_of_its_session_and_of_no_other(one in ".{0,40}", other in ".{0,40}") {
        let policy = policy();
        let session = SessionRef::Session(&one);
        let token = policy.issue(session).unwrap();
        prop_assert!(CsrfToken::parse(token.as_str().as_bytes()).is_some());
        prop_assert!(policy.is_signed(&token, &[session]));
        prop_assert!(!policy.is_signed(&token, &[SessionRef::User(&one)]));
        prop_assert!(!policy.is_signed(&token, &[SessionRef::Anonymous]));
        prop_assert_eq!(policy.is_signed(&token, &[SessionRef::Session(&other)]), one == other);
    }

    #[test]
    fn whatever_the_headers_nothing_panics_and_nothing_passes_without_a_pair(
        headers in proptest::collection::vec((0..NAMES.len(), value()), 0..8),
        https in any::<bool>(),
    ) {
        let mut case = Case::parse("POST https");
        case.scheme = if https { Scheme::Https } else { Scheme::Http };
        for (name, value) in headers {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                case.request.headers_mut().append(NAMES[name], value);
            }
        }
        let view = RequestView::of(&case.request);
        let client = ClientPolicy::direct().client(&view);
        if let Err(rejection) = case.verdict() {
            let told = case.policy.explain(rejection, &view, &client).to_string();
            prop_assert!(told.is_ascii() && told.len() < 8_000);
        } else {
            let pair = ["cookie", "x-csrftoken"];
            prop_assert!(pair.iter().all(|name| view.headers.contains_key(*name)));
        }
    }

    #[test]
    fn no_entry_trusts_what_it_does_not_name(host in "[a-z]{1,8}(\\.[a-z]{1,8}){0,3}") {
        let origin = format!("https://{host}");
        let line = format!("POST https o:{origin} c:{{S}} t:{{S}}");
        let trusted = ["wild.example.org", "app.test", "trusted.example.org"]
            .iter()
            .any(|name| host.ends_with(name));
        prop_assert!(trusted || Case::parse(&line).verdict().is_err());
    }
}

#[test]
fn entries_that_no_origin_can_equal_are_errors() {
    for wrong in [
        "",
        "app.test",
        "https://",
        "https://*",
        "http://*",
        "https://*.",
        "https://*.com",
        "https://*.2.3.4",
        "https://*.[::1]",
        "https://a*.example.org",
        "https://*example.org",
        "https://*.*.example.org",
        "https://a.*.example.org",
        "https://App.test",
        "HTTPS://app.test",
        "https://app.test/",
        "https://app.test/path",
        "https://app.test:443",
        "https://*.example.org:443",
        "https://u@app.test",
        "null",
        "*",
        "ftp://app.test",
    ] {
        let error = policy().add_trusted_origin(wrong).unwrap_err();
        assert!(error.to_string().contains(&format!("{wrong:?}")), "{wrong}");
    }
    for right in [
        "https://*.example.org:8443",
        "http://*.localhost",
        "https://[::1]:8000",
    ] {
        assert!(policy().add_trusted_origin(right).is_ok(), "{right}");
    }
}

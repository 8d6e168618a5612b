use http::{HeaderMap, HeaderValue, StatusCode};
use proptest::prelude::*;

use super::*;
use crate::origin::Scheme;

fn applied(policy: &HeaderPolicy, scheme: Scheme, nonce: Option<&Nonce>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    policy.apply(&mut headers, StatusCode::OK, scheme, nonce);
    headers
}

fn lines(headers: &HeaderMap) -> Vec<String> {
    let line = |(name, value): (_, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap());
    headers.iter().map(line).collect()
}

#[test]
fn the_presets_are_what_they_promise() {
    assert_eq!(
        lines(&applied(&HeaderPolicy::api(), Scheme::Https, None)),
        [
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: strict-origin-when-cross-origin",
            "cross-origin-resource-policy: same-origin",
            "strict-transport-security: max-age=63072000; includeSubDomains",
            "content-security-policy: default-src 'none'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
        ]
    );
    // Observed on Django 5.2 and 6.1 with default settings.
    assert_eq!(
        lines(&applied(&HeaderPolicy::django(), Scheme::Https, None)),
        [
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: same-origin",
            "cross-origin-opener-policy: same-origin",
        ]
    );
    let strict = applied(&HeaderPolicy::strict(), Scheme::Https, None);
    assert_eq!(
        strict["content-security-policy"],
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; \
         script-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; \
         connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'; \
         upgrade-insecure-requests"
    );
    assert_eq!(strict["origin-agent-cluster"], "?1");
}

#[test]
fn https_alone_gets_hsts_and_upgrades() {
    let plain = applied(&HeaderPolicy::strict(), Scheme::Http, None);
    assert!(!plain.contains_key("strict-transport-security"));
    let csp = plain["content-security-policy"].to_str().unwrap();
    assert!(csp.ends_with("trusted-types 'none'"), "{csp}");
    let only = HeaderPolicy::empty()
        .with_csp(&Csp::new().with_upgrade_insecure_requests())
        .unwrap();
    assert!(applied(&only, Scheme::Http, None).is_empty());
    let https = applied(&only, Scheme::Https, None);
    assert_eq!(
        https["content-security-policy"],
        "upgrade-insecure-requests"
    );
}

#[test]
fn a_handlers_value_wins_and_removed_headers_go() {
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("content-security-policy", "default-src *"),
        ("strict-transport-security", "max-age=1"),
        ("cache-control", "max-age=60"),
        ("server", "secret/1.0"),
        ("x-powered-by", "secret"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let nonce = Nonce::random().unwrap();
    let policy = HeaderPolicy::strict();
    policy.apply(&mut headers, StatusCode::OK, Scheme::Https, Some(&nonce));
    assert_eq!(headers["content-security-policy"], "default-src *");
    assert_eq!(headers.get_all("content-security-policy").iter().count(), 1);
    assert_eq!(headers["strict-transport-security"], "max-age=1");
    assert_eq!(headers["cache-control"], "max-age=60");
    assert!(!headers.contains_key("server") && !headers.contains_key("x-powered-by"));
}

#[test]
fn the_nonce_goes_where_a_policy_has_a_place_for_it() {
    let report = Csp::api()
        .with(Directive::ScriptSrc, [Source::SELF])
        .unwrap();
    let policy = HeaderPolicy::strict()
        .with_csp_report_only(&report)
        .unwrap();
    assert!(policy.wants_nonce());
    let nonce = Nonce::random().unwrap();
    let headers = applied(&policy, Scheme::Https, Some(&nonce));
    let enforced = headers["content-security-policy"].to_str().unwrap();
    assert!(
        enforced.contains(&format!("script-src 'nonce-{}';", nonce.as_str())),
        "{enforced}"
    );
    assert!(enforced.ends_with("; upgrade-insecure-requests"));
    let reported = headers["content-security-policy-report-only"]
        .to_str()
        .unwrap();
    assert!(!reported.contains("nonce"), "{reported}");
    assert_eq!(headers["cache-control"], "private, no-store");

    let unused = applied(&policy, Scheme::Https, None);
    assert!(!unused.contains_key("cache-control"));
    assert!(!HeaderPolicy::api().wants_nonce());
}

#[test]
fn a_304_keeps_the_policy_it_was_stored_with() {
    let mut headers = HeaderMap::new();
    let policy = HeaderPolicy::strict();
    policy.apply(&mut headers, StatusCode::NOT_MODIFIED, Scheme::Https, None);
    assert!(!headers.contains_key("content-security-policy"));
    assert!(headers.contains_key("x-content-type-options"));
}

#[test]
fn a_report_endpoint_is_declared_before_it_is_used() {
    let csp = Csp::api().with_report_to("csp").unwrap();
    assert!(HeaderPolicy::api().with_csp(&csp).is_err());
    let policy = HeaderPolicy::api()
        .add_reporting_endpoint("csp", "/csp-report")
        .and_then(|policy| policy.with_csp(&csp))
        .unwrap();
    let headers = applied(&policy, Scheme::Http, None);
    assert_eq!(headers["reporting-endpoints"], "csp=\"/csp-report\"");
    let value = headers["content-security-policy"].to_str().unwrap();
    assert!(value.ends_with("; report-to csp"), "{value}");
}

#[test]
fn s34_no_retired_header_is_sent() {
    for policy in [
        HeaderPolicy::strict(),
        HeaderPolicy::api(),
        HeaderPolicy::django(),
    ] {
        let headers = applied(&policy, Scheme::Https, None);
        for retired in [
            "x-xss-protection",
            "expect-ct",
            "feature-policy",
            "x-download-options",
        ] {
            assert!(!headers.contains_key(retired), "{retired}");
        }
        let lines = lines(&headers).concat();
        assert!(!lines.contains("block-all-mixed-content") && !lines.contains("interest-cohort"));
    }
}

#[test]
fn mistakes_are_errors_that_name_the_value() {
    for wrong in [
        "self",
        "none",
        "unsafe-inline",
        "'self'",
        "*",
        "",
        "a b.example",
        "a;b.example",
    ] {
        let error = Source::host(wrong).unwrap_err().to_string();
        assert!(error.contains(&format!("{wrong:?}")), "{error}");
    }
    for right in [
        "cdn.example",
        "https://cdn.example:8443/a/",
        "*.example.com",
        "localhost:5173",
    ] {
        assert!(Source::host(right).is_ok(), "{right}");
    }
    assert!(Source::hash("sha256-short").is_err());
    assert!(Source::hash("md5-abc").is_err());
    assert!(Source::hash("sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=").is_ok());
    assert!(Csp::new().with(Directive::ImgSrc, []).is_err());
    assert!(Csp::new().with(Directive::ImgSrc, [Source::NONCE]).is_err());
    assert!(
        Csp::new()
            .with(Directive::FrameAncestors, [Source::STRICT_DYNAMIC])
            .is_err()
    );
    assert!(Hsts::default().without_subdomains().with_preload().is_err());
    let preload = Hsts::default().with_preload().unwrap();
    assert_eq!(
        preload.to_string(),
        "max-age=63072000; includeSubDomains; preload"
    );
    assert_eq!(preload.without_subdomains().to_string(), "max-age=63072000");
}

#[test]
fn clear_site_data_never_clears_the_cache() {
    let all = ClearSiteData::new()
        .with_cookies()
        .with_storage()
        .with_execution_contexts();
    let value = all.to_header_value().unwrap();
    assert_eq!(value, r#""cookies", "storage", "executionContexts""#);
}

/// Texts close to what is allowed, with what would break out of a value.
fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[a-z.:/*;, '\"=()\\-\r\n\t]{0,20}",
        "https://[a-z.;, '\"\\\\]{0,20}",
        "/[a-z.;, '\"<>\\\\]{0,20}",
        "sha256-[a-zA-Z0-9+/;=' ]{44}",
    ]
}

proptest! {
    #[test]
    fn no_input_yields_a_second_directive(text in hostile()) {
        let sources = [Source::host(&text), Source::scheme(&text), Source::hash(&text)];
        for source in sources.into_iter().flatten() {
            let csp = Csp::new().with(Directive::ScriptSrc, [source]).unwrap().to_string();
            prop_assert!(is_one(&csp, 2), "{csp}");
        }
        for csp in [
            Csp::new().with_report_to(&text),
            Csp::new().with_report_uri(&text),
        ].into_iter().flatten() {
            prop_assert!(is_one(&csp.to_string(), 2), "{csp}");
        }
        if let Ok(csp) = Csp::new().with_trusted_types_policies(&[&text]) {
            let value = csp.to_string();
            let (_, names) = value.split_once("; ").unwrap();
            prop_assert!(is_one(names, 2), "{value}");
        }
    }

    #[test]
    fn no_input_yields_a_second_member(text in hostile()) {
        if let Ok(policy) = PermissionsPolicy::new().deny(&text) {
            prop_assert_eq!(policy.to_string(), format!("{text}=()"));
            prop_assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
        }
        if let Ok(policy) = HeaderPolicy::empty().add_reporting_endpoint("csp", &text) {
            let headers = applied(&policy, Scheme::Http, None);
            let value = headers["reporting-endpoints"].to_str().unwrap();
            prop_assert_eq!(value.matches('"').count(), 2);
            prop_assert!(!value.contains(',') && !value.contains(';'));
        }
    }
}

/// Whether `value` is one directive of `words` words.
fn is_one(value: &str, words: usize) -> bool {
    let clean = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    clean && !value.contains([';', ',']) && value.split_ascii_whitespace().count() == words
}

const NAMES: &[&str] = &[
    "content-type",
    "x-frame-options",
    "server",
    "set-cookie",
    "x-own",
];

/// A header that a handler may set, one that the policy sets, and one that it removes among them.
fn header() -> impl Strategy<Value = (&'static str, &'static str)> {
    (
        prop::sample::select(NAMES),
        prop::sample::select(&["a", "b"]),
    )
}

proptest! {
    #[test]
    fn a_prepared_policy_does_what_the_policy_does(
        own in prop::collection::vec(header(), 0..12),
        status in prop::sample::select(&[200_u16, 304, 404]),
        scheme in prop::sample::select(&[Scheme::Http, Scheme::Https]),
        with_nonce: bool,
    ) {
        let policy = HeaderPolicy::strict();
        let nonce = with_nonce.then(|| Nonce::random().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let mut plain = HeaderMap::new();
        for (name, value) in own {
            plain.append(name, HeaderValue::from_static(value));
        }
        let mut prepared = plain.clone();
        policy.apply(&mut plain, status, scheme, nonce.as_ref());
        PreparedHeaders::from(policy).apply(&mut prepared, status, scheme, nonce.as_ref());
        prop_assert_eq!(plain, prepared);
    }
}

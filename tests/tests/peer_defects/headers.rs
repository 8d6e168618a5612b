//! Where headers were overwritten, retired, leaked or read without a bound.

use std::future::{Ready, ready};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::{BodyExt as _, Full};
use portcullis::{
    core::{identity::Source, origin::Scheme},
    csrf::Identity,
    csrf_form::{CsrfFormLayer, FormBody},
    security_headers::{Csp, HeaderPolicy, PermissionsPolicy},
};

use super::*;
use crate::layers;

/// What a handler's `headers` become behind `policy`, over https.
fn answered(policy: &HeaderPolicy, headers: &[(&'static str, &'static str)]) -> HeaderMap {
    let response = headers
        .iter()
        .fold(Response::builder(), |response, (name, value)| {
            response.header(*name, *value)
        });
    let mut headers = response.body(()).unwrap().into_parts().0.headers;
    policy.apply(&mut headers, StatusCode::OK, Scheme::Https, None);
    headers
}

#[test]
fn s33_vary_is_appended_to_what_the_handler_says() {
    let varies = service_fn(|_: Request<Unread>| -> Ready<Result<_, Infallible>> {
        ready(Ok(Response::builder()
            .header("vary", "Accept")
            .body(())
            .unwrap()))
    });
    let service = CsrfLayer::new(policy()).layer(varies);
    // An unsigned token is replaced by a signed one: the answer depends on the cookie.
    let pair = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
    let request = Request::post("/")
        .header("host", HOST)
        .header("origin", OWN)
        .header("cookie", format!("__Host-csrftoken={pair}"))
        .header("x-csrftoken", pair);
    let somebody = Identity::new("42", Some("sid-1"), Source::Cookie);
    let request = request.extension(somebody).body(Unread).unwrap();
    let response = tokio_test::block_on(service.oneshot(request)).unwrap();
    assert!(response.headers().contains_key("set-cookie"));
    let vary: Vec<_> = response.headers().get_all("vary").iter().collect();
    let vary = vary
        .iter()
        .map(|line| line.to_str().unwrap())
        .collect::<Vec<_>>()
        .join(", ");
    assert!(vary.starts_with("Accept"), "{vary}");
    assert!(vary.to_ascii_lowercase().contains("cookie"), "{vary}");
}

#[test]
fn s34_the_handlers_own_value_stays() {
    let own = "default-src 'none'; sandbox";
    let headers = answered(
        &HeaderPolicy::strict(),
        &[
            ("content-security-policy", own),
            ("x-frame-options", "SAMEORIGIN"),
        ],
    );
    assert_eq!(headers["content-security-policy"], own);
    assert_eq!(headers["x-frame-options"], "SAMEORIGIN");
    assert_eq!(headers.get_all("content-security-policy").iter().count(), 1);
}

#[test]
fn s34_no_preset_sends_a_retired_header() {
    for policy in [
        HeaderPolicy::strict(),
        HeaderPolicy::api(),
        HeaderPolicy::django(),
    ] {
        let headers = answered(&policy, &[]);
        for retired in ["expect-ct", "public-key-pins", "feature-policy", "pragma"] {
            assert!(!headers.contains_key(retired), "{retired}");
        }
        assert!(
            headers
                .get("x-xss-protection")
                .is_none_or(|value| value == "0")
        );
        let csp = headers
            .get("content-security-policy")
            .map(|csp| csp.to_str().unwrap());
        assert!(csp.is_none_or(|csp| !csp.contains("block-all-mixed-content")));
    }
}

#[test]
fn s34_a_value_that_cannot_be_sent_is_an_error_when_it_is_configured() {
    let broken = "/reports\r\nSet-Cookie: a=b";
    assert!(
        HeaderPolicy::empty()
            .add_reporting_endpoint("csp", broken)
            .is_err()
    );
    assert!(Csp::new().with_report_uri(broken).is_err());
    assert!(PermissionsPolicy::new().deny("camera\r\n").is_err());
}

#[test]
fn s34_the_order_of_the_headers_is_the_same_each_time() {
    let names = || -> Vec<String> {
        let headers = answered(&HeaderPolicy::strict(), &[("content-type", "text/html")]);
        headers.keys().map(ToString::to_string).collect()
    };
    let first = names();
    assert!(first.len() >= 8);
    for _ in 0..20 {
        assert_eq!(names(), first);
    }
}

#[test]
fn s35_neither_a_refusal_nor_a_debug_text_shows_a_token() {
    let policy = policy();
    let token = policy.issue(SessionRef::Anonymous).unwrap();
    let jwt = layers::token();
    let request = Request::post("/?secret=query")
        .header("host", HOST)
        .header("origin", crate::layers::FOREIGN)
        .header("x-csrftoken", token.as_str())
        .header(
            "cookie",
            format!(
                "__Host-csrftoken={}; __Host-access_token={jwt}",
                token.as_str()
            ),
        );
    let layer = CsrfLayer::new(policy.clone());
    let refused = Handler::default().ask(&layer, request);
    let told = format!(
        "{:?}{:?}",
        refused.headers(),
        refused.extensions().get::<Rejection>()
    );
    let body = tokio_test::block_on(refused.into_body().collect());
    let told = told + std::str::from_utf8(&body.unwrap().to_bytes()).unwrap();
    let debugged = format!("{policy:?}{layer:?}{token:?}{:?}", layers::jwt_cookie());
    for secret in [token.as_str(), &jwt, "secret=query"] {
        assert!(!told.contains(secret), "a refusal shows {secret}");
        assert!(!debugged.contains(secret), "a debug text shows {secret}");
    }
    let key = format!("{:?}", Secret::new([7; 32]));
    assert!(!key.contains('7'), "{key}");
}

#[test]
fn s36_a_hostile_cookie_header_is_read_within_bounds() {
    let long = "a".repeat(64 * 1024);
    let many = "a=b; ".repeat(10_000);
    let raw = HeaderValue::from_bytes(b"__Host-csrftoken=\xff\xfe\x80").unwrap();
    for cookie in [
        HeaderValue::from_str(&long).unwrap(),
        many.parse().unwrap(),
        raw,
    ] {
        let request = Request::post("/")
            .header("host", HOST)
            .header("origin", OWN);
        let request = request.header("cookie", cookie);
        assert!(sent(&policy(), request.header("x-csrftoken", "x")).is_some());
    }
}

#[test]
fn s36_a_form_is_read_to_its_bound_and_replayed_whole() {
    let echo = service_fn(|request: Request<FormBody<Full<Bytes>, _>>| async {
        let body = request.into_body().collect().await?.to_bytes();
        Ok::<_, Infallible>(Response::new(Full::new(body)))
    });
    let policy = policy();
    let token = policy.issue(SessionRef::Anonymous).unwrap();
    let service = CsrfFormLayer::new().layer(CsrfLayer::new(policy).layer(echo));
    let send = |form: String| {
        let request = Request::post("/")
            .header("host", HOST)
            .header("origin", OWN)
            .header("cookie", format!("__Host-csrftoken={}", token.as_str()))
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Full::new(Bytes::from(form)));
        let response = tokio_test::block_on(service.clone().oneshot(request.unwrap())).unwrap();
        let status = response.status().as_u16();
        let body = tokio_test::block_on(response.into_body().collect()).unwrap();
        (status, body.to_bytes())
    };
    let field = format!("csrfmiddlewaretoken={}", token.as_str());
    let padding = format!("text={}", "x".repeat(1024 * 1024));
    let first = format!("{field}&{padding}");
    assert_eq!(send(first.clone()), (200, Bytes::from(first)));
    assert_eq!(
        send(format!("{padding}&{field}")).0,
        403,
        "beyond the bound it is not found"
    );
}

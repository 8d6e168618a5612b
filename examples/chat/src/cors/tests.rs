use axum::{Router, body::Body, routing::post};
use http::Request;
use tower::ServiceExt as _;

use super::{layer, matches};

#[test]
fn an_entry_with_a_star_holds_its_domain_and_all_below() {
    let entry = "https://*.example.com";
    for origin in [
        "https://a.example.com",
        "https://a.b.example.com",
        "https://example.com",
    ] {
        assert!(matches(entry, origin), "{origin}");
    }
    for origin in [
        "http://a.example.com",
        "https://evilexample.com",
        "https://a.example.com.evil",
        "https://a.example.com:8443",
        "https://evil@.example.com",
        "null",
        "",
    ] {
        assert!(!matches(entry, origin), "{origin}");
    }
    assert!(matches("https://app.example", "https://app.example"));
    assert!(!matches("https://app.example", "https://app.example:8443"));
}

#[tokio::test]
async fn only_a_trusted_page_may_read_the_answer() {
    let app = Router::new()
        .route("/", post(async || "ok"))
        .layer(layer(&["https://app.example".to_owned()]));
    for (origin, allowed) in [
        ("https://app.example", true),
        ("https://evil.example", false),
    ] {
        let preflight = Request::options("/")
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "x-csrftoken")
            .body(Body::empty())
            .unwrap();
        let answer = app.clone().oneshot(preflight).await.unwrap();
        let named = answer.headers().get("access-control-allow-origin");
        assert_eq!(
            named.is_some_and(|value| value == origin),
            allowed,
            "{origin}"
        );
        assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
        let headers = answer.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap();
        assert!(headers.contains("x-csrftoken"), "{headers}");
    }
}

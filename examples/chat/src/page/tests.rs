use axum::body::Body;
use http::{Request, Response, StatusCode};
use portcullis::security_headers::{HeaderPolicy, SecurityHeadersLayer};
use tower::ServiceExt as _;

const PAGE: &str = include_str!("index.html");
const SCRIPT: &str = include_str!("app.js");

#[tokio::test]
async fn every_file_that_the_page_names_is_served_as_what_it_is() {
    let named = PAGE
        .split(['"', '\''])
        .filter(|text| text.starts_with("/static/"))
        .collect::<Vec<_>>();
    assert_eq!(named.len(), 3, "{named:?}");
    for path in named.into_iter().chain(["/"]) {
        let response = answer(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        let headers = response.headers();
        let kind = match path.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(headers["content-type"], kind, "{path}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
    }
}

#[tokio::test]
async fn the_script_carries_the_nonce_of_its_policy() {
    let response = answer("/").await;
    let policy = response.headers()["content-security-policy"]
        .to_str()
        .unwrap()
        .to_owned();
    let html = axum::body::to_bytes(response.into_body(), usize::MAX)
        .await
        .unwrap();
    let html = String::from_utf8(html.to_vec()).unwrap();
    let nonce = html
        .split("nonce=\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    assert!(nonce.len() >= 22, "128 bits: {nonce}");
    assert!(
        policy.contains(&format!("script-src 'nonce-{nonce}'")),
        "{policy}"
    );
    for wanted in ["default-src 'none'", "require-trusted-types-for 'script'"] {
        assert!(policy.contains(wanted), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(html.matches("<script").count(), 1);
}

async fn answer(path: &str) -> Response<Body> {
    let layer = SecurityHeadersLayer::new(HeaderPolicy::strict());
    let request = Request::get(path).body(Body::empty()).unwrap();
    super::router().layer(layer).oneshot(request).await.unwrap()
}

#[test]
fn nothing_in_the_page_is_inline() {
    assert!(PAGE.contains("<script src="));
    assert_eq!(
        PAGE.matches("<script").count(),
        PAGE.matches("<script src=").count()
    );
    for wrong in [
        "<style",
        " style=",
        " onclick=",
        " onload=",
        "javascript:",
        "http://",
        "https://",
    ] {
        assert!(!PAGE.contains(wrong), "{wrong}");
    }
}

#[test]
fn the_script_makes_no_markup_from_text_and_stores_no_token() {
    for sink in [
        ".innerHTML",
        ".outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "localStorage",
        "sessionStorage",
    ] {
        assert!(!SCRIPT.contains(sink), "{sink}");
    }
}

#[test]
fn every_field_has_a_label_and_every_element_that_the_script_wants_is_there() {
    for field in ["username", "password", "message"] {
        assert!(PAGE.contains(&format!("for=\"{field}\"")), "{field}");
    }
    let wanted = SCRIPT
        .split("element(\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next());
    for id in wanted {
        assert!(PAGE.contains(&format!("id=\"{id}\"")), "{id}");
    }
}

use axum::body::Body;
use http::Request;
use portcullis_core::{
    client::{ClientPolicy, PeerAddr},
    identity::{Identity, Source},
};
use tower::ServiceExt as _;

use super::router;

#[tokio::test]
async fn it_shows_what_the_layers_see_and_no_forged_header() {
    for (method, path) in [
        ("POST", "/api/echo/"),
        ("GET", "/api/echo"),
        ("DELETE", "/api/echo/"),
    ] {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "chat.test:8000")
            .header("x-forwarded-for", "203.0.113.9")
            .header("x-forwarded-proto", "https")
            .body(Body::empty())
            .unwrap();
        request
            .extensions_mut()
            .insert(PeerAddr::from(([192, 0, 2, 1], 5000)));
        let identity = Identity::new("7", None, Source::Bearer);
        request.extensions_mut().insert(identity);
        let response = router(ClientPolicy::direct())
            .oneshot(request)
            .await
            .unwrap();
        let bytes = axum::body::to_bytes(response.into_body(), 1024)
            .await
            .unwrap();
        let seen: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        let wanted = serde_json::json!({
            "method": method,
            "client": "192.0.2.1",
            "scheme": "http",
            "host": "chat.test:8000",
            "source": "bearer",
        });
        assert_eq!(seen, wanted);
    }
}

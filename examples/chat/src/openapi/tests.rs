#[test]
fn every_route_is_described() {
    let document = serde_json::to_value(super::document()).unwrap();
    let paths = document["paths"].as_object().unwrap();
    for (path, method) in [
        ("/chat/stream", "post"),
        ("/chat/history", "get"),
        ("/chat/ws", "get"),
        ("/healthz", "get"),
        ("/api/echo/", "post"),
        ("/api/csrf/", "get"),
        ("/api/auth/login/", "post"),
        ("/api/auth/refresh/", "post"),
        ("/api/auth/logout/", "post"),
        ("/api/auth/logout-all/", "post"),
        ("/api/auth/me/", "get"),
        ("/api/auth/sessions/", "get"),
        ("/api/auth/sessions/{sid}/", "delete"),
        ("/api/token/verify/", "post"),
    ] {
        let operation = &paths[path][method];
        assert!(
            operation["responses"]["200"].is_object() || path == "/chat/ws",
            "{path}"
        );
    }
    assert_eq!(
        document["openapi"].as_str().unwrap().split('.').next(),
        Some("3")
    );
}

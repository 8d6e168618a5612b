//! The page of the service, and the three files it loads; nothing of it is written inline.

use axum::{Router, response::IntoResponse, routing::get};
use http::{HeaderName, HeaderValue, header};

#[cfg(test)]
mod tests;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

/// What the page may do: load its own files and talk to its own origin. Strings never become
/// script or markup (Trusted Types without any policy).
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";

/// `/` and `/static/…`.
pub fn router() -> Router {
    Router::new()
        .route(
            "/",
            get(async || file(HTML, include_str!("page/index.html"))),
        )
        .route(
            "/static/app.js",
            get(async || file(SCRIPT, include_str!("page/app.js"))),
        )
        .route(
            "/static/style.css",
            get(async || file(STYLE, include_str!("page/style.css"))),
        )
        .route(
            "/static/icon.svg",
            get(async || file(ICON, include_str!("page/icon.svg"))),
        )
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ),
        // A new version of the program is a new page, at once.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text)
}

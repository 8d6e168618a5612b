//! The page of the service, and the three files it loads; nothing of it is written inline.

use axum::{Router, response::IntoResponse, routing::get};
use http::{HeaderValue, header};
use portcullis::security_headers::CspNonce;

use crate::error::ApiError;

#[cfg(test)]
mod tests;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";
const ICON: &str = "image/svg+xml";

const PAGE: &str = include_str!("page/index.html");

/// `/` and `/static/…`, to be put behind the security headers layer: its policy is the page's, and
/// the one script of the page carries its nonce.
pub fn router() -> Router {
    let script = || file(SCRIPT, include_str!("page/app.js"));
    Router::new()
        .route("/", get(page))
        .route("/static/app.js", get(async move || script()))
        .route(
            "/static/style.css",
            get(async || file(STYLE, include_str!("page/style.css"))),
        )
        .route(
            "/static/icon.svg",
            get(async || file(ICON, include_str!("page/icon.svg"))),
        )
}

async fn page(nonce: CspNonce) -> Result<impl IntoResponse, ApiError> {
    let nonce = nonce.get().map_err(|_| ApiError::UNAVAILABLE)?;
    let html = PAGE.replace(
        "<script ",
        &format!("<script nonce=\"{}\" ", nonce.as_str()),
    );
    Ok((
        [(header::CONTENT_TYPE, HeaderValue::from_static(HTML))],
        html,
    ))
}

fn file(kind: &'static str, text: &'static str) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        // A new version of the program is a new page, at once.
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
    ];
    (headers, text)
}

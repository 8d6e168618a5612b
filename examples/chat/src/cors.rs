//! Lets pages of the `--trusted-origin`s read answers, with credentials.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, header, request::Parts};
use portcullis_core::origin;
use tower_http::cors::{AllowOrigin, CorsLayer};

#[cfg(test)]
mod tests;

/// How long a browser may remember the answer to a preflight.
const MAX_AGE: Duration = Duration::from_secs(600);

/// The layer for `trusted`: canonical origins, or `https://*.example.com`.
pub fn layer(trusted: &[String]) -> CorsLayer {
    let trusted = trusted.to_vec();
    let allowed = AllowOrigin::predicate(move |origin: &HeaderValue, _: &Parts| {
        let origin = origin.to_str().unwrap_or_default();
        trusted.iter().any(|entry| matches(entry, origin))
    });
    CorsLayer::new()
        .allow_origin(allowed)
        .allow_credentials(true)
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            header::ACCEPT,
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            HeaderName::from_static("x-csrftoken"),
        ])
        .expose_headers([header::RETRY_AFTER])
        .max_age(MAX_AGE)
}

/// Whether `origin`, as a browser writes it, is `entry` or lies below its domain.
fn matches(entry: &str, origin: &str) -> bool {
    let Some((scheme, domain)) = entry.split_once("://*.") else {
        return entry == origin;
    };
    let Some((found, authority)) = origin::split(origin) else {
        return false;
    };
    let host = origin.split_once("://").map_or("", |(_, rest)| rest);
    let below = host
        .strip_suffix(domain)
        .is_some_and(|front| front.is_empty() || front.ends_with('.'));
    found.as_str() == scheme && below && !authority.host().is_empty()
}

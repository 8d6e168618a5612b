//! `/api/echo/`: what the layers see of a request, to check proxies and CSRF set-up by hand.

use axum::{Json, Router, extract::Request, routing::any};
use portcullis_core::{
    client::ClientPolicy,
    identity::{Identity, Source},
    respond::RequestView,
};
use serde::Serialize;
use utoipa::ToSchema;

#[cfg(test)]
mod tests;

/// What the layers see of a request.
#[derive(Debug, Serialize, ToSchema)]
pub struct Echo {
    /// The method.
    pub method: String,
    /// The client's address, behind declared proxies.
    pub client: Option<String>,
    /// The scheme that the client used.
    pub scheme: &'static str,
    /// The host that the client named, with its port.
    pub host: Option<String>,
    /// `cookie` or `bearer` where the request was authenticated.
    pub source: Option<&'static str>,
}

/// `/api/echo/` with or without the final slash, for every method.
pub fn router(policy: ClientPolicy) -> Router {
    let echo = any(async move |request: Request| Json(echo(&policy, &request)));
    Router::new()
        .route("/api/echo", echo.clone())
        .route("/api/echo/", echo)
}

#[utoipa::path(post, path = "/api/echo/", tag = "diagnosis", responses(
    (status = 200, description = "What the layers see of this request; any method", body = Echo),
))]
pub(crate) fn echo(policy: &ClientPolicy, request: &Request) -> Echo {
    let client = policy.client(&RequestView::of(request));
    let source = request.extensions().get::<Identity>().map(Identity::source);
    Echo {
        method: request.method().to_string(),
        client: client.address.map(|address| address.to_string()),
        scheme: client.scheme.as_str(),
        host: client.host().map(|host| match host.port() {
            Some(port) => format!("{}:{port}", host.host()),
            None => host.host().to_owned(),
        }),
        source: source.and_then(|source| match source {
            Source::Bearer => Some("bearer"),
            Source::Cookie => Some("cookie"),
            _ => None,
        }),
    }
}

//! Puts the layers round the routes.
//!
//! | routes | layers, from outside |
//! |---|---|
//! | all | security headers, allowed hosts, redirect to https, rate limit by address, CORS |
//! | `/chat/…`, `/api/echo/` | all of these, then CSRF |
//! | `/`, `/static/…`, `/healthz`, `/api/openapi.json` | no further ones |

use std::sync::Arc;

use axum::Router;
use portcullis::{
    allowed_hosts::AllowedHostsLayer,
    csrf::CsrfLayer,
    https_redirect::HttpsRedirectLayer,
    rate_limit::{RateLimitLayer, RateRule, limit::Limit},
    security_headers::SecurityHeadersLayer,
};
use portcullis_core::{
    clock::{Clock, SystemClock},
    path::PathPattern,
};
use tower::ServiceBuilder;

use crate::{
    chat::Chat,
    config::{ConfigError, Settings},
    cors,
    database::Database,
    drain::Drain,
    echo, health, openapi, page,
    policies::Policies,
    responder::Responder,
};

#[cfg(test)]
mod tests;

/// Everything that answers on `--listen`.
///
/// # Errors
///
/// [`ConfigError`] naming the flag whose value a layer refuses.
pub fn router(
    settings: &Settings,
    database: &Database,
    responder: Responder,
    drain: Drain,
) -> Result<Router, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let policies = Policies::new(settings, &clock)?;
    let mut checked = Chat::new(database.clone(), responder, clock, drain).router();
    if settings.echo {
        checked = checked.merge(echo::router(policies.client.clone()));
    }
    let csrf = CsrfLayer::new(policies.csrf.clone()).with_client_policy(policies.client.clone());
    let app = Router::new()
        .merge(checked.layer(csrf))
        .merge(page::router())
        .merge(openapi::router())
        .merge(health::router(database.clone()));
    surround(app, settings, policies)
}

/// The layers that every route has.
fn surround(app: Router, settings: &Settings, policies: Policies) -> Result<Router, ConfigError> {
    let Policies {
        client,
        hosts,
        headers,
        limiter,
        redirects,
        ..
    } = policies;
    let mut app = app;
    if !settings.trusted_origins.is_empty() {
        app = app.layer(cors::layer(&settings.trusted_origins));
    }
    let refused =
        |error: &dyn std::error::Error| ConfigError::new(format!("--rate-limit: {error}"));
    let quota = settings
        .rate_limit
        .quota()
        .map_err(|error| refused(&error))?;
    let limit = Limit::new("address", quota).map_err(|error| refused(&error))?;
    let limits = RateLimitLayer::new(limiter, client.clone())
        .add_rule(RateRule::by_address(limit))
        .map_err(|error| refused(&error))?;
    app = app.layer(limits);
    if redirects {
        let health: PathPattern = "/healthz"
            .parse()
            .expect("a pattern of one literal segment");
        let redirect = HttpsRedirectLayer::new(hosts.clone())
            .exempt_path(health)
            .with_client_policy(client.clone());
        app = app.layer(redirect);
    }
    let outermost = ServiceBuilder::new()
        .layer(SecurityHeadersLayer::new(headers).with_client_policy(client.clone()))
        .layer(AllowedHostsLayer::new(hosts).with_client_policy(client));
    Ok(app.layer(outermost))
}

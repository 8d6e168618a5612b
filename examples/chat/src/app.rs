//! Puts the layers round the routes.
//!
//! | routes | layers, from outside |
//! |---|---|
//! | all | security headers, allowed hosts, redirect to https, rate limit by address, CORS |
//! | `/chat/…`, `/api/echo/` | all of these, then authentication, CSRF, rate limit by user |
//! | `/api/auth/…`, `/api/csrf/`, `/api/token/…` | those for all; the service checks CSRF itself |
//! | `/`, `/static/…`, `/healthz`, `/api/openapi.json` | no further ones |

use std::sync::Arc;

use axum::{
    Router,
    extract::Request,
    middleware::{self, Next},
    response::Response,
};
use portcullis::{
    Rejection,
    allowed_hosts::AllowedHostsLayer,
    csrf::CsrfLayer,
    https_redirect::HttpsRedirectLayer,
    jwt_cookie::Mode,
    rate_limit::{RateLimitLayer, RateRule, limit::Limit},
    refresh::Stores,
    security_headers::SecurityHeadersLayer,
};
use portcullis_core::{
    audit::{IdHash, printable},
    clock::{Clock, SystemClock},
    path::PathPattern,
};
use tower::ServiceBuilder;

use crate::{
    accounts::Accounts,
    auth,
    chat::Chat,
    config::{self, ConfigError, Settings},
    cors,
    database::Database,
    django::DjangoTables,
    drain::Drain,
    echo, health, openapi, page,
    passwords::Passwords,
    policies::Policies,
    responder::Responder,
    telemetry,
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
    stores: Stores,
    database: &Database,
    passwords: &Passwords,
    responder: Responder,
    drain: Drain,
) -> Result<Router, ConfigError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let policies = Policies::new(settings, stores, &clock)?;
    let by_subject = RateLimitLayer::new(policies.limiter.clone(), policies.client.clone())
        .with_audit(telemetry::audit(), clock.clone())
        .add_rule(RateRule::by_subject(limit(settings, "subject")?))
        .map_err(|error| ConfigError::new(format!("--rate-limit: {error}")))?;
    let csrf = CsrfLayer::new(policies.csrf.clone())
        .with_client_policy(policies.client.clone())
        .with_audit(telemetry::audit(), clock.clone());
    let checked = |mode| {
        let authentication = policies.authentication.layer(mode)?;
        let authentication = authentication.with_audit(telemetry::audit());
        Ok(ServiceBuilder::new()
            .layer(authentication)
            .layer(csrf.clone())
            .layer(by_subject.clone()))
    };
    let accounts = Accounts::new(database.clone(), passwords.clone());
    let django = DjangoTables::new(database.clone(), clock.clone());
    let auth = auth::router(settings, &policies, accounts, django, &clock)?;
    let chat = Chat::new(database.clone(), responder, clock, drain).router();
    let echo = if settings.echo {
        echo::router(policies.client.clone()).layer(checked(Mode::Optional)?)
    } else {
        Router::new()
    };
    let app = Router::new()
        .merge(chat.layer(checked(Mode::Required)?))
        .merge(echo)
        .merge(auth)
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
        https_port,
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
    if let Some(port) = https_port {
        let health: PathPattern = "/healthz"
            .parse()
            .expect("a pattern of one literal segment");
        let redirect = HttpsRedirectLayer::new(hosts.clone())
            .with_port(port)
            .exempt_path(health)
            .with_client_policy(client.clone());
        app = app.layer(redirect);
    }
    let outermost = ServiceBuilder::new()
        .layer(SecurityHeadersLayer::new(headers).with_client_policy(client.clone()))
        .layer(AllowedHostsLayer::new(hosts).with_client_policy(client));
    app = app.layer(outermost);
    if settings.mode == config::Mode::Development {
        app = app.layer(middleware::from_fn(log_refusal));
    }
    Ok(app)
}

/// The limit of `--rate-limit`, counted apart under `name`.
fn limit(settings: &Settings, name: &str) -> Result<Limit, ConfigError> {
    let quota = settings.rate_limit.quota();
    quota
        .and_then(|quota| Limit::new(name, quota))
        .map_err(|error| ConfigError::new(format!("--rate-limit: {error}")))
}

/// `path` as the log shows it: with the hash of a session's id, as in audit events.
fn loggable(path: &str) -> String {
    match path.split_once("/sessions/") {
        Some((_, "")) | None => printable(path).into_owned(),
        Some((start, sid)) => {
            let sid = IdHash::of(sid.trim_end_matches('/'));
            format!("{}/sessions/{sid}/", printable(start))
        }
    }
}

/// Tells the developer why a request was refused, which the client is not told.
async fn log_refusal(request: Request, next: Next) -> Response {
    let (method, path) = (request.method().clone(), loggable(request.uri().path()));
    let response = next.run(request).await;
    if let Some(rejection) = response.extensions().get::<Rejection>() {
        let (code, reason) = (rejection.code(), rejection.reason());
        tracing::info!(%method, path, code, reason, "refused");
    }
    response
}

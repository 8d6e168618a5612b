//! `GET /metrics` for Prometheus, and the log.

use std::time::Duration;

use axum::{Router, routing::get};
use http::header;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

use crate::config::{ConfigError, Mode};

/// How often what was recorded is summed up, so that it does not grow between two scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Sends events to stderr: those that `RUST_LOG` names, else warnings, and in development mode
/// also why requests were refused.
pub fn log(mode: Mode) {
    let default = match mode {
        Mode::Development => "warn,portcullis=debug,portcullis_chat=info",
        Mode::Production => "warn,portcullis::audit=info,portcullis_chat=info",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let subscriber = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(filter);
    // A second one in the same process changes nothing, which only a test can meet.
    let _ = subscriber.try_init();
}

/// Records metrics from now on.
///
/// # Errors
///
/// [`ConfigError`] when this process records them already.
pub fn record() -> Result<PrometheusHandle, ConfigError> {
    PrometheusBuilder::new()
        .install_recorder()
        .map_err(|error| ConfigError::new(format!("--metrics-listen: {error}")))
}

/// Sums up what was recorded, until the program ends.
pub async fn keep_up(handle: PrometheusHandle) {
    let mut interval = tokio::time::interval(UPKEEP);
    loop {
        interval.tick().await;
        handle.run_upkeep();
    }
}

/// `/metrics`, for a listener of its own.
pub fn router(handle: PrometheusHandle) -> Router {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    Router::new().route(
        "/metrics",
        get(async move || ([(header::CONTENT_TYPE, kind)], handle.render())),
    )
}

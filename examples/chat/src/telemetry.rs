//! `GET /metrics` for Prometheus, and the log.

use std::{io::IsTerminal as _, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use http::header;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use portcullis::{metrics_audit::MetricsAudit, tracing_audit::TracingAudit};
use portcullis_core::audit::AuditSink;
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
        .with_ansi(std::io::stderr().is_terminal())
        .with_env_filter(filter);
    // A second one in the same process changes nothing, which only a test can meet.
    let _ = subscriber.try_init();
}

/// Where logins, refusals and revocations are reported: the log and the counters.
pub fn audit() -> Arc<dyn AuditSink> {
    Arc::new((TracingAudit, MetricsAudit))
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

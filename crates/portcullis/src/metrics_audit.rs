//! Counts security events through the `metrics` facade.

use portcullis_core::audit::{AuditEvent, AuditSink};

/// The counter of every event, with its kind as the label `kind`: a dozen series, whatever clients
/// send.
pub const COUNTER: &str = "portcullis_events_total";

/// Counts events by kind. Users, sessions and addresses never become labels.
///
/// Give it to a layer or service beside another sink, as a pair.
///
/// # Example
///
/// ```
/// use portcullis::{
///     core::{audit::{AuditEvent, AuditKind, AuditSink, MemoryAudit}, clock::Timestamp},
///     metrics_audit::MetricsAudit,
/// };
/// use std::sync::Arc;
///
/// let kept = Arc::new(MemoryAudit::default());
/// let sink = (MetricsAudit, kept.clone());
/// sink.record(AuditEvent::new(AuditKind::Reuse, Timestamp::from_secs(1)));
/// assert_eq!(kept.kinds(), [AuditKind::Reuse]);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MetricsAudit;

impl AuditSink for MetricsAudit {
    fn record(&self, event: AuditEvent) {
        metrics::counter!(COUNTER, "kind" => event.kind.as_str()).increment(1);
    }
}

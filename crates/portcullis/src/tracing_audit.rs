//! Reports security events as `tracing` events, target `portcullis::audit`.

use portcullis_core::audit::{AuditEvent, AuditKind, AuditSink, printable};

/// The target of every event, for filters: `RUST_LOG=portcullis::audit=info`.
pub const TARGET: &str = "portcullis::audit";

/// The field `session` is the [`IdHash`](portcullis_core::audit::IdHash) of the session id. No
/// field holds a control character, whatever subscriber writes it.
///
/// Reports events at `WARN` that somebody should look at, at `INFO` what users do, and at `DEBUG`
/// single refusals.
///
/// # Example
///
/// ```
/// use portcullis::{
///     core::{audit::{AuditEvent, AuditKind, AuditSink}, clock::Timestamp},
///     tracing_audit::TracingAudit,
/// };
///
/// TracingAudit.record(AuditEvent::new(AuditKind::Logout, Timestamp::from_secs(1)));
/// assert_eq!(portcullis::tracing_audit::TARGET, "portcullis::audit");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingAudit;

impl AuditSink for TracingAudit {
    fn record(&self, event: AuditEvent) {
        macro_rules! report {
            ($level:ident) => {
                tracing::$level!(
                    target: TARGET,
                    kind = event.kind.as_str(),
                    at_ms = event.at.as_millis(),
                    subject = event.subject.as_deref().map(printable).as_deref(),
                    session = event.session.map(tracing::field::display),
                    address = event.address.map(tracing::field::display),
                    reason = event.reason.as_deref().map(printable).as_deref(),
                )
            };
        }
        match event.kind {
            AuditKind::Refused | AuditKind::Refreshed => report!(debug),
            AuditKind::KeysUnavailable
            | AuditKind::Reuse
            | AuditKind::RevocationOwed
            | AuditKind::RevocationUnconfirmed
            | AuditKind::RevocationUntold
            | AuditKind::StoreFailed
            | AuditKind::StoreRolledBack => report!(warn),
            _ => report!(info),
        }
    }
}

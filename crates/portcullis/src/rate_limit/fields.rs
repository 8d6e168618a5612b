//! The `RateLimit` header fields of draft-ietf-httpapi-ratelimit-headers-10.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};
use portcullis_core::rate::{Limit, LimitState};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The two fields, rendered before the inner service runs.
#[derive(Debug)]
pub(super) struct Fields {
    policy: HeaderValue,
    standing: HeaderValue,
}

impl Fields {
    /// The fields for those of `limits` that are exposed and enforced; `None` when none is.
    pub(super) fn render<'a>(
        limits: impl Iterator<Item = (&'a Limit, &'a LimitState)>,
    ) -> Option<Self> {
        let (mut policy, mut standing) = (String::new(), String::new());
        for (limit, state) in limits.filter(|(limit, _)| limit.is_exposed() && !limit.is_shadow()) {
            if !policy.is_empty() {
                policy.push_str(", ");
                standing.push_str(", ");
            }
            let (name, quota) = (sf_string(limit.name()), limit.quota());
            let window = whole_secs(quota.full_after());
            let _ = write!(policy, "{name};q={};w={window}", quota.capacity());
            let _ = write!(standing, "{name};r={}", state.remaining);
            let more = if state.refused {
                state.retry_after
            } else {
                state.next_after(quota)
            };
            if !more.is_zero() {
                let _ = write!(standing, ";t={}", whole_secs(more));
            }
        }
        // Names are printable ASCII, so an empty text is the only one that does not convert well.
        let value = |text: &str| HeaderValue::from_str(text).ok().filter(|v| !v.is_empty());
        Some(Self {
            policy: value(&policy)?,
            standing: value(&standing)?,
        })
    }

    /// Adds the fields beside those of other layers.
    pub(super) fn append(self, headers: &mut HeaderMap) {
        headers.append(RATELIMIT_POLICY, self.policy);
        headers.append(RATELIMIT, self.standing);
    }
}

/// A structured-field string (RFC 9651 §3.3.3) of printable ASCII.
fn sf_string(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// Whole seconds, rounded up, at least 1: whoever waits that long is not early.
pub(super) fn whole_secs(span: Duration) -> u32 {
    let secs = span.as_secs() + u64::from(span.subsec_micros() > 0);
    u32::try_from(secs.max(1)).unwrap_or(u32::MAX)
}

//! The policy as most responses get it, made once and copied.

use http::{HeaderMap, StatusCode};

use super::{HeaderPolicy, Nonce};
use crate::origin::Scheme;

/// A [`HeaderPolicy`] that is not changed any more, and is applied faster for it.
///
/// # Example
///
/// ```
/// use http::{HeaderMap, StatusCode};
/// use portcullis_core::{headers::{HeaderPolicy, PreparedHeaders}, origin::Scheme};
///
/// let prepared = PreparedHeaders::from(HeaderPolicy::api());
/// let mut headers = HeaderMap::new();
/// headers.insert("x-frame-options", "SAMEORIGIN".parse()?);
/// prepared.apply(&mut headers, StatusCode::OK, Scheme::Http, None);
/// assert_eq!(headers["x-content-type-options"], "nosniff");
/// assert_eq!(headers["x-frame-options"], "SAMEORIGIN", "the handler's own");
/// # Ok::<_, http::header::InvalidHeaderValue>(())
/// ```
#[derive(Clone, Debug)]
pub struct PreparedHeaders {
    policy: HeaderPolicy,
    http: HeaderMap,
    https: HeaderMap,
}

impl From<HeaderPolicy> for PreparedHeaders {
    fn from(policy: HeaderPolicy) -> Self {
        let template = |scheme| {
            let mut headers = HeaderMap::new();
            policy.apply(&mut headers, StatusCode::OK, scheme, None);
            headers
        };
        Self {
            http: template(Scheme::Http),
            https: template(Scheme::Https),
            policy,
        }
    }
}

impl PreparedHeaders {
    /// The policy itself.
    pub const fn policy(&self) -> &HeaderPolicy {
        &self.policy
    }

    /// Gives a response the headers that it lacks, as [`HeaderPolicy::apply`] does.
    pub fn apply(
        &self,
        headers: &mut HeaderMap,
        status: StatusCode,
        scheme: Scheme,
        nonce: Option<&Nonce>,
    ) {
        let template = match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        };
        // A copy of the template pays while less is moved into it than would be put beside it.
        let is_plain = nonce.is_none() && status != StatusCode::NOT_MODIFIED;
        if !is_plain || headers.len() > template.len() {
            return self.policy.apply(headers, status, scheme, nonce);
        }
        let own = std::mem::replace(headers, template.clone());
        if own.is_empty() {
            return;
        }
        headers.extend(own);
        for name in &self.policy.removed {
            headers.remove(name);
        }
    }
}

//! The nonce that a handler may ask for.

use std::{
    fmt,
    sync::{Arc, OnceLock},
};

use portcullis_core::{headers::Nonce, random::RandomError};

/// Draws the nonce of a response when it is first asked for.
///
/// It is among the request's extensions when the policy has a place for a nonce, and an axum
/// extractor with the feature `axum`. Without the layer there is none: a nonce that stands in no
/// header would only hide the mistake.
///
/// `Display` writes the nonce, for templates.
#[derive(Clone, Debug)]
pub struct CspNonce(Arc<OnceLock<Nonce>>);

impl CspNonce {
    pub(super) fn new() -> Self {
        Self(Arc::new(OnceLock::new()))
    }

    /// The nonce, the same for all who ask during one request.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn get(&self) -> Result<&Nonce, RandomError> {
        if let Some(nonce) = self.0.get() {
            return Ok(nonce);
        }
        let drawn = Nonce::random()?;
        Ok(self.0.get_or_init(|| drawn))
    }

    /// The nonce, if anybody has asked for it.
    pub(super) fn drawn(&self) -> Option<&Nonce> {
        self.0.get()
    }
}

impl fmt::Display for CspNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.get().map_err(|_| fmt::Error)?.as_str())
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl<S: Sync> axum_core::extract::FromRequestParts<S> for CspNonce {
    type Rejection = (http::StatusCode, &'static str);

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        let missing = "no CspNonce: put SecurityHeadersLayer with a nonce in its policy round this";
        parts
            .extensions
            .get()
            .cloned()
            .ok_or((http::StatusCode::INTERNAL_SERVER_ERROR, missing))
    }
}

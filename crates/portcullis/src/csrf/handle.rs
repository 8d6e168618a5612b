//! The handle by which a handler asks for the token of its page.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use portcullis_core::{
    csrf::{CsrfToken, SessionRef},
    identity::Identity,
    random::RandomError,
    respond::RequestView,
};

use super::shared::{Shared, session_of};

/// Gives a handler the CSRF token of its request; the response then sets the cookie.
///
/// It is among the request's extensions when [`CsrfLayer::with_token_handle`] asked for it, and an
/// axum extractor with the feature `axum`. Nothing is drawn, and nothing set, for a handler that
/// does not ask.
///
/// [`CsrfLayer::with_token_handle`]: super::CsrfLayer::with_token_handle
///
/// # Example
///
/// ```
/// use http::{Request, Response};
/// use portcullis::{core::random::RandomError, csrf::CsrfTokenHandle};
///
/// fn page(request: &Request<()>) -> Result<Response<String>, RandomError> {
///     let form = match request.extensions().get::<CsrfTokenHandle>() {
///         Some(handle) => format!(
///             r#"<input type="hidden" name="csrfmiddlewaretoken" value="{}">"#,
///             handle.masked()?
///         ),
///         None => String::new(),
///     };
///     Ok(Response::new(form))
/// }
/// assert_eq!(page(&Request::new(()))?.body(), "", "the layer was not asked for handles");
/// # Ok::<_, RandomError>(())
/// ```
#[derive(Clone)]
pub struct CsrfTokenHandle(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    identity: Option<Identity>,
    presented: Option<CsrfToken>,
    asked: Mutex<Option<CsrfToken>>,
}

impl CsrfTokenHandle {
    pub(super) fn new(
        shared: Arc<Shared>,
        request: &RequestView<'_>,
        renewed: Option<CsrfToken>,
    ) -> Self {
        let presented = renewed.or_else(|| shared.policy.presented(request.headers));
        Self(Arc::new(Inner {
            presented,
            identity: request.extensions.get::<Identity>().cloned(),
            shared,
            asked: Mutex::new(None),
        }))
    }

    /// The token of this request's session: the one in the cookie while it is good, else a new
    /// one.
    ///
    /// Where nobody is known to be signed in, any well-formed cookie is kept: it may be signed for
    /// a session whose access token has just run out.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn token(&self) -> Result<CsrfToken, RandomError> {
        let mut asked = self.lock();
        if let Some(token) = *asked {
            return Ok(token);
        }
        let token = match self.good() {
            Some(token) => token,
            None => self.0.shared.policy.issue(self.session())?,
        };
        *asked = Some(token);
        Ok(token)
    }

    /// The token under a fresh mask, 64 symbols, for a form or a page.
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn masked(&self) -> Result<String, RandomError> {
        self.token()?.masked()
    }

    /// A new token, for `session` from now on: what a login or logout of the application's own
    /// calls (`rotate_token`).
    ///
    /// # Errors
    ///
    /// [`RandomError`] when the system has no entropy to give.
    pub fn rotate(&self, session: SessionRef<'_>) -> Result<CsrfToken, RandomError> {
        let token = self.0.shared.policy.issue(session)?;
        *self.lock() = Some(token);
        Ok(token)
    }

    /// The token that the handler asked for.
    pub(super) fn asked(&self) -> Option<CsrfToken> {
        *self.lock()
    }

    fn good(&self) -> Option<CsrfToken> {
        let policy = &self.0.shared.policy;
        self.0
            .presented
            .filter(|token| self.0.identity.is_none() || policy.is_token_of(token, self.session()))
    }

    fn session(&self) -> SessionRef<'_> {
        session_of(self.0.identity.as_ref())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<CsrfToken>> {
        self.0.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for CsrfTokenHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CsrfTokenHandle(..)")
    }
}

#[cfg(feature = "axum")]
#[cfg_attr(docsrs, doc(cfg(feature = "axum")))]
impl<S: Sync> axum_core::extract::FromRequestParts<S> for CsrfTokenHandle {
    type Rejection = (http::StatusCode, &'static str);

    async fn from_request_parts(
        parts: &mut http::request::Parts,
        _: &S,
    ) -> Result<Self, Self::Rejection> {
        let missing = "no CsrfTokenHandle: put CsrfLayer::with_token_handle round this route";
        parts
            .extensions
            .get()
            .cloned()
            .ok_or((http::StatusCode::INTERNAL_SERVER_ERROR, missing))
    }
}

//! Refuses requests without a valid access token, from a cookie or a Bearer header.
//!
//! | presented | [`Mode::Required`] | [`Mode::Optional`] |
//! |---|---|---|
//! | nothing, or another scheme such as Basic | 401 | passes without identity |
//! | a valid cookie, or a valid Bearer token | passes | passes |
//! | both, valid, of one user | passes; the first source counts | the same |
//! | both, valid, of different users | 401 | 401 |
//! | an invalid cookie | 401, or the header decides ([`InvalidCookie::TryHeader`]) | the same |
//! | an invalid Bearer token, whatever the cookie | 401 | 401 |
//! | two cookies of the name, two `Authorization` headers | 401 | 401 |
//! | a revoked token | 401 | 401 |
//! | a valid token that the revocation store cannot decide | 503 | 503 |
//!
//! Every 401 has the same body; the reason is in the response's extensions, as [`Rejection`].
//!
//! A request that passes carries an [`Identity`](portcullis_core::identity::Identity) in its
//! extensions, which [`Authenticated<C>`] and [`SessionEnded`] are taken from. Token cookies and
//! the Bearer header are taken off it, so that no handler can log or forward them.
//!
//! # Example
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use http::{Request, Response};
//! use portcullis::core::{Secret, clock::{Clock, SystemClock}};
//! use portcullis::jwt_cookie::{Authenticated, JwtCookieAuthLayer};
//! use portcullis::jwt::{KeyRing, Minter, TokenReader, mint::AccessParams};
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! let keys = KeyRing::hs256(Secret::new([7; 32]))?;
//! let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys.clone()));
//! let service = layer.layer(service_fn(|request: Request<()>| async move {
//!     let user = Authenticated::<()>::of(request.extensions()).unwrap();
//!     assert!(request.headers().get("cookie").is_none(), "the token went no further");
//!     Ok::<_, std::convert::Infallible>(Response::new(user.subject().to_owned()))
//! }));
//!
//! let now = SystemClock.now();
//! let token = Minter::new(keys).mint_access(&AccessParams {
//!     subject: "42",
//!     jti: &portcullis::jwt::random_jti()?,
//!     issued_at: now,
//!     expires: now + std::time::Duration::from_secs(300),
//!     session: None,
//!     extra: None,
//! })?;
//! let request = Request::builder()
//!     .header("cookie", format!("__Host-access_token={token}"))
//!     .body(())?;
//! assert_eq!(service.clone().oneshot(request).await?.status(), 200);
//!
//! let anonymous = service.oneshot(Request::new(())).await?;
//! assert_eq!(anonymous.status(), 401);
//! assert_eq!(anonymous.headers()["www-authenticate"], r#"Bearer realm="api""#);
//! # Ok::<_, Box<dyn std::error::Error>>(()) }).unwrap();
//! ```
//!
//! Configured for a Django site's cookies, and open to anonymous requests:
//!
//! ```
//! use portcullis::{core::Secret, jwt::{KeyRing, TokenReader}};
//! use portcullis::jwt_cookie::{JwtCookieAuthLayer, Mode};
//!
//! let keys = KeyRing::hs256(Secret::new([7; 32]))?;
//! let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys))
//!     .with_cookie_names("access_token", "refresh_token")?
//!     .with_mode(Mode::Optional);
//!
//! assert!(layer.with_cookie_names("access token", "refresh_token").is_err());
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Deployment
//!
//! A cookie is sent by the browser itself: put [`CsrfLayer`](crate::csrf) behind this layer. It
//! reads the identity's source, and lets only requests pass unproven that a Bearer token
//! authenticated. A proxy in front must not join several `Authorization` headers into one.

use std::{
    fmt, mem,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Rejection,
    audit::AuditSink,
    clock::Clock,
    respond::{RequestView, Respond, SharedRespond},
};
use portcullis_jwt::{CachedReader, Claims, TokenReader};
use serde::de::DeserializeOwned;
use tower_layer::Layer;
use tower_service::Service;

use crate::guarded::Guarded;

mod authenticated;
pub(crate) mod credentials;
mod future;
pub(crate) mod policy;
mod stream;
#[cfg(test)]
mod tests;

pub use authenticated::Authenticated;
use future::Held;
pub use future::ResponseFuture;
use policy::Policy;
pub use policy::{AuthConfigError, InvalidCookie, Mode, Revocation, Sources};
pub use stream::{SessionEnded, StreamGuard};

/// Layer that applies [`JwtCookie`], for custom claims `C`.
///
/// See the [module docs](self) for an example.
#[must_use]
pub struct JwtCookieAuthLayer<C = ()> {
    reader: CachedReader<C>,
    policy: Arc<Policy>,
    respond: SharedRespond,
}

impl<C: DeserializeOwned> JwtCookieAuthLayer<C> {
    /// Requires a token that `reader` accepts, from the cookie `__Host-access_token` or, without
    /// one, from the `Authorization` header. Nothing is asked about revocation yet.
    pub fn new(reader: TokenReader) -> Self {
        Self {
            reader: CachedReader::new(reader),
            policy: Arc::new(Policy::default()),
            respond: SharedRespond::default(),
        }
    }

    /// Verifies with `reader`, which may be shared with other layers or remember nothing.
    pub fn with_reader(self, reader: CachedReader<C>) -> Self {
        Self { reader, ..self }
    }
}

impl<C> JwtCookieAuthLayer<C> {
    /// Looks for the token in other places, or in another order.
    pub fn with_sources(self, sources: Sources) -> Self {
        self.change(|policy| policy.sources = sources)
    }

    /// Lets requests without a credential pass, or not.
    pub fn with_mode(self, mode: Mode) -> Self {
        self.change(|policy| policy.mode = mode)
    }

    /// Decides what an invalid cookie does to a request that also has a Bearer token.
    pub fn with_invalid_cookie(self, invalid_cookie: InvalidCookie) -> Self {
        self.change(|policy| policy.invalid_cookie = invalid_cookie)
    }

    /// Reads the access token from the cookie `access`, and keeps the cookie `refresh` from
    /// whatever is behind this layer.
    ///
    /// # Errors
    ///
    /// [`AuthConfigError`] for a name that no cookie can have, and for one name twice.
    pub fn with_cookie_names(
        self,
        access: impl Into<String>,
        refresh: impl Into<String>,
    ) -> Result<Self, AuthConfigError> {
        let (access, refresh) = policy::cookie_names(access.into(), refresh.into())?;
        Ok(self.change(|policy| {
            policy.access_cookie = access;
            policy.refresh_cookie = refresh;
        }))
    }

    /// Asks `revocation` about every verified token.
    ///
    /// # Errors
    ///
    /// [`AuthConfigError`] when streams are guarded and `revocation` is not
    /// [`Revocation::Local`].
    pub fn with_revocation(self, revocation: Revocation) -> Result<Self, AuthConfigError> {
        if self.policy.guard.is_some() {
            policy::check_guardable(&revocation)?;
        }
        Ok(self.change(|policy| policy.revocation = revocation))
    }

    /// Ends streaming responses when their session does, and gives handlers [`SessionEnded`].
    ///
    /// # Errors
    ///
    /// [`AuthConfigError`] unless [`with_revocation`](Self::with_revocation) has set
    /// [`Revocation::Local`] before, with a store that is told of revocations as they happen.
    pub fn with_stream_guard(self, guard: StreamGuard) -> Result<Self, AuthConfigError> {
        policy::check_guardable(&self.policy.revocation)?;
        Ok(self.change(|policy| policy.guard = Some(guard)))
    }

    /// Reports refusals to `sink`, with their reason; of a token that was verified, also its user
    /// and its session.
    pub fn with_audit(self, sink: Arc<dyn AuditSink>) -> Self {
        self.change(|policy| policy.audit = Some(policy::Audit(sink)))
    }

    /// Tells the time by `clock`.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        self.change(|policy| policy.clock = clock)
    }

    /// Leaves cookies and `Authorization` as they are on requests that pass.
    ///
    /// # Security
    ///
    /// Every handler, every proxy client and every log behind this layer then holds live tokens.
    pub fn insecure_forward_tokens(self) -> Self {
        self.change(|policy| policy.forward_tokens = true)
    }

    /// Answers rejections with `respond` instead of
    /// [`Negotiate`](portcullis_core::respond::Negotiate).
    pub fn with_respond(self, respond: impl Respond + 'static) -> Self {
        Self {
            respond: SharedRespond::new(respond),
            ..self
        }
    }

    fn change(mut self, change: impl FnOnce(&mut Policy)) -> Self {
        change(Arc::make_mut(&mut self.policy));
        self
    }
}

impl<S, C> Layer<S> for JwtCookieAuthLayer<C> {
    type Service = JwtCookie<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        JwtCookie {
            inner,
            reader: self.reader.clone(),
            policy: self.policy.clone(),
            respond: self.respond.clone(),
        }
    }
}

/// Middleware that refuses requests without a valid access token.
///
/// See the [module docs](self) for an example.
pub struct JwtCookie<S, C = ()> {
    inner: S,
    reader: CachedReader<C>,
    policy: Arc<Policy>,
    respond: SharedRespond,
}

impl<S, C, ReqBody, ResBody> Service<Request<ReqBody>> for JwtCookie<S, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    C: DeserializeOwned + Send + Sync + 'static,
{
    type Response = Response<Guarded<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, ReqBody, ResBody, C>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let sender = match self.policy.authenticate(&self.reader, request.headers()) {
            Ok(sender) => sender,
            Err(rejection) => return self.refuse(rejection, None, &request),
        };
        let user = sender.user.as_ref();
        let answer = match self.policy.check_revoked(user).into_now() {
            Ok(answer) => answer,
            Err(check) => {
                let clone = self.inner.clone();
                let held = Held {
                    ready: mem::replace(&mut self.inner, clone),
                    request,
                    sender,
                    policy: self.policy.clone(),
                    respond: self.respond.clone(),
                };
                return ResponseFuture::checking(check, held);
            }
        };
        if let Err(rejection) = policy::revocation_verdict(&answer, user) {
            let claims = user.map(|user| user.claims().base());
            return self.refuse(rejection, claims, &request);
        }
        let watch = self.policy.admit(&mut request, sender);
        ResponseFuture::calling(self.inner.call(request), watch)
    }
}

impl<S: Clone, C> JwtCookie<S, C> {
    fn refuse<Q, F, B>(
        &mut self,
        rejection: Rejection,
        claims: Option<&Claims>,
        request: &Request<Q>,
    ) -> ResponseFuture<S, F, Q, B, C> {
        self.policy.report(rejection, claims);
        self.inner = self.inner.clone(); // gives back the permit that was polled for
        ResponseFuture::rejected(&self.respond, rejection, &RequestView::of(request))
    }
}

impl<C> Clone for JwtCookieAuthLayer<C> {
    fn clone(&self) -> Self {
        Self {
            reader: self.reader.clone(),
            policy: self.policy.clone(),
            respond: self.respond.clone(),
        }
    }
}

impl<C> fmt::Debug for JwtCookieAuthLayer<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtCookieAuthLayer")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl<S: Clone, C> Clone for JwtCookie<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            reader: self.reader.clone(),
            policy: self.policy.clone(),
            respond: self.respond.clone(),
        }
    }
}

impl<S: fmt::Debug, C> fmt::Debug for JwtCookie<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwtCookie")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

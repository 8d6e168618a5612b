//! Refuses forged cross-site requests, and gives pages the token that proves theirs.
//!
//! | request | outcome |
//! |---|---|
//! | authenticated by Bearer, or a safe method | passes |
//! | unsafe method, without proof | 403, a code for each reason |
//! | unsafe method, proved, token of Django's | passes, and gets a token signed for its session |
//! | WebSocket upgrade from a foreign origin | 403 |
//! | any, with a malformed token cookie | as above, and the cookie is replaced |
//!
//! The decision is [`CsrfPolicy::check`](policy::CsrfPolicy::check). Who is signed in, and by
//! cookie or Bearer, is read from the [`Identity`] that an authentication layer outside this one
//! leaves; without one, nobody is, and every unsafe request needs proof.
//!
//! # Example
//!
//! ```
//! # futures_executor();
//! # fn futures_executor() { tokio_test::block_on(async {
//! use http::{Request, Response};
//! use portcullis::{
//!     Secret,
//!     core::keys::{DerivedKey, Purpose},
//!     csrf::{CsrfLayer, policy::CsrfPolicy},
//! };
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let key = DerivedKey::from_secret(Purpose::Csrf, &Secret::random(32)?)?;
//! let policy = CsrfPolicy::new(key).add_own_origin("https://chat.example".parse()?);
//! let service = ServiceBuilder::new()
//!     .layer(CsrfLayer::new(policy))
//!     .service(service_fn(|_: Request<String>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
//!     }));
//!
//! let read = Request::get("/").body(String::new())?;
//! assert_eq!(service.clone().oneshot(read).await?.status(), 200);
//!
//! let forged = Request::post("/").header("origin", "https://evil.example").body(String::new())?;
//! let refused = service.oneshot(forged).await?;
//! assert_eq!(refused.status(), 403);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap() }
//! ```
//!
//! Beside Django, with its cookie, for a frontend on another host, with a token for pages:
//!
//! ```
//! use portcullis::{
//!     Secret,
//!     core::{client::ClientPolicy, cookie::CookieSpec, keys::{DerivedKey, Purpose}},
//!     csrf::{CsrfLayer, policy::CsrfPolicy},
//!     respond::ProblemJson,
//! };
//!
//! let secret = Secret::new(*b"an example of thirty-two bytes!!");
//! let key = DerivedKey::from_secret(Purpose::Csrf, &secret)?;
//! let policy = CsrfPolicy::new(key)
//!     .add_own_origin("https://chat.example".parse()?)
//!     .add_trusted_origin("https://app.example")?
//!     .with_cookie(CookieSpec::new("csrftoken")?);
//! assert!(policy.clone().add_trusted_origin("app.example").is_err(), "no scheme");
//!
//! let layer = CsrfLayer::new(policy)
//!     .with_client_policy(ClientPolicy::direct())
//!     .with_token_handle()
//!     .with_respond(ProblemJson);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Deployment
//!
//! Without configured origins our own is computed from scheme and `Host`. A proxy must then pass
//! `Host` on and be declared in the [`ClientPolicy`], and an
//! [`AllowedHostsLayer`](crate::allowed_hosts) should stand outside: the client writes `Host`.
//!
//! # Django
//!
//! `CsrfViewMiddleware` with `CSRF_TRUSTED_ORIGINS`, `CSRF_COOKIE_NAME`, `CSRF_HEADER_NAME`. The
//! form field `csrfmiddlewaretoken` needs the layer [`csrf_form`](crate::csrf_form) outside it.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Rejection,
    audit::AuditSink,
    client::ClientPolicy,
    clock::Clock,
    csrf::CsrfPolicy,
    respond::{RequestView, Respond, SharedRespond},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::guarded::Guarded;

mod exempt;
mod future;
mod handle;
mod shared;
#[cfg(test)]
mod tests;

pub use exempt::{CsrfExempt, CsrfExemptLayer, MarkExempt};
pub use future::ResponseFuture;
pub use handle::CsrfTokenHandle;
pub use portcullis_core::csrf as policy;
#[doc(no_inline)]
pub use portcullis_core::identity::Identity;

use shared::{Audit, Shared};

/// Layer that applies [`Csrf`].
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct CsrfLayer {
    shared: Arc<Shared>,
}

impl CsrfLayer {
    /// Enforces `policy`, answering rejections with [`Negotiate`](crate::respond::Negotiate).
    pub fn new(policy: CsrfPolicy) -> Self {
        Self {
            shared: Arc::new(Shared {
                policy,
                client: ClientPolicy::direct(),
                respond: SharedRespond::default(),
                audit: None,
                hands_out_tokens: false,
            }),
        }
    }

    /// Takes scheme and host from `client`, which knows the proxies in front.
    pub fn with_client_policy(self, client: ClientPolicy) -> Self {
        self.with(|shared| shared.client = client)
    }

    /// Answers rejections with `respond` instead.
    pub fn with_respond(self, respond: impl Respond + 'static) -> Self {
        self.with(|shared| shared.respond = SharedRespond::new(respond))
    }

    /// Reports refusals, and what would be refused in report-only mode, to `sink`.
    pub fn with_audit(self, sink: Arc<dyn AuditSink>, clock: Arc<dyn Clock>) -> Self {
        self.with(|shared| shared.audit = Some(Audit { sink, clock }))
    }

    /// Puts a [`CsrfTokenHandle`] into every request's extensions, for handlers that render forms.
    ///
    /// It costs three small allocations a request; without it a request that passes costs none.
    pub fn with_token_handle(self) -> Self {
        self.with(|shared| shared.hands_out_tokens = true)
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }
}

impl<S> Layer<S> for CsrfLayer {
    type Service = Csrf<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Csrf {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Middleware that refuses forged cross-site requests.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
pub struct Csrf<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Csrf<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<Guarded<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match Shared::decide(&self.shared, &RequestView::of(&request)) {
            Ok(after) => {
                if let Some(handle) = after.as_ref().and_then(|after| after.handle()) {
                    request.extensions_mut().insert(handle.clone());
                }
                ResponseFuture::passed(self.inner.call(request), after)
            }
            Err(refused) => {
                // The clone gives back the permit that was polled for.
                self.inner = self.inner.clone();
                let rejection = Rejection::Csrf(refused.rejection());
                let view = RequestView::of(&request);
                let mut response = self.shared.respond.refuse(rejection, &view);
                refused.apply(&self.shared.policy, &mut response);
                ResponseFuture::rejected(response.map(Guarded::refusal))
            }
        }
    }
}

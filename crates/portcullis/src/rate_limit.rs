//! Refuses requests above their quotas.
//!
//! | request | outcome |
//! |---|---|
//! | within every limit that applies | charged to all of them, passes |
//! | above one | charged to none, 429 with `Retry-After` of at least 1 |
//! | under no rule | passes, no store is asked |
//! | without an address, where a rule counts by address | 503: the server is set up wrongly |
//! | while the store cannot decide | as [`OnStoreFailure`](limit::OnStoreFailure) says |
//!
//! Several limits are one decision of the [`Limiter`]. A rule that counts failures only charges
//! before the handler runs and refunds when the response turns out to be a success, so that
//! parallel guesses cannot all pass the same check.
//!
//! # Example
//!
//! ```
//! # tokio_test::block_on(async {
//! use std::sync::Arc;
//! use http::{Request, Response};
//! use portcullis::{
//!     Secret,
//!     core::{
//!         client::{ClientPolicy, PeerAddr}, clock::SystemClock, keys::{DerivedKey, Purpose},
//!         memory::MemoryRateStore,
//!     },
//!     rate_limit::{RateLimitLayer, RateRule, limit::{Limit, Limiter, Quota}},
//! };
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let store = Arc::new(MemoryRateStore::new(Arc::new(SystemClock)));
//! let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::random(32)?)?;
//! let rule = RateRule::by_address(Limit::new("address", Quota::per_minute(1)?)?);
//! let limiter = Limiter::new(store, key);
//! let layer = RateLimitLayer::new(limiter, ClientPolicy::direct()).add_rule(rule)?;
//!
//! let hello = service_fn(|_: Request<String>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
//! });
//! let service = ServiceBuilder::new().layer(layer).service(hello);
//! let request = || {
//!     let mut request = Request::new(String::new());
//!     request.extensions_mut().insert(PeerAddr::from(([192, 0, 2, 7], 50_000)));
//!     request
//! };
//! assert_eq!(service.clone().oneshot(request()).await?.status(), 200);
//! let refused = service.oneshot(request()).await?;
//! assert_eq!(refused.status(), 429);
//! assert_eq!(refused.headers()["retry-after"], "60");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Stricter on one route, by user elsewhere, with a second limit for whoever rotates through the
//! networks of a site, and header fields that say what is left:
//!
//! ```
//! # use std::sync::Arc;
//! # use portcullis::{Secret, core::{clock::SystemClock, keys::{DerivedKey, Purpose}}};
//! # use portcullis::core::{client::ClientPolicy, memory::MemoryRateStore};
//! # use portcullis::rate_limit::{RateLimitLayer, RateRule, limit::{Limit, Limiter, Quota}};
//! # let store = Arc::new(MemoryRateStore::new(Arc::new(SystemClock)));
//! # let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::random(32)?)?;
//! use http::Method;
//! use std::time::Duration;
//!
//! let address = Limit::new("address", Quota::per_second(50)?)?.exposed();
//! let site = Limit::new("site", Quota::per_second(400)?)?;
//! let user = Limit::new("user", Quota::per_minute(600)?)?;
//! let login = Limit::new("login", Quota::strict(5, Duration::from_secs(900))?)?;
//!
//! let proxies = ClientPolicy::direct().add_trusted_proxy("10.0.0.0/8".parse()?);
//! let layer = RateLimitLayer::new(Limiter::new(store, key), proxies)
//!     .add_rule(RateRule::by_address(address))?
//!     .add_rule(RateRule::by_wide_network(site))?
//!     .add_rule(RateRule::by_subject(user))?
//!     .add_rule(
//!         RateRule::by_address(login.clone())
//!             .on([Method::POST], "/api/login/", login)?
//!             .nowhere_else()
//!             .failures_only(),
//!     )?
//!     .with_rate_limit_fields();
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # Deployment
//!
//! The server has to say who the peer is: [`PeerAddr`](portcullis_core::client::PeerAddr), or
//! [`ClientPolicy::with_peer_from`]. Behind a proxy that is not declared everyone shares the
//! proxy's limits; behind `0.0.0.0/0` everyone would choose an address, so that is refused.
//!
//! # Django
//!
//! Django has no rate limits; django-ratelimit and REST framework's throttles count in fixed
//! windows, and charge what they refuse.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    audit::AuditSink,
    client::ClientPolicy,
    clock::Clock,
    rate::Limiter,
    respond::{RequestView, Respond, SharedRespond},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::guarded::Guarded;

mod fields;
mod future;
mod matched;
mod rule;
mod shared;
#[cfg(test)]
mod tests;

pub use future::ResponseFuture;
#[doc(no_inline)]
pub use portcullis_core::rate as limit;
pub use rule::{RateRule, TooManyRules};
pub use shared::{Attempt, MissingPeerAddr};

use shared::{Audit, Settled, Shared};

/// Layer that applies [`RateLimit`].
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct RateLimitLayer {
    shared: Arc<Shared>,
}

impl RateLimitLayer {
    /// Asks `limiter`, and finds the client by `client`; without a rule everything passes.
    pub fn new(limiter: Limiter, client: ClientPolicy) -> Self {
        Self {
            shared: Arc::new(Shared::new(limiter, client)),
        }
    }

    /// Applies `rule` too.
    ///
    /// # Errors
    ///
    /// [`TooManyRules`] above [`MAX_CHARGES`](limit::MAX_CHARGES), as many as one decision takes.
    pub fn add_rule(self, rule: RateRule) -> Result<Self, TooManyRules> {
        let mut fits = true;
        let layer = self.with(|shared| fits = shared.add_rule(rule));
        if fits { Ok(layer) } else { Err(TooManyRules) }
    }

    /// Answers refusals with `respond` instead of [`Negotiate`](crate::respond::Negotiate).
    pub fn with_respond(self, respond: impl Respond + 'static) -> Self {
        self.with(|shared| shared.respond = SharedRespond::new(respond))
    }

    /// Sends `RateLimit-Policy` and `RateLimit` for limits that are
    /// [exposed](limit::Limit::exposed), as draft-ietf-httpapi-ratelimit-headers-10 has them.
    ///
    /// The draft may still change. While the store cannot decide, nothing is said.
    pub fn with_rate_limit_fields(self) -> Self {
        self.with(|shared| shared.sends_fields = true)
    }

    /// Tells failures from successes by `classify`, for rules that count
    /// [failures only](RateRule::failures_only).
    ///
    /// Unless told otherwise, 2xx and 3xx are successes, but for a gRPC status other than 0. An
    /// [`Attempt`] among the response's extensions overrides both.
    pub fn with_classify(
        self,
        classify: impl Fn(http::StatusCode, &http::HeaderMap) -> Attempt + Send + Sync + 'static,
    ) -> Self {
        self.with(|shared| shared.classify = Arc::new(classify))
    }

    /// Reports refusals, also those that a shadow limit would make, to `sink`.
    pub fn with_audit(self, sink: Arc<dyn AuditSink>, clock: Arc<dyn Clock>) -> Self {
        self.with(|shared| shared.audit = Some(Audit { sink, clock }))
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        let shared = Arc::make_mut(&mut self.shared);
        change(shared);
        shared.prepare();
        self
    }
}

impl<S> Layer<S> for RateLimitLayer {
    type Service = RateLimit<S>;

    fn layer(&self, inner: S) -> RateLimit<S> {
        RateLimit {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Middleware that refuses requests above their quotas.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
pub struct RateLimit<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for RateLimit<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<Guarded<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let view = RequestView::of(&request);
        match self.shared.decide(&view) {
            Some(Ok(())) => return ResponseFuture::calling(self.inner.call(request), None),
            Some(Err(above)) => {
                let response = self.shared.refuse_above(&above, request);
                self.inner = self.inner.clone(); // gives back the permit that was polled for
                return ResponseFuture::refused(response);
            }
            None => {}
        }
        let (check, matched) = match self.shared.reserve(&view) {
            Ok(decision) => decision,
            Err(missing) => {
                let response = self.shared.refuse_missing(missing, &view);
                self.inner = self.inner.clone(); // as above
                return ResponseFuture::refused(response);
            }
        };
        match check.into_now() {
            Ok(outcome) => match self.shared.settle(&matched, outcome, &view) {
                Settled::Call(after) => ResponseFuture::calling(self.inner.call(request), after),
                Settled::Refuse(response) => {
                    self.inner = self.inner.clone(); // as above
                    ResponseFuture::refused(response)
                }
            },
            Err(pending) => {
                let clone = self.inner.clone();
                let ready = std::mem::replace(&mut self.inner, clone);
                ResponseFuture::checking(pending, ready, request, self.shared.clone(), matched)
            }
        }
    }
}

//! Refuses authenticated requests that lack a role, a scope, or whatever a predicate asks.
//!
//! | request | outcome |
//! |---|---|
//! | authenticated, and the predicate says yes | passes |
//! | authenticated, and the predicate says no | 403 |
//! | not authenticated | 401 |
//!
//! # Example
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! use http::{Request, Response};
//! use portcullis::{jwt_cookie::Authenticated, require::RequireLayer};
//! use serde::Deserialize;
//! use tower::{Layer, ServiceExt, service_fn};
//!
//! #[derive(Deserialize)]
//! struct Roles {
//!     roles: Vec<String>,
//! }
//!
//! let staff = RequireLayer::new(|user: &Authenticated<Roles>| {
//!     user.custom().roles.iter().any(|role| role == "staff")
//! });
//! let service = staff.layer(service_fn(|_: Request<()>| async {
//!     Ok::<_, std::convert::Infallible>(Response::new(String::new()))
//! }));
//!
//! // Behind no authentication layer nobody is authenticated.
//! let refused = service.oneshot(Request::new(())).await.unwrap();
//! assert_eq!(refused.status(), 401);
//! # });
//! ```

use std::{
    fmt,
    marker::PhantomData,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Rejection,
    rejection::AuthReason,
    respond::{RequestView, Respond, SharedRespond},
};
use tower_layer::Layer;
use tower_service::Service;

pub use crate::gate::ResponseFuture;
use crate::{guarded::Guarded, jwt_cookie::Authenticated};

#[cfg(test)]
mod tests;

/// Layer that applies [`Require`].
///
/// See the [module docs](self) for an example.
#[must_use]
pub struct RequireLayer<P, C = ()> {
    predicate: Arc<P>,
    respond: SharedRespond,
    claims: PhantomData<fn(C)>,
}

impl<P, C> RequireLayer<P, C>
where
    P: Fn(&Authenticated<C>) -> bool,
{
    /// Lets requests pass whose sender `predicate` accepts.
    pub fn new(predicate: P) -> Self {
        Self {
            predicate: Arc::new(predicate),
            respond: SharedRespond::default(),
            claims: PhantomData,
        }
    }
}

impl<P, C> RequireLayer<P, C> {
    /// Answers rejections with `respond` instead of
    /// [`Negotiate`](portcullis_core::respond::Negotiate).
    pub fn with_respond(self, respond: impl Respond + 'static) -> Self {
        Self {
            respond: SharedRespond::new(respond),
            ..self
        }
    }
}

impl<S, P, C> Layer<S> for RequireLayer<P, C> {
    type Service = Require<S, P, C>;

    fn layer(&self, inner: S) -> Self::Service {
        Require {
            inner,
            layer: self.clone(),
        }
    }
}

/// Middleware that refuses senders that its predicate does not accept.
///
/// See the [module docs](self) for an example.
pub struct Require<S, P, C = ()> {
    inner: S,
    layer: RequireLayer<P, C>,
}

impl<S, P, C, ReqBody, ResBody> Service<Request<ReqBody>> for Require<S, P, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
    P: Fn(&Authenticated<C>) -> bool,
    C: Send + Sync + 'static,
{
    type Response = Response<Guarded<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let rejection = match Authenticated::of(request.extensions()) {
            Some(user) if (self.layer.predicate)(&user) => {
                return ResponseFuture::passed(self.inner.call(request));
            }
            Some(_) => Rejection::Forbidden,
            None => Rejection::Authentication {
                reason: AuthReason::Missing,
                bearer: false,
            },
        };
        self.inner = self.inner.clone(); // gives back the permit that was polled for
        let refused = self
            .layer
            .respond
            .refuse(rejection, &RequestView::of(&request));
        ResponseFuture::rejected(refused.map(Guarded::refusal))
    }
}

impl<P, C> Clone for RequireLayer<P, C> {
    fn clone(&self) -> Self {
        Self {
            predicate: self.predicate.clone(),
            respond: self.respond.clone(),
            claims: PhantomData,
        }
    }
}

impl<P, C> fmt::Debug for RequireLayer<P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequireLayer")
    }
}

impl<S: Clone, P, C> Clone for Require<S, P, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            layer: self.layer.clone(),
        }
    }
}

impl<S: fmt::Debug, P, C> fmt::Debug for Require<S, P, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Require")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

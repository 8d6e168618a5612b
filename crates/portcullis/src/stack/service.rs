//! The services of the stack and their futures: one name, and one body type, for all the layers.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use serde::de::DeserializeOwned;
use tower_service::Service;

use super::{Inner, Outer};
use crate::{
    csrf::{self, Csrf},
    gate,
    guarded::Guarded,
    jwt_cookie,
    rate_limit::{self, RateLimit},
    security_headers,
};

// The bodies of one, two, … gates, and the futures, from the inside out.
type One<B> = Guarded<B>;
type Two<B> = Guarded<One<B>>;
type Three<B> = Guarded<Two<B>>;
type BySubject<S, F, Q, B> = rate_limit::ResponseFuture<S, F, Q, B>;
type Forgery<S, F, Q, B> = csrf::ResponseFuture<BySubject<S, F, Q, B>, One<B>>;
type Authentication<S, F, Q, B, C> =
    jwt_cookie::ResponseFuture<Csrf<RateLimit<S>>, Forgery<S, F, Q, B>, Q, Two<B>, C>;
type Limited<S, F, Q, B> = rate_limit::ResponseFuture<S, F, Q, B>;
type Redirected<S, F, Q, B> = gate::ResponseFuture<Limited<S, F, Q, B>, One<B>>;
type Surrounded<S, F, Q, B> =
    security_headers::ResponseFuture<gate::ResponseFuture<Redirected<S, F, Q, B>, Two<B>>>;

/// Middleware that applies the whole stack.
///
/// See the [module docs](super) for an example.
pub struct Portcullis<S = (), C = ()> {
    inner: Outer<Inner<S, C>>,
}

impl<S, C> Portcullis<S, C> {
    pub(super) fn new(inner: Outer<Inner<S, C>>) -> Self {
        Self { inner }
    }
}

impl<S, C, ReqBody, ResBody> Service<Request<ReqBody>> for Portcullis<S, C>
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

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        ResponseFuture {
            inner: self.inner.call(request),
        }
    }
}

impl<S: Clone, C> Clone for Portcullis<S, C> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
        }
    }
}

impl<S, C> fmt::Debug for Portcullis<S, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Portcullis").finish_non_exhaustive()
    }
}

pin_project! {
    /// Response future for [`Portcullis`].
    pub struct ResponseFuture<S, F, ReqBody, ResBody, C = ()> {
        #[pin]
        inner: Surrounded<
            Inner<S, C>,
            Authentication<S, F, ReqBody, ResBody, C>,
            ReqBody,
            Three<ResBody>,
        >,
    }
}

impl<S, F, ReqBody, ResBody, C, E> Future for ResponseFuture<S, F, ReqBody, ResBody, C>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error = E, Future = F> + Clone,
    F: Future<Output = Result<Response<ResBody>, E>>,
    C: DeserializeOwned + Send + Sync + 'static,
{
    type Output = Result<Response<Guarded<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().inner.poll(cx).map_ok(|response| {
            response.map(|body| body.flatten().flatten().flatten().flatten().flatten())
        })
    }
}

impl<S, F, ReqBody, ResBody, C> fmt::Debug for ResponseFuture<S, F, ReqBody, ResBody, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

/// Middleware that applies what every response of the stack goes through, without authentication.
///
/// See the [module docs](super) for an example.
#[derive(Clone)]
pub struct Public<S> {
    inner: Outer<S>,
}

impl<S> Public<S> {
    pub(super) fn new(inner: Outer<S>) -> Self {
        Self { inner }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Public<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<Guarded<ResBody>>;
    type Error = S::Error;
    type Future = PublicFuture<S, S::Future, ReqBody, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        PublicFuture {
            inner: self.inner.call(request),
        }
    }
}

impl<S> fmt::Debug for Public<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Public").finish_non_exhaustive()
    }
}

pin_project! {
    /// Response future for [`Public`].
    pub struct PublicFuture<S, F, ReqBody, ResBody> {
        #[pin]
        inner: Surrounded<S, F, ReqBody, ResBody>,
    }
}

impl<S, F, ReqBody, ResBody, E> Future for PublicFuture<S, F, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error = E, Future = F> + Clone,
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = Result<Response<Guarded<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let nested = self.project().inner.poll(cx);
        nested.map_ok(|response| response.map(|body| body.flatten().flatten()))
    }
}

impl<S, F, ReqBody, ResBody> fmt::Debug for PublicFuture<S, F, ReqBody, ResBody> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublicFuture").finish_non_exhaustive()
    }
}

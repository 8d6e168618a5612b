//! Gives every response the security headers that its handler did not set.
//!
//! | response | outcome |
//! |---|---|
//! | any status, `404` and `500` included | the headers of the policy |
//! | with a header of the handler's own | that header stays |
//! | to a plain-http request | no HSTS, no `upgrade-insecure-requests` |
//! | of a handler that asked for the nonce | the policy carries it, and caches are kept out |
//!
//! # Example
//!
//! ```
//! # tokio_test::block_on(async {
//! use http::{Request, Response};
//! use portcullis::security_headers::{HeaderPolicy, SecurityHeadersLayer};
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let service = ServiceBuilder::new()
//!     .layer(SecurityHeadersLayer::new(HeaderPolicy::api()))
//!     .service(service_fn(|_: Request<()>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new("hello"))
//!     }));
//! let response = service.oneshot(Request::get("/").body(())?).await?;
//! assert_eq!(response.headers()["x-content-type-options"], "nosniff");
//! assert!(!response.headers().contains_key("strict-transport-security"), "plain http");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Pages with scripts by nonce, violations reported, TLS ended here:
//!
//! ```
//! # tokio_test::block_on(async {
//! use http::{Request, Response};
//! use portcullis::{
//!     core::{client::ClientPolicy, origin::Scheme},
//!     security_headers::{Csp, CspNonce, Directive, HeaderPolicy, SecurityHeadersLayer, Source},
//! };
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let csp = Csp::strict()
//!     .with(Directive::ImgSrc, [Source::SELF, Source::host("https://cdn.example")?])?
//!     .with_report_to("csp")?;
//! let policy = HeaderPolicy::strict()
//!     .add_reporting_endpoint("csp", "/csp-report")?
//!     .with_csp(&csp)?;
//! assert!(Source::host("https://cdn.example;").is_err(), "one directive cannot begin another");
//!
//! let page = service_fn(|request: Request<()>| async move {
//!     let nonce = request.extensions().get::<CspNonce>().expect("the policy has a place for it");
//!     let script = format!("<script nonce={}>hello()</script>", nonce.get().unwrap().as_str());
//!     Ok::<_, std::convert::Infallible>(Response::new(script))
//! });
//! let tls = ClientPolicy::direct().with_direct_scheme(Scheme::Https);
//! let layer = SecurityHeadersLayer::new(policy).with_client_policy(tls);
//! let response = ServiceBuilder::new().layer(layer).service(page)
//!     .oneshot(Request::get("/").body(())?).await?;
//! assert_eq!(response.headers()["cache-control"], "private, no-store");
//! assert!(response.headers().contains_key("strict-transport-security"));
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Deployment
//!
//! Put it outside everything that answers by itself, so that refusals have the headers too. Behind
//! a proxy that ends TLS, declare it, or HSTS is never sent.
//!
//! # Django
//!
//! `SecurityMiddleware`, `XFrameOptionsMiddleware` and Django 6 `ContentSecurityPolicyMiddleware`:
//! [`HeaderPolicy::django`].

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use portcullis_core::{
    client::ClientPolicy, headers::PreparedHeaders, origin::Scheme, respond::RequestView,
};
use tower_layer::Layer;
use tower_service::Service;

mod nonce;
#[cfg(test)]
mod tests;

pub use nonce::CspNonce;
pub use portcullis_core::headers::{
    ClearSiteData, Csp, Directive, EmbedderPolicy, FrameOptions, HeaderConfigError, HeaderPolicy,
    Hsts, Nonce, OpenerPolicy, PermissionsPolicy, ReferrerPolicy, ResourcePolicy, Sandbox, Source,
};

#[derive(Clone, Debug)]
struct Shared {
    headers: PreparedHeaders,
    client: ClientPolicy,
}

/// Layer that applies [`SecurityHeaders`].
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct SecurityHeadersLayer {
    shared: Arc<Shared>,
}

impl SecurityHeadersLayer {
    /// Gives responses the headers of `policy`.
    pub fn new(policy: HeaderPolicy) -> Self {
        Self {
            shared: Arc::new(Shared {
                headers: policy.into(),
                client: ClientPolicy::direct(),
            }),
        }
    }

    /// Takes the scheme from `client`, which knows the proxies in front.
    pub fn with_client_policy(mut self, client: ClientPolicy) -> Self {
        Arc::make_mut(&mut self.shared).client = client;
        self
    }
}

impl<S> Layer<S> for SecurityHeadersLayer {
    type Service = SecurityHeaders<S>;

    fn layer(&self, inner: S) -> Self::Service {
        SecurityHeaders {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Middleware that adds security headers.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
pub struct SecurityHeaders<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for SecurityHeaders<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let shared = self.shared.clone();
        let scheme = shared.client.scheme(&RequestView::of(&request));
        let nonce = shared.headers.policy().wants_nonce().then(|| {
            // An outer layer of this kind has left one: pages know of one nonce only.
            let extensions = request.extensions_mut();
            extensions.get_or_insert_with(CspNonce::new).clone()
        });
        ResponseFuture {
            inner: self.inner.call(request),
            shared,
            scheme,
            nonce,
        }
    }
}

pin_project! {
    /// Response future for [`SecurityHeaders`].
    #[derive(Debug)]
    pub struct ResponseFuture<F> {
        #[pin]
        inner: F,
        shared: Arc<Shared>,
        scheme: Scheme,
        nonce: Option<CspNonce>,
    }
}

impl<F, B, E> Future for ResponseFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<B>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = ready!(this.inner.poll(cx))?;
        let status = response.status();
        let nonce = this.nonce.as_ref().and_then(CspNonce::drawn);
        this.shared
            .headers
            .apply(response.headers_mut(), status, *this.scheme, nonce);
        Poll::Ready(Ok(response))
    }
}

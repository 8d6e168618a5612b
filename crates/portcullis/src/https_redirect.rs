//! Sends plain-http requests to https.
//!
//! | request over plain http | outcome |
//! |---|---|
//! | `GET`, `HEAD`, `OPTIONS`, `TRACE` | 308 to the same path on the validated host |
//! | any other method | 403 `https_required`: its body has travelled in the clear already |
//! | a host that is not ours | 400 |
//! | an exempt path, as a load balancer's health check | passes |
//!
//! # Example
//!
//! ```
//! # tokio_test::block_on(async {
//! use http::{Request, Response};
//! use portcullis::{allowed_hosts::AllowedHosts, https_redirect::HttpsRedirectLayer};
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let layer = HttpsRedirectLayer::new(AllowedHosts::new().add_host("chat.example")?)
//!     .exempt_path("/healthz".parse()?);
//! let service = ServiceBuilder::new()
//!     .layer(layer)
//!     .service(service_fn(|_: Request<()>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
//!     }));
//!
//! let page = Request::get("/a?b=c").header("host", "chat.example").body(())?;
//! let sent = service.clone().oneshot(page).await?;
//! assert_eq!((sent.status().as_u16(), &sent.headers()["location"]),
//!     (308, &"https://chat.example/a?b=c".parse()?));
//!
//! let post = Request::post("/").header("host", "chat.example").body(())?;
//! assert_eq!(service.oneshot(post).await?.status(), 403);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Deployment
//!
//! Behind a proxy that ends TLS every request arrives over plain http: declare the proxy with
//! [`HttpsRedirectLayer::with_client_policy`], or the redirect goes round in circles.
//!
//! # Django
//!
//! `SECURE_SSL_REDIRECT`, `SECURE_SSL_HOST`, `SECURE_REDIRECT_EXEMPT`. Django sends a 301 for every
//! method, after which a browser repeats a `POST` as a `GET`.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use portcullis_core::{
    Rejection,
    client::ClientPolicy,
    hosts::AllowedHosts,
    origin::{Authority, Scheme},
    path::PathPattern,
    respond::{RequestView, Respond, SharedRespond},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::guarded::Guarded;

#[cfg(test)]
mod tests;

pub use crate::gate::ResponseFuture;

#[derive(Clone, Debug)]
struct Shared {
    hosts: AllowedHosts,
    port: u16,
    exempt: Vec<PathPattern>,
    client: ClientPolicy,
    respond: SharedRespond,
    redirects: bool,
}

/// Layer that sends plain-http requests to https.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct HttpsRedirectLayer {
    shared: Arc<Shared>,
}

impl HttpsRedirectLayer {
    /// Redirects requests for `hosts`, and to no other: `Host` is what the client says.
    pub fn new(hosts: AllowedHosts) -> Self {
        Self {
            shared: Arc::new(Shared {
                hosts,
                port: Scheme::Https.default_port(),
                exempt: Vec::new(),
                client: ClientPolicy::direct(),
                respond: SharedRespond::default(),
                redirects: true,
            }),
        }
    }

    /// Redirects to `port` instead of 443.
    pub fn with_port(self, port: u16) -> Self {
        self.with(|shared| shared.port = port)
    }

    /// Lets plain-http requests to `pattern` pass.
    pub fn exempt_path(self, pattern: PathPattern) -> Self {
        self.with(|shared| shared.exempt.push(pattern))
    }

    /// Takes scheme and host from `client`, which knows the proxies in front.
    pub fn with_client_policy(self, client: ClientPolicy) -> Self {
        self.with(|shared| shared.client = client)
    }

    /// Answers rejections with `respond` instead of [`Negotiate`](crate::respond::Negotiate).
    pub fn with_respond(self, respond: impl Respond + 'static) -> Self {
        self.with(|shared| shared.respond = SharedRespond::new(respond))
    }

    /// Lets every request pass: for a stack whose own origins are plain http.
    #[cfg(feature = "jwt")]
    pub(crate) fn switched_off(self) -> Self {
        self.with(|shared| shared.redirects = false)
    }

    fn with(mut self, change: impl FnOnce(&mut Shared)) -> Self {
        change(Arc::make_mut(&mut self.shared));
        self
    }
}

impl<S> Layer<S> for HttpsRedirectLayer {
    type Service = HttpsRedirect<S>;

    fn layer(&self, inner: S) -> Self::Service {
        HttpsRedirect {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Middleware that sends plain-http requests to https.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
pub struct HttpsRedirect<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl Shared {
    /// The answer to `request`, unless it may pass.
    fn answer(&self, request: &RequestView<'_>) -> Option<Response<Bytes>> {
        if !self.redirects || self.client.scheme(request) == Scheme::Https {
            return None;
        }
        let exempt = |pattern: &PathPattern| pattern.matches(request.uri.path());
        if self.exempt.iter().any(exempt) {
            return None;
        }
        let client = self.client.client(request);
        let rejection = match self.hosts.check(request, &client) {
            Err(reason) => Rejection::Host(reason),
            Ok(host) if is_safe(request.method) => return Some(self.redirect(&host, request)),
            Ok(_) => Rejection::HttpsRequired,
        };
        Some(self.respond.refuse(rejection, request))
    }

    fn redirect(&self, host: &Authority<'_>, request: &RequestView<'_>) -> Response<Bytes> {
        let port = match self.port {
            443 => String::new(),
            port => format!(":{port}"),
        };
        let path = request
            .uri
            .path_and_query()
            .map(http::uri::PathAndQuery::as_str);
        let path = path.filter(|path| path.starts_with('/')).unwrap_or("/");
        let location = format!("https://{}{port}{path}", host.host());
        let Ok(location) = HeaderValue::try_from(location) else {
            return self.respond.refuse(Rejection::HttpsRequired, request);
        };
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = StatusCode::PERMANENT_REDIRECT;
        response.headers_mut().insert(header::LOCATION, location);
        response
    }
}

fn is_safe(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE
    )
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for HttpsRedirect<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone,
{
    type Response = Response<Guarded<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, ResBody>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        let Some(response) = self.shared.answer(&RequestView::of(&request)) else {
            return ResponseFuture::passed(self.inner.call(request));
        };
        // The clone gives back the permit that was polled for.
        self.inner = self.inner.clone();
        ResponseFuture::rejected(response.map(Guarded::refusal))
    }
}

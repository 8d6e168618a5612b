//! Reads the CSRF token from a form field and replays the body intact.
//!
//! | request | outcome |
//! |---|---|
//! | `POST` of a urlencoded or multipart form | its first 64 KiB are read, then it goes on whole |
//! | any other | goes on untouched |
//!
//! Put it outside the [`CsrfLayer`](crate::csrf::CsrfLayer), and only where HTML forms are posted
//! without script: it refuses nothing, but it waits for the start of a body that may then be
//! refused. Of a longer form, the field counts when it stands in the first 64 KiB, where Django's
//! template tag puts it.
//!
//! # Example
//!
//! ```
//! # tokio_test::block_on(async {
//! use bytes::Bytes;
//! use http::{Request, Response};
//! use http_body_util::{BodyExt as _, Full};
//! use portcullis::{
//!     Secret,
//!     core::keys::{DerivedKey, Purpose},
//!     csrf::{CsrfLayer, policy::{CsrfPolicy, SessionRef}},
//!     csrf_form::{CsrfFormLayer, FormBody},
//! };
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let policy = CsrfPolicy::new(DerivedKey::from_secret(Purpose::Csrf, &Secret::random(32)?)?)
//!     .add_own_origin("https://chat.example".parse()?);
//! let token = policy.issue(SessionRef::Anonymous)?;
//! let service = ServiceBuilder::new()
//!     .layer(CsrfFormLayer::new())
//!     .layer(CsrfLayer::new(policy))
//!     .service(service_fn(|request: Request<FormBody<Full<Bytes>, _>>| async {
//!         let body = request.into_body().collect().await?.to_bytes();
//!         Ok::<_, std::convert::Infallible>(Response::new(Full::new(body)))
//!     }));
//!
//! let form = format!("text=hello&csrfmiddlewaretoken={}", token.masked()?);
//! let post = |cookie: &str| {
//!     Request::post("/")
//!         .header("origin", "https://chat.example")
//!         .header("cookie", format!("__Host-csrftoken={cookie}"))
//!         .header("content-type", "application/x-www-form-urlencoded")
//!         .body(Full::new(Bytes::from(form.clone())))
//! };
//! let response = service.clone().oneshot(post(token.as_str())?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), form, "replayed intact");
//!
//! let planted = "ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";
//! assert_eq!(service.oneshot(post(planted)?).await?.status(), 403);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Django
//!
//! `request.POST["csrfmiddlewaretoken"]`, before the header, of `POST` alone.

use std::{
    mem,
    task::{Context, Poll},
};

use bytes::{Buf, Bytes};
use http::{Method, Request};
use http_body::Body;
use portcullis_core::csrf::CsrfFormType;
use tower_layer::Layer;
use tower_service::Service;

mod body;
mod future;
#[cfg(test)]
mod tests;

pub use body::FormBody;
pub use future::ResponseFuture;

/// Layer that applies [`CsrfForm`].
///
/// See the [module docs](self) for an example.
#[derive(Clone, Copy, Debug, Default)]
#[must_use]
pub struct CsrfFormLayer(());

impl CsrfFormLayer {
    /// Reads the field `csrfmiddlewaretoken`.
    pub const fn new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for CsrfFormLayer {
    type Service = CsrfForm<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CsrfForm { inner }
    }
}

/// Middleware that reads the CSRF token of forms.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Copy, Debug)]
pub struct CsrfForm<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for CsrfForm<S>
where
    S: Service<Request<FormBody<B, B::Error>>> + Clone,
    B: Body,
    B::Data: Buf + From<Bytes>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = ResponseFuture<S, S::Future, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let form = (*request.method() == Method::POST)
            .then(|| CsrfFormType::of(request.headers()))
            .flatten();
        let Some(form) = form else {
            return ResponseFuture::calling(self.inner.call(request.map(FormBody::untouched)));
        };
        // The service that was polled ready is the one that will be called.
        let clone = self.inner.clone();
        let ready = mem::replace(&mut self.inner, clone);
        ResponseFuture::reading(form, ready, request)
    }
}

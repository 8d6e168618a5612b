//! Refuses requests for hosts that are not ours.
//!
//! | request | outcome |
//! |---|---|
//! | names a host on the list, whatever its port | passes |
//! | names another | 400 `host_not_allowed` |
//! | names none, a malformed one, several, or `:authority` and `Host` that differ | 400 |
//!
//! # Example
//!
//! ```
//! # tokio_test::block_on(async {
//! use http::{Request, Response};
//! use portcullis::allowed_hosts::{AllowedHosts, AllowedHostsLayer};
//! use tower::{ServiceBuilder, ServiceExt as _, service_fn};
//!
//! let hosts = AllowedHosts::new().add_host("chat.example")?.add_host(".example.com")?;
//! let service = ServiceBuilder::new()
//!     .layer(AllowedHostsLayer::new(hosts))
//!     .service(service_fn(|_: Request<()>| async {
//!         Ok::<_, std::convert::Infallible>(Response::new(String::from("hello")))
//!     }));
//!
//! let ours = Request::get("/").header("host", "chat.example").body(())?;
//! assert_eq!(service.clone().oneshot(ours).await?.status(), 200);
//! let rebound = Request::get("/").header("host", "evil.example").body(())?;
//! assert_eq!(service.oneshot(rebound).await?.status(), 400);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! Behind a proxy that names the host in `X-Forwarded-Host`, declare it:
//! [`AllowedHostsLayer::with_client_policy`].
//!
//! # Django
//!
//! `ALLOWED_HOSTS`, but for `*`, which is this layer left out, and a host's final dot, which Django
//! takes off.

use std::{
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Rejection,
    client::ClientPolicy,
    respond::{RequestView, Respond, SharedRespond},
};
use tower_layer::Layer;
use tower_service::Service;

use crate::guarded::Guarded;

#[cfg(test)]
mod tests;

pub use crate::gate::ResponseFuture;
pub use portcullis_core::hosts::{AllowedHosts, HostConfigError};

#[derive(Clone, Debug)]
struct Shared {
    hosts: AllowedHosts,
    client: ClientPolicy,
    respond: SharedRespond,
}

/// Layer that refuses requests for other hosts.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct AllowedHostsLayer {
    shared: Arc<Shared>,
}

impl AllowedHostsLayer {
    /// Lets requests for `hosts` pass, answering rejections with
    /// [`Negotiate`](crate::respond::Negotiate).
    pub fn new(hosts: AllowedHosts) -> Self {
        Self {
            shared: Arc::new(Shared {
                hosts,
                client: ClientPolicy::direct(),
                respond: SharedRespond::default(),
            }),
        }
    }

    /// Takes the host from `client`, which knows the proxies in front.
    pub fn with_client_policy(mut self, client: ClientPolicy) -> Self {
        Arc::make_mut(&mut self.shared).client = client;
        self
    }

    /// Answers rejections with `respond` instead.
    pub fn with_respond(mut self, respond: impl Respond + 'static) -> Self {
        Arc::make_mut(&mut self.shared).respond = SharedRespond::new(respond);
        self
    }
}

impl<S> Layer<S> for AllowedHostsLayer {
    type Service = CheckHost<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CheckHost {
            inner,
            shared: self.shared.clone(),
        }
    }
}

/// Middleware that refuses requests for other hosts.
///
/// See the [module docs](self) for an example.
#[derive(Clone, Debug)]
pub struct CheckHost<S> {
    inner: S,
    shared: Arc<Shared>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for CheckHost<S>
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
        let view = RequestView::of(&request);
        let client = self.shared.client.client_without_address(&view);
        let Err(reason) = self.shared.hosts.check(&view, &client) else {
            return ResponseFuture::passed(self.inner.call(request));
        };
        // The clone gives back the permit that was polled for.
        self.inner = self.inner.clone();
        let response = self.shared.respond.refuse(Rejection::Host(reason), &view);
        ResponseFuture::rejected(response.map(Guarded::refusal))
    }
}

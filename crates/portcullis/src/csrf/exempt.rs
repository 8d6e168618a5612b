//! The marker that exempts what stands inside it.

use std::task::{Context, Poll};

use http::Request;
use tower_layer::Layer;
use tower_service::Service;

/// Marks a request as exempt from the check of the [`CsrfLayer`](super::CsrfLayer) inside.
///
/// [`CsrfExemptLayer`] leaves it in the request's extensions.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct CsrfExempt;

/// Layer that exempts the services behind it: put it outside the [`CsrfLayer`](super::CsrfLayer),
/// round the routes meant.
///
/// Login, refresh and logout of the rotation service check for themselves and are not affected.
///
/// # Example
///
/// ```
/// use http::Request;
/// use portcullis::csrf::{CsrfExempt, CsrfExemptLayer};
/// use tower_layer::Layer as _;
/// use tower_service::Service as _;
///
/// let handler = tower::service_fn(|request: Request<()>| async move {
///     Ok::<_, std::convert::Infallible>(request.extensions().get::<CsrfExempt>().is_some())
/// });
/// let mut exempt = CsrfExemptLayer::insecure_new().layer(handler);
/// assert!(tokio_test::block_on(exempt.call(Request::new(()))).unwrap());
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct CsrfExemptLayer(());

impl CsrfExemptLayer {
    /// Exempts every request that goes through.
    ///
    /// # Security
    ///
    /// Nothing behind it may act on a cookie. Meant for signed webhooks.
    pub const fn insecure_new() -> Self {
        Self(())
    }
}

impl<S> Layer<S> for CsrfExemptLayer {
    type Service = MarkExempt<S>;

    fn layer(&self, inner: S) -> Self::Service {
        MarkExempt { inner }
    }
}

/// Middleware that marks requests as exempt.
#[derive(Clone, Copy, Debug)]
pub struct MarkExempt<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for MarkExempt<S>
where
    S: Service<Request<B>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        request.extensions_mut().insert(CsrfExempt);
        self.inner.call(request)
    }
}

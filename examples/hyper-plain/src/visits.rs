//! The application: a service that knows nothing of hyper, and of CSRF only how to show a token.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use portcullis::csrf::CsrfTokenHandle;
use tower::Service;

/// Counts its `POST` requests.
#[derive(Clone, Debug, Default)]
pub struct Visits(Arc<AtomicU64>);

impl<B> Service<Request<B>> for Visits {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (status, body) = match *request.method() {
            Method::GET => self.page(&request),
            Method::POST => {
                let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
                (StatusCode::OK, format!("{count} visits\n"))
            }
            _ => (StatusCode::METHOD_NOT_ALLOWED, "GET or POST\n".to_owned()),
        };
        let mut response = Response::new(Full::from(body));
        *response.status_mut() = status;
        let plain = header::HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, plain);
        ready(Ok(response))
    }
}

impl Visits {
    /// The count, and the token that the next `POST` has to carry as `X-CSRFToken`.
    fn page<B>(&self, request: &Request<B>) -> (StatusCode, String) {
        let handle = request.extensions().get::<CsrfTokenHandle>();
        match handle.map(CsrfTokenHandle::masked) {
            Some(Ok(token)) => {
                let count = self.0.load(Ordering::Relaxed);
                (StatusCode::OK, format!("{count} visits\ntoken: {token}\n"))
            }
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "no token\n".to_owned()),
        }
    }
}

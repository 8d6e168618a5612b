//! Sends requests through a service as often as asked, without a runtime.

use std::{
    convert::Infallible,
    future::{Future as _, Ready, ready},
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use axum::body::Body;
use http::{Request, Response, StatusCode};
use tower_service::Service;

/// A request of the benches: nothing measured here reads a body.
pub(crate) type Incoming = Request<()>;

/// Something that can be done again and again.
pub(crate) trait Work {
    /// Forgets what the last pass left behind; not measured.
    fn prepare(&mut self) {}

    /// Does it `count` times.
    fn run(&mut self, count: usize);
}

impl<F: FnMut()> Work for F {
    fn run(&mut self, count: usize) {
        for _ in 0..count {
            self();
        }
    }
}

/// A handler that answers at once, without allocating.
#[derive(Clone)]
pub(crate) struct Handler;

impl Service<Incoming> for Handler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Incoming) -> Self::Future {
        drop(black_box(request));
        ready(Ok(Response::new(Body::empty())))
    }
}

/// Clones each request in turn and sends it through one service.
pub(crate) struct Sending<S> {
    service: S,
    rebuild: Option<Box<dyn FnMut() -> S>>,
    requests: Vec<Incoming>,
    want: StatusCode,
}

impl<S> Sending<S> {
    /// Sends `requests` through `service`, which answers each with `want`.
    pub(crate) const fn new(service: S, requests: Vec<Incoming>, want: StatusCode) -> Self {
        Self {
            service,
            rebuild: None,
            requests,
            want,
        }
    }

    /// Sends `requests` through a service that `build` makes anew before each pass, so that every
    /// request is new to it. A pass must not be longer than `requests`.
    pub(crate) fn anew(mut build: impl FnMut() -> S + 'static, requests: Vec<Incoming>) -> Self {
        Self {
            service: build(),
            rebuild: Some(Box::new(build)),
            requests,
            want: StatusCode::OK,
        }
    }
}

impl<S, B> Work for Sending<S>
where
    S: Service<Incoming, Response = Response<B>, Error = Infallible>,
{
    fn prepare(&mut self) {
        if let Some(build) = &mut self.rebuild {
            self.service = build();
        }
    }

    fn run(&mut self, count: usize) {
        for request in self.requests.iter().cycle().take(count) {
            let response = send(&mut self.service, request.clone());
            assert_eq!(response.status(), self.want);
            drop(black_box(response));
        }
    }
}

/// Sends one request to a service that answers without waiting.
pub(crate) fn send<S, B>(service: &mut S, request: Incoming) -> Response<B>
where
    S: Service<Incoming, Response = Response<B>, Error = Infallible>,
{
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready(), "always ready");
    match pin!(service.call(request)).poll(&mut cx) {
        Poll::Ready(Ok(response)) => response,
        Poll::Ready(Err(never)) => match never {},
        Poll::Pending => panic!("nothing here waits"),
    }
}

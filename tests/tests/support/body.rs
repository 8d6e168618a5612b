//! A body that can do nothing but be a body.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use tower::Service;

/// One chunk. It implements neither `Default` nor any `From`, is not `Clone` and not `Sync`, so a
/// layer that asks for one of these does not compile with it.
#[derive(Debug)]
pub(crate) struct Bare {
    chunk: Option<Bytes>,
    _not_sync: std::marker::PhantomData<std::cell::Cell<()>>,
}

impl Bare {
    pub(crate) fn new(text: &'static str) -> Self {
        Self {
            chunk: Some(Bytes::from_static(text.as_bytes())),
            _not_sync: std::marker::PhantomData,
        }
    }
}

impl Body for Bare {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.chunk.take().map(|chunk| Ok(Frame::data(chunk))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunk.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.chunk.as_ref().map_or(0, |chunk| chunk.len() as u64))
    }
}

/// Answers every request with `hello`.
#[derive(Clone, Debug)]
pub(crate) struct Hello;

impl Service<Request<Bare>> for Hello {
    type Response = Response<Bare>;
    type Error = Infallible;
    type Future = Ready<Result<Response<Bare>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Bare>) -> Self::Future {
        ready(Ok(Response::new(Bare::new("hello"))))
    }
}

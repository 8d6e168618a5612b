//! The future of the layer: first the start of the body, then the inner service.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut as _, Bytes};
use http::{Request, request::Parts};
use http_body::Body;
use pin_project_lite::pin_project;
use portcullis_core::csrf::CsrfFormType;
use tower_service::Service;

use super::body::{End, FormBody};

pin_project! {
    /// Response future for [`CsrfForm`](super::CsrfForm).
    #[derive(Debug)]
    pub struct ResponseFuture<S, F, B> {
        #[pin]
        state: State<S, F, B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<S, F, B> {
        Calling { #[pin] inner: F },
        Reading { held: Option<Held<S, B>> },
    }
}

/// What waits for the body.
#[derive(Debug)]
struct Held<S, B> {
    form: CsrfFormType,
    service: S,
    parts: Parts,
    body: Pin<Box<B>>,
    read: Vec<u8>,
}

impl<S, F, B> ResponseFuture<S, F, B> {
    pub(super) fn calling(inner: F) -> Self {
        let state = State::Calling { inner };
        Self { state }
    }

    pub(super) fn reading(form: CsrfFormType, service: S, request: Request<B>) -> Self {
        let (parts, body) = request.into_parts();
        let held = Some(Held {
            form,
            service,
            parts,
            body: Box::pin(body),
            read: Vec::new(),
        });
        let state = State::Reading { held };
        Self { state }
    }
}

impl<S, B> Held<S, B>
where
    B: Body,
    B::Data: Buf,
{
    /// Reads until the bound or the end; `None` at the bound, where more may follow.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<End<B, B::Error>>> {
        while self.read.len() < CsrfFormType::MAX_BYTES {
            let frame = match ready!(self.body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(Some(End::Trailers(None))),
                Some(Err(error)) => return Poll::Ready(Some(End::Error(Some(error)))),
                Some(Ok(frame)) => frame,
            };
            match frame.into_data() {
                Ok(data) => self.read.put(data),
                Err(frame) => {
                    return Poll::Ready(Some(End::Trailers(frame.into_trailers().ok())));
                }
            }
        }
        Poll::Ready(None)
    }

    /// The request as it came, with the field among its extensions, and who waits for it.
    fn into_request(self, end: Option<End<B, B::Error>>) -> (S, Request<FormBody<B, B::Error>>) {
        let mut parts = self.parts;
        let is_whole = matches!(end, Some(End::Trailers(_)));
        if let Some(field) = self.form.find(&self.read, is_whole) {
            parts.extensions.insert(field);
        }
        let end = end.unwrap_or(End::More(self.body));
        let body = FormBody::replayed(self.read, end);
        (self.service, Request::from_parts(parts, body))
    }
}

impl<S, B> Future for ResponseFuture<S, S::Future, B>
where
    S: Service<Request<FormBody<B, B::Error>>>,
    B: Body,
    B::Data: Buf + From<Bytes>,
{
    type Output = Result<S::Response, S::Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let mut state = self.as_mut().project().state;
            let inner = match state.as_mut().project() {
                StateProj::Calling { inner } => return inner.poll(cx),
                StateProj::Reading { held } => {
                    let waiting = held.as_mut().expect("taken only when the state changes");
                    let end = ready!(waiting.poll_end(cx));
                    let held = held.take().expect("it was there a line before");
                    let (mut service, request) = held.into_request(end);
                    service.call(request)
                }
            };
            state.set(State::Calling { inner });
        }
    }
}

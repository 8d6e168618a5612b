//! The response future: decided at once, or after a round trip.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http::{Request, Response};
use pin_project_lite::pin_project;
use portcullis_core::{Answer, respond::RequestView, store::StoreError};
use tower_service::Service;

use super::{
    matched::Matched,
    shared::{After, Check, Settled, Shared},
};
use crate::guarded::Guarded;

pin_project! {
    /// Response future for [`RateLimit`](super::RateLimit).
    #[derive(Debug)]
    pub struct ResponseFuture<S, F, ReqBody, ResBody> {
        #[pin]
        state: State<S, F, ReqBody, ResBody>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<S, F, ReqBody, ResBody> {
        Calling { #[pin] inner: F, after: Option<Box<After>> },
        Checking { held: Option<Box<Held<S, ReqBody>>> },
        Refunding { refund: Answer<Result<(), StoreError>>, response: Option<Response<ResBody>> },
        Refused { response: Option<Response<Bytes>> },
    }
}

/// The service that was polled ready and its request, while the store is asked. Boxed: beside a
/// round trip that is nothing, and every future that does not wait is smaller for it.
#[derive(Debug)]
struct Held<S, ReqBody> {
    check: Check,
    service: S,
    request: Request<ReqBody>,
    shared: Arc<Shared>,
    matched: Matched,
}

impl<S, F, ReqBody, ResBody> ResponseFuture<S, F, ReqBody, ResBody> {
    pub(super) fn calling(inner: F, after: Option<Box<After>>) -> Self {
        Self {
            state: State::Calling { inner, after },
        }
    }

    pub(super) fn checking(
        check: Check,
        service: S,
        request: Request<ReqBody>,
        shared: Arc<Shared>,
        matched: Matched,
    ) -> Self {
        Self {
            state: State::Checking {
                held: Some(Box::new(Held {
                    check,
                    service,
                    request,
                    shared,
                    matched,
                })),
            },
        }
    }

    pub(super) fn refused(response: Response<Bytes>) -> Self {
        Self {
            state: State::Refused {
                response: Some(response),
            },
        }
    }
}

impl<S, F, ReqBody, ResBody, E> Future for ResponseFuture<S, F, ReqBody, ResBody>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>, Error = E, Future = F>,
    F: Future<Output = Result<Response<ResBody>, E>>,
{
    type Output = Result<Response<Guarded<ResBody>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            let next = match state.as_mut().project() {
                StateProj::Checking { held: place } => {
                    let held = place.as_mut().expect("polled after completion");
                    let outcome = ready!(Pin::new(&mut held.check).poll(cx));
                    let mut held = *place.take().expect("it was there");
                    let view = RequestView::of(&held.request);
                    match held.shared.settle(&held.matched, outcome, &view) {
                        Settled::Call(after) => State::Calling {
                            inner: held.service.call(held.request),
                            after,
                        },
                        Settled::Refuse(response) => State::Refused {
                            response: Some(response),
                        },
                    }
                }
                StateProj::Calling { inner, after: None } => {
                    let response = ready!(inner.poll(cx))?;
                    return Poll::Ready(Ok(response.map(Guarded::inner)));
                }
                StateProj::Calling { inner, after } => {
                    let mut response = ready!(inner.poll(cx))?;
                    match after.take().and_then(|after| after.finish(&mut response)) {
                        Some(refund) => State::Refunding {
                            refund,
                            response: Some(response),
                        },
                        None => return Poll::Ready(Ok(response.map(Guarded::inner))),
                    }
                }
                StateProj::Refunding { refund, response } => {
                    // Best effort: a refund that fails restricts, it never admits.
                    let _ = ready!(Pin::new(refund).poll(cx));
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response.map(Guarded::inner)));
                }
                StateProj::Refused { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response.map(Guarded::refusal)));
                }
            };
            state.set(next);
        }
    }
}

//! The future of the gate: ask the store if it must, call the inner service, dress its response.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use http::{Request, Response};
use pin_project_lite::pin_project;
use portcullis_core::{
    Answer, Rejection,
    respond::{RequestView, SharedRespond},
    store::StoreError,
};
use tower_service::Service;

use super::{
    policy::{self, Policy, Sender},
    stream::SessionEnded,
};
use crate::guarded::Guarded;

pin_project! {
    /// Response future for [`JwtCookie`](super::JwtCookie).
    pub struct ResponseFuture<S, F, Q, B, C> {
        #[pin]
        state: State<S, F, Q, B, C>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, F, Q, B, C> {
        Checking {
            #[pin]
            check: Answer<Result<bool, StoreError>>,
            // Boxed: few requests wait, and all of them move this future.
            held: Option<Box<Held<S, Q, C>>>,
        },
        Calling {
            #[pin]
            inner: F,
            watch: Option<SessionEnded>,
        },
        Rejected {
            response: Option<Response<Guarded<B>>>,
        },
    }
}

/// What waits for the store's answer: the service that was polled ready, and the request.
pub(super) struct Held<S, Q, C> {
    pub(super) ready: S,
    pub(super) request: Request<Q>,
    pub(super) sender: Sender<C>,
    pub(super) policy: Arc<Policy>,
    pub(super) respond: SharedRespond,
}

impl<S, F, Q, B, C> ResponseFuture<S, F, Q, B, C> {
    pub(super) const fn calling(inner: F, watch: Option<SessionEnded>) -> Self {
        let state = State::Calling { inner, watch };
        Self { state }
    }

    pub(super) fn checking(check: Answer<Result<bool, StoreError>>, held: Held<S, Q, C>) -> Self {
        let held = Some(Box::new(held));
        let state = State::Checking { check, held };
        Self { state }
    }

    pub(super) fn rejected(
        respond: &SharedRespond,
        rejection: Rejection,
        request: &RequestView<'_>,
    ) -> Self {
        let response = Some(respond.refuse(rejection, request).map(Guarded::refusal));
        let state = State::Rejected { response };
        Self { state }
    }
}

impl<S, F, Q, B, E, C> Future for ResponseFuture<S, F, Q, B, C>
where
    S: Service<Request<Q>, Response = Response<B>, Error = E, Future = F>,
    F: Future<Output = Result<Response<B>, E>>,
    C: Send + Sync + 'static,
{
    type Output = Result<Response<Guarded<B>>, E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            let next = match self.as_mut().project().state.project() {
                StateProj::Checking { check, held } => {
                    let answer = ready!(check.poll(cx));
                    let held = held.take().expect("polled after completion");
                    held.resume(&answer).state
                }
                StateProj::Calling { inner, watch } => {
                    let response = ready!(inner.poll(cx));
                    let watch = watch.take();
                    return Poll::Ready(response.map(|response| match watch {
                        Some(watch) => watch.guard(response),
                        None => response.map(Guarded::inner),
                    }));
                }
                StateProj::Rejected { response } => {
                    let response = response.take().expect("polled after completion");
                    return Poll::Ready(Ok(response));
                }
            };
            self.as_mut().project().state.set(next);
        }
    }
}

impl<S, Q, C> Held<S, Q, C> {
    fn resume<B>(
        mut self,
        answer: &Result<bool, StoreError>,
    ) -> ResponseFuture<S, S::Future, Q, B, C>
    where
        S: Service<Request<Q>, Response = Response<B>>,
        C: Send + Sync + 'static,
    {
        match policy::revocation_verdict(answer, self.sender.user.as_ref()) {
            Ok(()) => {
                let watch = self.policy.admit(&mut self.request, self.sender);
                ResponseFuture::calling(self.ready.call(self.request), watch)
            }
            Err(rejection) => {
                let claims = self.sender.user.as_ref().map(|user| user.claims().base());
                self.policy.report(rejection, claims);
                let view = RequestView::of(&self.request);
                ResponseFuture::rejected(&self.respond, rejection, &view)
            }
        }
    }
}

impl<S, F, Q, B, C> fmt::Debug for ResponseFuture<S, F, Q, B, C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.state {
            State::Checking { .. } => "ResponseFuture(Checking)",
            State::Calling { .. } => "ResponseFuture(Calling)",
            State::Rejected { .. } => "ResponseFuture(Rejected)",
        })
    }
}

//! The future of the gates that leave a response alone: the inner one, or a refusal.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use http::Response;
use pin_project_lite::pin_project;

use crate::guarded::Guarded;

pin_project! {
    /// Response future of a gate.
    #[derive(Debug)]
    pub struct ResponseFuture<F, B> {
        #[pin]
        state: State<F, B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = StateProj]
    enum State<F, B> {
        Passed { #[pin] inner: F },
        Rejected { response: Option<Response<Guarded<B>>> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(crate) fn passed(inner: F) -> Self {
        let state = State::Passed { inner };
        Self { state }
    }

    pub(crate) fn rejected(response: Response<Guarded<B>>) -> Self {
        let response = Some(response);
        let state = State::Rejected { response };
        Self { state }
    }
}

impl<F, B, E> Future for ResponseFuture<F, B>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = Result<Response<Guarded<B>>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            StateProj::Passed { inner } => inner.poll(cx).map_ok(|r| r.map(Guarded::inner)),
            StateProj::Rejected { response } => {
                let response = response.take().expect("a future is polled to its end once");
                Poll::Ready(Ok(response))
            }
        }
    }
}

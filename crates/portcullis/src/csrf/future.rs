//! The future of the layer: the inner response with its cookie, or a refusal.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Response;
use pin_project_lite::pin_project;

use super::shared::After;
use crate::guarded::Guarded;

pin_project! {
    /// Response future for [`Csrf`](super::Csrf).
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
        Passed { #[pin] inner: F, after: Option<Box<After>> },
        Rejected { response: Option<Response<Guarded<B>>> },
    }
}

impl<F, B> ResponseFuture<F, B> {
    pub(super) fn passed(inner: F, after: Option<Box<After>>) -> Self {
        let state = State::Passed { inner, after };
        Self { state }
    }

    pub(super) fn rejected(response: Response<Guarded<B>>) -> Self {
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
            StateProj::Passed { inner, after } => {
                let mut response = ready!(inner.poll(cx))?;
                if let Some(after) = after.take() {
                    after.apply(&mut response);
                }
                Poll::Ready(Ok(response.map(Guarded::inner)))
            }
            StateProj::Rejected { response } => {
                let response = response.take().expect("a future is polled to its end once");
                Poll::Ready(Ok(response))
            }
        }
    }
}

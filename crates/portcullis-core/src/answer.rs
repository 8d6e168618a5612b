//! Gives a port's value at once, or the one boxed future beside a round trip.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

/// A boxed future that a spawned task may own.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send + 'static>>;

/// What a port returns: the value already, or a boxed future next to a round trip.
///
/// A memory store answers without an allocation, and a gate that gets its answer from
/// [`into_now`](Self::into_now) decides inside `call`, without cloning the inner service.
///
/// # Example
///
/// ```
/// use portcullis_core::Answer;
///
/// assert_eq!(Answer::now(7).into_now().unwrap(), 7);
///
/// let later = Answer::later(async { 7 });
/// assert!(later.into_now().is_err(), "a pending answer has to be polled");
/// ```
#[must_use = "an answer does nothing until it is taken or polled"]
pub struct Answer<T>(State<T>);

enum State<T> {
    Later(BoxFuture<T>),
    Now(Option<T>),
}

impl<T> Answer<T> {
    /// Answers with `value` at once.
    pub fn now(value: T) -> Self {
        Self(State::Now(Some(value)))
    }

    /// Answers when `future` does.
    pub fn later(future: impl Future<Output = T> + Send + 'static) -> Self {
        Self(State::Later(Box::pin(future)))
    }

    /// Takes the value if it is there already.
    ///
    /// # Errors
    ///
    /// Gives the answer back when it is still pending.
    pub fn into_now(self) -> Result<T, Self> {
        match self.0 {
            State::Now(Some(value)) => Ok(value),
            state => Err(Self(state)),
        }
    }
}

impl<T: Send + 'static> Answer<T> {
    /// Applies `change` to the value, at once when the value is there already.
    ///
    /// ```
    /// # use portcullis_core::Answer;
    /// assert_eq!(Answer::now(7).map(|n| n + 1).into_now().unwrap(), 8);
    /// ```
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'static) -> Answer<U> {
        match self.into_now() {
            Ok(value) => Answer::now(change(value)),
            Err(pending) => Answer::later(async move { change(pending.await) }),
        }
    }
}

// The value is never pinned: `poll` only takes it out.
impl<T> Unpin for Answer<T> {}

impl<T> Future for Answer<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        match &mut self.0 {
            State::Later(future) => future.as_mut().poll(cx),
            State::Now(value) => Poll::Ready(value.take().expect("polled after completion")),
        }
    }
}

impl<T> fmt::Debug for Answer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Later(_) => "Answer::Later",
            State::Now(_) => "Answer::Now",
        })
    }
}

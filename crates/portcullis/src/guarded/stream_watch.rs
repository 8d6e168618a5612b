//! Ends a body: at a deadline, or when told to.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::Frame;
use portcullis_core::{
    answer::BoxFuture,
    clock::{Clock, Timestamp},
};

/// What a body says last when it is ended.
#[derive(Debug)]
#[cfg_attr(not(feature = "jwt"), allow(dead_code))] // only a session can be watched
pub(crate) enum Last {
    /// A frame of data.
    Data(Bytes),
    /// Nothing: the body just ends.
    Nothing,
    /// Trailers.
    Trailers(HeaderMap),
}

/// Knows when a body has to end.
pub(crate) struct StreamWatch {
    /// Ends at the deadline too: it wakes a stream that is silent. In a mutex that is never
    /// locked, because a boxed future is not `Sync` and a body should be.
    ended: Mutex<BoxFuture<()>>,
    /// Looked at on every poll: a stream that is never silent, or a timer that is late, gets no
    /// frame through after it.
    deadlines: Vec<Timestamp>,
    clock: Arc<dyn Clock>,
    last: Last,
}

impl StreamWatch {
    #[cfg(feature = "jwt")]
    pub(crate) fn new(
        ended: BoxFuture<()>,
        deadline: Option<Timestamp>,
        clock: Arc<dyn Clock>,
        last: Last,
    ) -> Self {
        Self {
            ended: Mutex::new(ended),
            deadlines: deadline.into_iter().collect(),
            clock,
            last,
        }
    }

    /// Ends when one of the two does, with what the outer one says last.
    pub(crate) fn or(self, inner: Self) -> Self {
        let mut futures = [self.ended, inner.ended]
            .map(|future| future.into_inner().unwrap_or_else(PoisonError::into_inner));
        Self {
            ended: Mutex::new(Box::pin(std::future::poll_fn(move |cx| {
                let [outer, inner] = &mut futures;
                let outer = outer.as_mut().poll(cx);
                let inner = inner.as_mut().poll(cx);
                if outer.is_ready() || inner.is_ready() {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            }))),
            deadlines: [self.deadlines, inner.deadlines].concat(),
            clock: self.clock,
            last: self.last,
        }
    }

    /// Whether the body has to end now. Not asked again after a yes.
    pub(crate) fn poll_ended(&mut self, cx: &mut Context<'_>) -> bool {
        let past = || {
            let now = self.clock.now();
            self.deadlines.iter().any(|&deadline| now >= deadline)
        };
        if !self.deadlines.is_empty() && past() {
            return true;
        }
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        ended.as_mut().poll(cx).is_ready()
    }

    /// The last frame, once.
    pub(crate) fn last_frame<D: From<Bytes>>(&mut self) -> Option<Frame<D>> {
        match std::mem::replace(&mut self.last, Last::Nothing) {
            Last::Data(bytes) => Some(Frame::data(bytes.into())),
            Last::Nothing => None,
            Last::Trailers(trailers) => Some(Frame::trailers(trailers)),
        }
    }
}

impl fmt::Debug for StreamWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamWatch")
            .field("deadlines", &self.deadlines)
            .field("last", &self.last)
            .finish_non_exhaustive()
    }
}

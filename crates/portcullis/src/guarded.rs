//! The body of every gate: the inner service's, or the bytes of a refusal.
//!
//! The inner body may be watched: it then ends when the session of its request does, whatever the
//! handler still has to say.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

mod stream_watch;
#[cfg(test)]
mod tests;

use stream_watch::StreamWatch;
#[cfg(feature = "jwt")]
pub(crate) use stream_watch::{Last, StreamWatch as Watch};

pin_project! {
    /// The body of a response that went through a gate.
    ///
    /// It asks nothing of the inner body but `Data: From<Bytes>` when it is polled, so a refusal
    /// can be sent whatever the inner body is: no `Default`, no boxing.
    ///
    /// # Example
    ///
    /// ```
    /// use bytes::Bytes;
    /// use http_body::Body as _;
    /// use http_body_util::Full;
    /// use portcullis::Guarded;
    ///
    /// let passed = Guarded::inner(Full::new(Bytes::from_static(b"hello")));
    /// assert_eq!(passed.size_hint().exact(), Some(5));
    ///
    /// let refused = Guarded::<Full<Bytes>>::refusal(Bytes::from_static(b"no"));
    /// assert!(refused.is_refusal());
    /// assert_eq!(refused.size_hint().exact(), Some(2));
    /// ```
    #[derive(Debug)]
    pub struct Guarded<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    #[cfg_attr(not(feature = "jwt"), allow(dead_code))] // only a session can be watched
    enum Kind<B> {
        Inner { #[pin] body: B },
        Refusal { bytes: Option<Bytes> },
        Watched { #[pin] body: Option<B>, watch: Box<StreamWatch> },
    }
}

impl<B> Guarded<B> {
    /// The inner service's body, untouched.
    pub fn inner(body: B) -> Self {
        Self {
            kind: Kind::Inner { body },
        }
    }

    /// The body of a refusal.
    pub fn refusal(bytes: Bytes) -> Self {
        Self {
            kind: Kind::Refusal {
                bytes: Some(bytes).filter(|bytes| !bytes.is_empty()),
            },
        }
    }

    /// The inner service's body, ended by `watch`.
    #[cfg(feature = "jwt")]
    pub(crate) fn watched(body: B, watch: StreamWatch) -> Self {
        Self {
            kind: Kind::Watched {
                body: Some(body),
                watch: Box::new(watch),
            },
        }
    }

    /// Whether a gate refused, so that the inner service was never called.
    pub fn is_refusal(&self) -> bool {
        matches!(self.kind, Kind::Refusal { .. })
    }
}

impl<B> Guarded<Guarded<B>> {
    /// One gate's body for two: what the inner gate made stays, what the outer made replaces it.
    pub fn flatten(self) -> Guarded<B> {
        match self.kind {
            Kind::Inner { body } => body,
            Kind::Refusal { bytes } => Guarded {
                kind: Kind::Refusal { bytes },
            },
            // Two watches, or a watched refusal of an inner gate: the outer session ends either.
            Kind::Watched { body, watch } => match body.map(|inner| inner.kind) {
                Some(Kind::Inner { body }) => Guarded {
                    kind: Kind::Watched {
                        body: Some(body),
                        watch,
                    },
                },
                Some(Kind::Watched { body, watch: inner }) => Guarded {
                    kind: Kind::Watched {
                        body,
                        watch: Box::new(watch.or(*inner)),
                    },
                },
                Some(Kind::Refusal { bytes }) => Guarded {
                    kind: Kind::Refusal { bytes },
                },
                None => Guarded {
                    kind: Kind::Refusal { bytes: None },
                },
            },
        }
    }
}

impl<B> Body for Guarded<B>
where
    B: Body,
    B::Data: From<Bytes>,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        match self.project().kind.project() {
            KindProj::Inner { body } => body.poll_frame(cx),
            KindProj::Refusal { bytes } => {
                Poll::Ready(bytes.take().map(|bytes| Ok(Frame::data(bytes.into()))))
            }
            KindProj::Watched { mut body, watch } => {
                let Some(inner) = body.as_mut().as_pin_mut() else {
                    return Poll::Ready(None);
                };
                if watch.poll_ended(cx) {
                    body.set(None);
                    return Poll::Ready(watch.last_frame().map(Ok));
                }
                inner.poll_frame(cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Inner { body } => body.is_end_stream(),
            Kind::Refusal { bytes } => bytes.is_none(),
            Kind::Watched { body, .. } => body.as_ref().is_none_or(Body::is_end_stream),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Inner { body } => body.size_hint(),
            Kind::Refusal { bytes } => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            // It may end before any length that the handler had in mind.
            Kind::Watched { .. } => SizeHint::default(),
        }
    }
}

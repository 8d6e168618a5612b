//! The body that goes on: the one that came, or what was read of it and then the rest.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// A request body that may have been read in part; it yields the same bytes, trailers and
    /// error as the original `B` with the error `E`.
    #[derive(Debug)]
    pub struct FormBody<B, E> {
        #[pin]
        kind: Kind<B, E>,
    }
}

pin_project! {
    #[derive(Debug)]
    #[project = KindProj]
    enum Kind<B, E> {
        Untouched { #[pin] body: B },
        Replayed { read: Option<Bytes>, end: End<B, E> },
    }
}

/// What follows the bytes that were read.
#[derive(Debug)]
pub(super) enum End<B, E> {
    /// The body broke off.
    Error(Option<E>),
    /// More of it.
    More(Pin<Box<B>>),
    /// Nothing, or trailers.
    Trailers(Option<HeaderMap>),
}

impl<B, E> FormBody<B, E> {
    pub(super) fn untouched(body: B) -> Self {
        let kind = Kind::Untouched { body };
        Self { kind }
    }

    pub(super) fn replayed(read: Vec<u8>, end: End<B, E>) -> Self {
        let read = Some(Bytes::from(read)).filter(|read| !read.is_empty());
        let kind = Kind::Replayed { read, end };
        Self { kind }
    }
}

impl<B> Body for FormBody<B, B::Error>
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
        let (read, end) = match self.project().kind.project() {
            KindProj::Untouched { body } => return body.poll_frame(cx),
            KindProj::Replayed { read, end } => (read, end),
        };
        if let Some(read) = read.take() {
            return Poll::Ready(Some(Ok(Frame::data(read.into()))));
        }
        match end {
            End::Error(error) => Poll::Ready(error.take().map(Err)),
            End::More(body) => body.as_mut().poll_frame(cx),
            End::Trailers(trailers) => Poll::Ready(
                trailers
                    .take()
                    .map(|trailers| Ok(Frame::trailers(trailers))),
            ),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Untouched { body } => body.is_end_stream(),
            Kind::Replayed { read: Some(_), .. } => false,
            Kind::Replayed { read: None, end } => match end {
                End::Error(error) => error.is_none(),
                End::More(body) => body.is_end_stream(),
                End::Trailers(trailers) => trailers.is_none(),
            },
        }
    }

    fn size_hint(&self) -> SizeHint {
        let (read, end) = match &self.kind {
            Kind::Untouched { body } => return body.size_hint(),
            Kind::Replayed { read, end } => (read, end),
        };
        let read = read.as_ref().map_or(0, |read| read.len() as u64);
        let rest = match end {
            End::More(body) => body.size_hint(),
            End::Error(_) | End::Trailers(_) => SizeHint::with_exact(0),
        };
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}

//! The responses of the service: a small JSON body, never cached.

use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame, SizeHint};

/// The body of a response of the service: one piece of JSON, or nothing. `Debug` shows its length:
/// there may be a token in it.
#[derive(Default)]
pub struct ReplyBody(Option<Bytes>);

impl fmt::Debug for ReplyBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = self.0.as_ref().map_or(0, Bytes::len);
        write!(f, "ReplyBody({length} bytes)")
    }
}

impl ReplyBody {
    pub(super) fn new(bytes: Bytes) -> Self {
        Self(Some(bytes).filter(|bytes| !bytes.is_empty()))
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, |bytes| bytes.len() as u64))
    }
}

/// A response under construction.
pub(super) type Reply = Response<Bytes>;

/// A JSON body with `status`, not to be cached.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Reply {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// `{"detail": …, "code": …}` with `status`; both are constants that JSON does not escape.
pub(super) fn problem(status: StatusCode, detail: &str, code: &str) -> Reply {
    json(
        status,
        format!(r#"{{"detail": "{detail}", "code": "{code}"}}"#),
    )
}

/// Adds a `Set-Cookie` line.
pub(super) fn add_cookie(reply: &mut Reply, line: HeaderValue) {
    reply.headers_mut().append(header::SET_COOKIE, line);
}

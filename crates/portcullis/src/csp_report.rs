//! Takes the reports that browsers send of violated content security policies.
//!
//! Anybody may send anything here, so it answers 204 to all, holds 8 KiB of a body at most, drops
//! what is longer, and hands the text on escaped: printable ASCII on one line.
//!
//! # Example
//!
//! ```
//! # tokio_test::block_on(async {
//! use std::sync::{Arc, Mutex};
//! use http::Request;
//! use portcullis::csp_report::CspReportService;
//! use tower::ServiceExt as _;
//!
//! let seen = Arc::new(Mutex::new(Vec::new()));
//! let log = seen.clone();
//! let service = CspReportService::new(move |report| log.lock().unwrap().push(report.to_owned()));
//!
//! let report = Request::post("/csp-report").body(String::from("{\"csp-report\": {}}\nforged"))?;
//! assert_eq!(service.clone().oneshot(report).await?.status(), 204);
//! assert_eq!(*seen.lock().unwrap(), [r#"{\"csp-report\": {}}\nforged"#]);
//!
//! let flood = Request::post("/csp-report").body("x".repeat(9_000))?;
//! assert_eq!(service.oneshot(flood).await?.status(), 204);
//! assert_eq!(seen.lock().unwrap().len(), 1, "dropped");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # Deployment
//!
//! Mount it at the path of the policy's endpoint, outside the [`CsrfLayer`](crate::csrf) (a report
//! carries no token) and behind a [rate limit](crate::rate_limit) by address.

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut as _};
use http::{Method, Request, Response, StatusCode};
use http_body::Body;
use tower_service::Service;

#[cfg(test)]
mod tests;

/// The most bytes of a report.
const MAX_BYTES: usize = 8 * 1024;

/// Who is told of a report: its body, escaped.
type Sink = Arc<dyn Fn(&str) + Send + Sync>;

/// Leaf service that takes reports, and answers 204 whatever was sent.
///
/// See the [module docs](self) for an example.
#[derive(Clone)]
pub struct CspReportService {
    sink: Sink,
}

impl CspReportService {
    /// Hands each report to `sink`, which is called on the request path and must not block.
    pub fn new(sink: impl Fn(&str) + Send + Sync + 'static) -> Self {
        let sink = Arc::new(sink);
        Self { sink }
    }
}

impl fmt::Debug for CspReportService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CspReportService(..)")
    }
}

impl<B> Service<Request<B>> for CspReportService
where
    B: Body,
    B::Data: Buf,
{
    type Response = Response<String>;
    type Error = Infallible;
    type Future = ResponseFuture<B>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let is_report = request.method() == Method::POST;
        ResponseFuture {
            body: is_report.then(|| Box::pin(request.into_body())),
            read: Vec::new(),
            sink: self.sink.clone(),
        }
    }
}

/// Response future for [`CspReportService`].
pub struct ResponseFuture<B> {
    body: Option<Pin<Box<B>>>,
    read: Vec<u8>,
    sink: Sink,
}

impl<B> fmt::Debug for ResponseFuture<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResponseFuture({} bytes read)", self.read.len())
    }
}

impl<B> ResponseFuture<B>
where
    B: Body,
    B::Data: Buf,
{
    /// Whether the whole body is there; one that is too long or breaks off never is.
    fn poll_whole(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(false);
        };
        loop {
            let data = match ready!(body.as_mut().poll_frame(cx)) {
                None => return Poll::Ready(true),
                Some(Err(_)) => return Poll::Ready(false),
                Some(Ok(frame)) => frame.into_data(),
            };
            if let Ok(data) = data {
                if self.read.len() + data.remaining() > MAX_BYTES {
                    return Poll::Ready(false);
                }
                self.read.put(data);
            }
        }
    }
}

impl<B> Future for ResponseFuture<B>
where
    B: Body,
    B::Data: Buf,
{
    type Output = Result<Response<String>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if ready!(self.poll_whole(cx)) && !self.read.is_empty() {
            (self.sink)(&self.read.escape_ascii().to_string());
        }
        let mut response = Response::new(String::new());
        *response.status_mut() = StatusCode::NO_CONTENT;
        Poll::Ready(Ok(response))
    }
}

//! Turns a [`Rejection`] into a response: Django's JSON, RFC 9457 problem, or a gRPC status.
//!
//! | responder | body | status |
//! |---|---|---|
//! | [`DetailJson`] | `{"detail": …, "code": …}` | the rejection's |
//! | [`ProblemJson`] | `application/problem+json` (RFC 9457) | the rejection's |
//! | [`GrpcStatus`] | none: `grpc-status` and `grpc-message` headers, trailers-only form | 200 |
//! | [`Negotiate`] | the one of these that the request speaks | |
//!
//! Whatever the responder, [`finish`] adds what every refusal carries.
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use portcullis_core::{Rejection, respond::{Negotiate, RequestView, Respond}};
//!
//! let refused = Rejection::RateLimited { retry_after_secs: 30 };
//!
//! let browser = Request::new(());
//! let response = Negotiate.respond(&refused, &RequestView::of(&browser));
//! assert_eq!(response.status(), 429);
//! assert_eq!(
//!     response.body().as_ref(),
//!     br#"{"detail": "Request was throttled.", "code": "throttled"}"#,
//! );
//!
//! let grpc = Request::builder().header("content-type", "application/grpc").body(()).unwrap();
//! let response = Negotiate.respond(&refused, &RequestView::of(&grpc));
//! assert_eq!(response.status(), 200);
//! assert_eq!(response.headers()["grpc-status"], "8");
//! ```

use std::{fmt, sync::Arc};

use bytes::Bytes;
use http::{
    Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Response, Uri, header,
};

use crate::rejection::Rejection;

#[cfg(test)]
mod tests;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");

/// What a responder and a policy may see of a request: all but its body.
///
/// `Debug` shows the method, and which headers there are; targets and values may hold secrets.
#[derive(Clone, Copy)]
pub struct RequestView<'a> {
    /// The method.
    pub method: &'a Method,
    /// The target, as the server received it.
    pub uri: &'a Uri,
    /// The headers.
    pub headers: &'a HeaderMap,
    /// What earlier layers have left.
    pub extensions: &'a Extensions,
}

impl<'a> RequestView<'a> {
    /// The view of `request`.
    pub fn of<B>(request: &'a Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

impl fmt::Debug for RequestView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.headers.keys().map(HeaderName::as_str).collect();
        f.debug_struct("RequestView")
            .field("method", &self.method)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// Makes the response to a refused request.
///
/// A closure `Fn(&Rejection, &RequestView<'_>) -> Response<Bytes>` is one too.
pub trait Respond: Send + Sync {
    /// The response to `rejection`.
    fn respond(&self, rejection: &Rejection, request: &RequestView<'_>) -> Response<Bytes>;
}

impl<F> Respond for F
where
    F: Fn(&Rejection, &RequestView<'_>) -> Response<Bytes> + Send + Sync,
{
    fn respond(&self, rejection: &Rejection, request: &RequestView<'_>) -> Response<Bytes> {
        self(rejection, request)
    }
}

/// A responder that layers share. `Debug` says only that it is one.
#[derive(Clone, Default)]
pub struct SharedRespond(Option<Arc<dyn Respond>>);

/// [`Negotiate`] unless told otherwise.
impl SharedRespond {
    /// Shares `respond`.
    pub fn new(respond: impl Respond + 'static) -> Self {
        Self(Some(Arc::new(respond)))
    }

    /// The finished response to a refusal: the responder's, with what every refusal carries, and
    /// the rejection in its extensions.
    pub fn refuse(&self, rejection: Rejection, request: &RequestView<'_>) -> Response<Bytes> {
        let mut response = self.respond(&rejection, request);
        finish(&rejection, &mut response);
        response
    }

    /// As [`refuse`](Self::refuse), for a request above its quota: such come in floods, so the maps
    /// of the request are emptied and become those of the response.
    pub fn refuse_throttled<B>(
        &self,
        retry_after_secs: u32,
        request: Request<B>,
    ) -> Response<Bytes> {
        let rejection = Rejection::RateLimited { retry_after_secs };
        let view = RequestView::of(&request);
        if self.0.is_some() || Form::of(&view) != Form::Detail {
            return self.refuse(rejection, &view);
        }
        let mut response = Response::new(Bytes::from_static(THROTTLED));
        *response.status_mut() = rejection.status();
        let (parts, _) = request.into_parts();
        let (mut headers, mut extensions) = (parts.headers, parts.extensions);
        headers.clear();
        headers.insert(header::CONTENT_TYPE, JSON);
        headers.insert(header::CACHE_CONTROL, NO_STORE);
        headers.insert(header::RETRY_AFTER, number(retry_after_secs.max(1)));
        extensions.clear();
        extensions.insert(rejection);
        *response.headers_mut() = headers;
        *response.extensions_mut() = extensions;
        response
    }
}

impl Respond for SharedRespond {
    fn respond(&self, rejection: &Rejection, request: &RequestView<'_>) -> Response<Bytes> {
        match &self.0 {
            Some(respond) => respond.respond(rejection, request),
            None => Negotiate.respond(rejection, request),
        }
    }
}

impl fmt::Debug for SharedRespond {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SharedRespond(..)")
    }
}

/// Adds to a refusal what no responder may forget: `Cache-Control: no-store`, `Retry-After`,
/// `WWW-Authenticate`, and the rejection itself as an extension.
///
/// What the responder has set stays.
pub fn finish<B>(rejection: &Rejection, response: &mut Response<B>) {
    response.extensions_mut().insert(*rejection);
    let headers = response.headers_mut();
    let mut default = |name: HeaderName, value: HeaderValue| {
        headers.entry(name).or_insert(value);
    };
    default(header::CACHE_CONTROL, NO_STORE);
    if let Some(secs) = rejection.retry_after() {
        default(header::RETRY_AFTER, number(secs));
    }
    let challenge = match rejection {
        Rejection::Authentication { bearer: true, .. } => {
            Some(r#"Bearer realm="api", error="invalid_token""#)
        }
        // RFC 9110 §15.5.2: a 401 names a scheme.
        Rejection::Authentication { bearer: false, .. } | Rejection::LoginFailed => {
            Some(r#"Bearer realm="api""#)
        }
        _ => None,
    };
    if let Some(challenge) = challenge {
        default(
            header::WWW_AUTHENTICATE,
            HeaderValue::from_static(challenge),
        );
    }
}

/// `number` in decimal: in one allocation, or in none below a thousand, which is what most quotas
/// ask for.
fn number(number: u32) -> HeaderValue {
    /// The numbers below a thousand, in three digits each.
    #[allow(clippy::cast_possible_truncation)] // digits
    static PADDED: [u8; 3_000] = {
        let mut digits = [b'0'; 3_000];
        let mut at = 0;
        while at < 1_000 {
            digits[3 * at] += (at / 100) as u8;
            digits[3 * at + 1] += (at / 10 % 10) as u8;
            digits[3 * at + 2] += (at % 10) as u8;
            at += 1;
        }
        digits
    };
    let (place, padding) = (
        3 * number as usize,
        usize::from(number < 100) + usize::from(number < 10),
    );
    let digits = match PADDED.get(place..place + 3) {
        Some(digits) => Bytes::from_static(&digits[padding..]),
        None => decimal(number),
    };
    HeaderValue::from_maybe_shared(digits).unwrap_or_else(|_| number.into())
}

#[allow(clippy::cast_possible_truncation)] // a digit
fn decimal(mut number: u32) -> Bytes {
    let (mut text, mut start) = ([b'0'; 10], 10);
    while number > 0 {
        start -= 1;
        text[start] += (number % 10) as u8;
        number /= 10;
    }
    Bytes::copy_from_slice(&text[start..])
}

/// The body of the refusal that comes in floods, kept ready.
const THROTTLED: &[u8] = br#"{"detail": "Request was throttled.", "code": "throttled"}"#;

/// Answers `{"detail": …, "code": …}`, as Django REST framework and ninja do.
#[derive(Clone, Copy, Debug, Default)]
pub struct DetailJson;

impl Respond for DetailJson {
    fn respond(&self, rejection: &Rejection, _: &RequestView<'_>) -> Response<Bytes> {
        if let Rejection::RateLimited { .. } = rejection {
            return json(rejection, JSON, Bytes::from_static(THROTTLED));
        }
        // Both texts are constants of ours without a character that JSON escapes.
        let body = [
            r#"{"detail": ""#,
            rejection.detail(),
            r#"", "code": ""#,
            rejection.code(),
            r#""}"#,
        ];
        json(rejection, JSON, body.concat().into())
    }
}

/// Answers an RFC 9457 problem document, its type `about:blank`, its code an extension member.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProblemJson;

impl Respond for ProblemJson {
    fn respond(&self, rejection: &Rejection, _: &RequestView<'_>) -> Response<Bytes> {
        let status = rejection.status();
        let body = [
            r#"{"type": "about:blank", "title": ""#,
            status.canonical_reason().unwrap_or("Refused"),
            r#"", "status": "#,
            status.as_str(),
            r#", "detail": ""#,
            rejection.detail(),
            r#"", "code": ""#,
            rejection.code(),
            r#""}"#,
        ];
        json(rejection, PROBLEM_JSON, body.concat().into())
    }
}

fn json(rejection: &Rejection, content_type: HeaderValue, body: Bytes) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = rejection.status();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, content_type);
    response
}

/// Answers a gRPC status in trailers-only form: HTTP 200, the status among the headers.
///
/// The code of the rejection goes along as metadata, `portcullis-code`.
#[derive(Clone, Copy, Debug, Default)]
pub struct GrpcStatus;

impl Respond for GrpcStatus {
    fn respond(&self, rejection: &Rejection, _: &RequestView<'_>) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/grpc"),
        );
        headers.insert(
            "grpc-status",
            HeaderValue::from(u16::from(rejection.grpc_code())),
        );
        // grpc-message is percent-encoded; our details are printable ASCII without `%`.
        headers.insert("grpc-message", HeaderValue::from_static(rejection.detail()));
        headers.insert(
            "portcullis-code",
            HeaderValue::from_static(rejection.code()),
        );
        response
    }
}

/// Answers in the form that the request speaks: gRPC when its content type is
/// `application/grpc*`, a problem document when `Accept` names one, else [`DetailJson`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Negotiate;

impl Respond for Negotiate {
    fn respond(&self, rejection: &Rejection, request: &RequestView<'_>) -> Response<Bytes> {
        match Form::of(request) {
            Form::Detail => DetailJson.respond(rejection, request),
            Form::Grpc => GrpcStatus.respond(rejection, request),
            Form::Problem => ProblemJson.respond(rejection, request),
        }
    }
}

/// The form of a refusal that a request speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    Detail,
    Grpc,
    Problem,
}

impl Form {
    fn of(request: &RequestView<'_>) -> Self {
        if speaks_grpc(request.headers) {
            Self::Grpc
        } else if accepts_problem(request.headers) {
            Self::Problem
        } else {
            Self::Detail
        }
    }
}

/// Whether the content type is `application/grpc`, alone or with a suffix.
pub fn speaks_grpc(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.as_bytes().get(..16))
        .is_some_and(|start| start.eq_ignore_ascii_case(b"application/grpc"))
}

fn accepts_problem(headers: &HeaderMap) -> bool {
    const PROBLEM: &[u8] = b"application/problem+json";
    let lines = headers.get_all(header::ACCEPT).iter();
    let long = lines.filter(|line| line.len() >= PROBLEM.len());
    long.flat_map(|line| line.as_bytes().split(|&byte| byte == b','))
        .any(|range| {
            let media = range.split(|&byte| byte == b';').next().unwrap_or_default();
            media.trim_ascii().eq_ignore_ascii_case(PROBLEM)
        })
}

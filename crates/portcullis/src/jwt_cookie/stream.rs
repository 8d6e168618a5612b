//! Ends what outlives a request: a stream whose user has logged out, whose session is over.

use std::{fmt, future::IntoFuture, sync::Arc};

use bytes::Bytes;
use futures_util::future::{Either, select};
use http::{Extensions, HeaderMap, HeaderValue, Response, header};
use portcullis_core::{
    answer::BoxFuture,
    clock::Timestamp,
    identity::{Identity, VerifiedToken},
};

use super::policy::{Policy, Revocation};
use crate::guarded::{Guarded, Last, Watch};

/// The last event of a stream of Server-Sent Events. The empty line first ends an event that the
/// handler had begun.
const SSE_END: &[u8] = b"\n\nevent: session-ended\ndata: {\"code\": \"token_not_valid\"}\n\n";

/// The trailers of a gRPC-Web stream, which travel as a frame of the body.
const GRPC_WEB_END: &[u8] = b"\x80\x00\x00\x00\x2cgrpc-status:16\r\ngrpc-message:session ended\r\n";

/// How streaming responses are ended.
///
/// Server-Sent Events, NDJSON and gRPC responses are watched; others end by themselves. A stream
/// ends at the absolute end of its session and within a second of its revocation. That of a token
/// without a session (Django's) also ends when the token expires.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[must_use]
pub struct StreamGuard {
    until_token_expiry: bool,
}

impl StreamGuard {
    /// Ends streams with their session.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ends streams when the access token that opened them expires, too.
    pub fn until_token_expiry(self) -> Self {
        Self {
            until_token_expiry: true,
        }
    }
}

/// Tells when the session of a request is over, for what is no response body: a WebSocket.
///
/// [`of`](Self::of) takes it from the extensions of a request that passed a layer with a
/// [`StreamGuard`]; with the feature `axum` it is an extractor too. Awaiting it ends when the token
/// is revoked, at the session's absolute end, and where the guard says so at the token's `exp`.
///
/// # Example
///
/// ```
/// use portcullis::jwt_cookie::SessionEnded;
///
/// async fn chat(session_ended: SessionEnded, messages: impl Future<Output = ()>) -> u16 {
///     tokio::select! {
///         () = session_ended.into_future() => 1008, // policy violation
///         () = messages => 1000,
///     }
/// }
/// ```
#[derive(Clone)]
pub struct SessionEnded {
    token: Arc<dyn VerifiedToken>,
    /// Of the layer that verified the token; it guards streams by a local store.
    policy: Arc<Policy>,
}

impl SessionEnded {
    /// The session of the request with these `extensions`, where a layer guards its streams.
    pub fn of(extensions: &Extensions) -> Option<Self> {
        Self::of_identity(extensions.get::<Identity>()?)
    }

    pub(super) fn of_identity(identity: &Identity) -> Option<Self> {
        Some(Self {
            token: identity.token()?.clone(),
            policy: identity.context()?.clone().downcast().ok()?,
        })
    }

    fn deadline(&self) -> Option<Timestamp> {
        let end = self.token.session_ends_at();
        let guard = self.policy.guard.unwrap_or_default();
        let expiry =
            Some(self.token.expires_at()).filter(|_| guard.until_token_expiry || end.is_none());
        end.into_iter().chain(expiry).min()
    }

    /// Puts the response's body under watch, if it is a stream.
    pub(super) fn guard<B>(self, response: Response<B>) -> Response<Guarded<B>> {
        let Some(last) = last_of(response.headers()) else {
            return response.map(Guarded::inner);
        };
        let (deadline, clock) = (self.deadline(), self.policy.clock.clone());
        let watch = Watch::new(self.into_future(), deadline, clock, last);
        response.map(|body| Guarded::watched(body, watch))
    }
}

impl IntoFuture for SessionEnded {
    type Output = ();
    type IntoFuture = BoxFuture<()>;

    fn into_future(self) -> BoxFuture<()> {
        let revoked = match &self.policy.revocation {
            Revocation::Local(store) => store.watch(&self.token.facts()),
            Revocation::None | Revocation::Remote(_) => None,
        };
        let expired = self
            .deadline()
            .map(|deadline| self.policy.clock.sleep_until(deadline));
        match (revoked, expired) {
            (Some(revoked), Some(expired)) => Box::pin(async {
                match select(revoked, expired).await {
                    Either::Left(_) | Either::Right(_) => {}
                }
            }),
            (Some(end), None) | (None, Some(end)) => end,
            (None, None) => Box::pin(std::future::pending()),
        }
    }
}

impl fmt::Debug for SessionEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEnded")
            .field("deadline", &self.deadline())
            .finish_non_exhaustive()
    }
}

/// What a stream of this content type says last; `None` for what is no stream, which a body of a
/// stated length is not.
fn last_of(headers: &HeaderMap) -> Option<Last> {
    if headers.contains_key(header::CONTENT_LENGTH) {
        return None;
    }
    let content_type = headers.get(header::CONTENT_TYPE)?.as_bytes();
    let essence = content_type
        .split(|&byte| byte == b';')
        .next()?
        .trim_ascii();
    let is = |media: &str| essence.eq_ignore_ascii_case(media.as_bytes());
    let starts = |media: &str| {
        essence
            .get(..media.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(media.as_bytes()))
    };
    if is("text/event-stream") {
        Some(Last::Data(Bytes::from_static(SSE_END)))
    } else if is("application/x-ndjson")
        || is("application/ndjson")
        || is("application/jsonl")
        || starts("application/grpc-web-text")
    {
        Some(Last::Nothing)
    } else if starts("application/grpc-web") {
        Some(Last::Data(Bytes::from_static(GRPC_WEB_END)))
    } else if starts("application/grpc") {
        let mut trailers = HeaderMap::with_capacity(2);
        trailers.insert("grpc-status", HeaderValue::from_static("16"));
        trailers.insert("grpc-message", HeaderValue::from_static("session ended"));
        Some(Last::Trailers(trailers))
    } else {
        None
    }
}

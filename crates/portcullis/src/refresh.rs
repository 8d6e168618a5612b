//! Logs users in and out, and rotates their refresh tokens.
//!
//! A leaf service: mount it under a path with any router, beside the layers and not behind them.
//! It checks CSRF itself, because refresh and logout have to work with an expired access token.
//!
//! | request, below `/api/auth/` unless it says more | outcome |
//! |---|---|
//! | `POST login/` `{"username", "password"}` | 200 and a new session, 401 alike for every cause |
//! | `POST refresh/`, `POST /api/token/refresh/` | 200 and a new pair, 401 without any change |
//! | `POST logout/` | 200: the session is over, everywhere |
//! | `POST logout-all/` | 200: every session of the user is over |
//! | `GET me/` | 200 `{"user": …}` |
//! | `GET sessions/`, `DELETE sessions/{sid}/` | 200, 404 for someone else's |
//! | `GET /api/csrf/` | 200 `{"csrfToken": …}`, sets the cookie |
//! | `POST /api/token/verify/` `{"token"}` | 200 `{}` for a valid access token, else 401 |
//! | forged, by the rules of [`core::csrf`](crate::core::csrf) | 403 |
//! | above a quota | 429 with `Retry-After`, cookies untouched |
//! | a store or the authenticator is down | 503 with `Retry-After`, cookies untouched |
//!
//! A refused refresh never clears a cookie and never changes the CSRF token: only logout clears,
//! and login replaces.
//!
//! # Example
//!
//! ```
//! use std::sync::Arc;
//! use portcullis::{
//!     Secret,
//!     core::{Answer, clock::SystemClock, keys::RotationKeys},
//!     core::memory::{MemoryRateStore, MemorySessions},
//!     jwt::KeyRing,
//!     refresh::{
//!         Authenticator, AuthenticatorError, Login, LoginOutcome, RefreshRotationService, Stores,
//!         User,
//!     },
//! };
//!
//! struct OnlyAda;
//!
//! impl Authenticator for OnlyAda {
//!     fn log_in(&self, login: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
//!         let right = login.username() == "ada" && login.password().expose() == b"engine";
//!         Answer::now(Ok(if right {
//!             LoginOutcome::Accepted(User::new("1"))
//!         } else {
//!             LoginOutcome::Refused { subject: None }
//!         }))
//!     }
//!
//!     fn active_user(&self, subject: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
//!         Answer::now(Ok(Some(User::new(subject))))
//!     }
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let signing = KeyRing::hs256(Secret::random(32)?)?;
//! let rotation = RotationKeys::new(1, &Secret::random(32)?)?;
//! let clock = Arc::new(SystemClock);
//! let stores = Stores::memory(clock.clone());
//!
//! let service = RefreshRotationService::builder(signing, rotation, stores, OnlyAda)
//!     .add_own_origin("https://chat.example".parse()?)
//!     .build()?;
//!
//! // A browser of another site gets nowhere.
//! use portcullis_testkit::ManualClock;
//! use tower::ServiceExt as _;
//! let forged = http::Request::post("/api/auth/login/")
//!     .header("origin", "https://evil.example")
//!     .body(http_body_util::Full::new(bytes::Bytes::new()))?;
//! # tokio_test::block_on(async {
//! let refused = service.oneshot(forged).await?;
//! assert_eq!(refused.status(), 403);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })
//! # }
//! ```

use std::{
    convert::Infallible,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use http_body::Body;
use portcullis_core::{answer::BoxFuture, respond::RequestView};
use tower_service::Service;

mod access;
mod authenticator;
mod body;
mod builder;
mod call;
mod cookies;
mod device;
mod django;
mod limits;
mod login;
mod logout;
mod mint;
mod reply;
mod rotate;
mod route;
mod sessions;
#[cfg(test)]
mod tests;

pub use authenticator::{Authenticator, AuthenticatorError, Login, LoginOutcome, User};
pub use builder::{Builder, ConfigError, Delivery, Stores};
pub use cookies::{CookieProfile, TokenCookies};
pub use django::DjangoBlacklist;
pub use limits::EndpointLimits;
pub use reply::ReplyBody;

use builder::Shared;

/// The service behind login, refresh and logout.
///
/// See the [module docs](self) for an example.
#[derive(Clone)]
pub struct RefreshRotationService {
    shared: Arc<Shared>,
}

impl fmt::Debug for RefreshRotationService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RefreshRotationService")
            .finish_non_exhaustive()
    }
}

impl<B> Service<Request<B>> for RefreshRotationService
where
    B: Body + Send + 'static,
    B::Data: Send,
{
    type Response = Response<ReplyBody>;
    type Error = Infallible;
    type Future = ResponseFuture;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> ResponseFuture {
        let shared = self.shared.clone();
        let (parts, body) = request.into_parts();
        ResponseFuture(Box::pin(async move {
            let view = RequestView {
                method: &parts.method,
                uri: &parts.uri,
                headers: &parts.headers,
                extensions: &parts.extensions,
            };
            call::answer(&shared, view, body).await.map(ReplyBody::new)
        }))
    }
}

/// Response future for [`RefreshRotationService`].
pub struct ResponseFuture(BoxFuture<Response<ReplyBody>>);

impl fmt::Debug for ResponseFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseFuture(..)")
    }
}

impl Future for ResponseFuture {
    type Output = Result<Response<ReplyBody>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

/// Lower-case hex digits of `bytes`.
fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
}

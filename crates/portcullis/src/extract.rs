//! Extracts what the layers have left in the request, for axum handlers.
//!
//! | argument | when nobody was authenticated |
//! |---|---|
//! | [`Authenticated<C>`] | 401 |
//! | `Option<Authenticated<C>>` | `None` |
//! | [`SessionEnded`] | 500, as without a [`StreamGuard`](crate::jwt_cookie::StreamGuard) |
//!
//! The authentication is that of [`JwtCookieAuthLayer`](crate::jwt_cookie::JwtCookieAuthLayer).
//!
//! # Example
//!
//! ```
//! use axum::{Router, routing::get};
//! use portcullis::jwt_cookie::Authenticated;
//!
//! async fn me(user: Authenticated) -> String {
//!     user.subject().to_owned()
//! }
//!
//! async fn home(user: Option<Authenticated>) -> String {
//!     user.map_or("anonymous".into(), |user| user.subject().to_owned())
//! }
//!
//! let app: Router = Router::new().route("/me", get(me)).route("/", get(home));
//! ```

use std::convert::Infallible;

use axum_core::{
    body::Body,
    extract::{FromRequestParts, OptionalFromRequestParts},
    response::{IntoResponse, Response},
};
use http::{StatusCode, request::Parts};
use portcullis_core::{
    Rejection,
    rejection::AuthReason,
    respond::{RequestView, SharedRespond},
};

use crate::jwt_cookie::{Authenticated, SessionEnded};

#[cfg(test)]
mod tests;

/// The refusal of a handler that wants a sender and got a request without one.
#[derive(Debug)]
pub struct Unauthenticated(Response);

impl IntoResponse for Unauthenticated {
    fn into_response(self) -> Response {
        self.0
    }
}

impl<S, C> FromRequestParts<S> for Authenticated<C>
where
    S: Send + Sync,
    C: Send + Sync + 'static,
{
    type Rejection = Unauthenticated;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Unauthenticated> {
        if let Some(user) = Self::of(&parts.extensions) {
            return Ok(user);
        }
        let rejection = Rejection::Authentication {
            reason: AuthReason::Missing,
            bearer: false,
        };
        let view = RequestView {
            method: &parts.method,
            uri: &parts.uri,
            headers: &parts.headers,
            extensions: &parts.extensions,
        };
        let response = SharedRespond::default().refuse(rejection, &view);
        Err(Unauthenticated(response.map(Body::from)))
    }
}

impl<S, C> OptionalFromRequestParts<S> for Authenticated<C>
where
    S: Send + Sync,
    C: Send + Sync + 'static,
{
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(&parts.extensions))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionEnded {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        Self::of(&parts.extensions).ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

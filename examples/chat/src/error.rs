//! The refusals of the chat routes, in the shape of the layers' own: `{"detail": …, "code": …}`.

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::database::DatabaseError;

/// A refusal of a chat route.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    detail: &'static str,
}

/// The body of every refusal.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Refused {
    /// A sentence for people.
    pub detail: &'static str,
    /// A stable word for programs.
    pub code: &'static str,
}

impl ApiError {
    /// No authentication layer let this request through.
    pub const UNAUTHENTICATED: Self = Self {
        status: StatusCode::UNAUTHORIZED,
        code: "token_not_valid",
        detail: "Authentication credentials were not provided or are not valid.",
    };

    /// A part that has to take part cannot, now.
    pub const UNAVAILABLE: Self = Self {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "unavailable",
        detail: "The service cannot answer now. Please try again.",
    };

    /// A request that is none of this route's.
    pub const fn invalid(detail: &'static str) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            code: "invalid",
            detail,
        }
    }

    /// A refusal with a status and a code of its own.
    pub const fn new(status: StatusCode, code: &'static str, detail: &'static str) -> Self {
        Self {
            status,
            code,
            detail,
        }
    }

    /// What the client reads.
    pub const fn body(self) -> Refused {
        Refused {
            detail: self.detail,
            code: self.code,
        }
    }
}

impl From<DatabaseError> for ApiError {
    fn from(error: DatabaseError) -> Self {
        tracing::error!(%error, "a request could not be answered");
        Self::UNAVAILABLE
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(self.body())).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static(r#"Bearer realm="api""#);
            headers.insert(header::WWW_AUTHENTICATE, challenge);
        }
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

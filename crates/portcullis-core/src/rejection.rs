//! Names every refusal: a stable code and status for the client, a reason for the operator.
//!
//! | rejection | status | who sees what |
//! |---|---|---|
//! | [`Rejection::Authentication`] | 401 | the client one body for all, the operator the reason |
//! | [`Rejection::Body`] | 400, 413, 415 | what is wrong with the body |
//! | [`Rejection::Csrf`] | 403 | a code for each of the reasons Django tells apart, and ours |
//! | [`Rejection::Forbidden`] | 403 | |
//! | [`Rejection::Host`] | 400 | |
//! | [`Rejection::HttpsRequired`] | 403 | |
//! | [`Rejection::LoginFailed`] | 401 | one body for an unknown user, a wrong password, a lock |
//! | [`Rejection::RateLimited`] | 429 | `Retry-After`, whole seconds, at least 1 |
//! | [`Rejection::Unavailable`] | 503 | `Retry-After` |

use http::StatusCode;

use crate::csrf::CsrfRejection;

/// Why a request was refused; `Copy`, so a layer can put it into the response's extensions.
///
/// # Example
///
/// ```
/// use portcullis_core::{Rejection, rejection::AuthReason};
///
/// let refused = Rejection::Authentication { reason: AuthReason::Missing, bearer: false };
/// assert_eq!(refused.status(), 401);
/// assert_eq!(refused.code(), "token_not_valid", "the same for every reason");
/// assert_eq!(refused.reason(), "missing");
/// assert_eq!(refused.retry_after(), None);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Rejection {
    /// Missing or invalid credentials.
    Authentication {
        /// For events and extensions only.
        reason: AuthReason,
        /// Whether the client presented a Bearer token, and so may be told `invalid_token`
        /// (RFC 6750 §3).
        bearer: bool,
    },
    /// A body that the service's own endpoints cannot read.
    Body(BodyReason),
    /// No proof that the request is not forged.
    Csrf(CsrfRejection),
    /// An authenticated sender that may not do this.
    Forbidden,
    /// A `Host` that is not one of ours, or none that can be parsed.
    Host(HostReason),
    /// A method that cannot be redirected, over plain http.
    HttpsRequired,
    /// A username and password that open nothing, whatever the cause.
    LoginFailed,
    /// Too many requests.
    RateLimited {
        /// Whole seconds until the same request would pass, at least 1.
        retry_after_secs: u32,
    },
    /// A store, or another part that must decide, cannot.
    Unavailable {
        /// Whole seconds after which a retry is worth it, at least 1.
        retry_after_secs: u32,
    },
}

/// Why authentication failed. Never shown to the client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum AuthReason {
    /// More than one cookie or header that could be the credential.
    Ambiguous,
    /// A token that does not verify; the text is the token reader's code.
    Invalid(&'static str),
    /// Nothing was presented.
    Missing,
    /// The session, the token or all of the user's older tokens were revoked.
    Revoked,
    /// Cookie and header are both valid, for different subjects.
    SubjectMismatch,
}

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum BodyReason {
    /// A field occurs twice.
    Duplicate,
    /// Neither a JSON object nor a form.
    Malformed,
    /// A field is missing, empty or no text.
    MissingField,
    /// Longer than the endpoint reads.
    TooLarge,
    /// A content type other than JSON and form.
    UnsupportedType,
}

/// Why a host was refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum HostReason {
    /// Several, or `:authority` and `Host` that differ.
    Ambiguous,
    /// None, or not a host and port.
    Malformed,
    /// Not on the list.
    NotAllowed,
}

impl Rejection {
    /// The stable code that the client reads; the same for every authentication failure.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Authentication { .. } => "token_not_valid",
            Self::Body(reason) => match reason {
                BodyReason::Duplicate => "duplicate_field",
                BodyReason::Malformed => "parse_error",
                BodyReason::MissingField => "required",
                BodyReason::TooLarge => "body_too_large",
                BodyReason::UnsupportedType => "unsupported_media_type",
            },
            Self::Csrf(rejection) => rejection.code(),
            Self::Forbidden => "permission_denied",
            Self::Host(_) => "host_not_allowed",
            Self::HttpsRequired => "https_required",
            Self::LoginFailed => "no_active_account",
            Self::RateLimited { .. } => "throttled",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    /// The sentence that the client reads beside the code.
    pub const fn detail(&self) -> &'static str {
        match self {
            Self::Authentication { .. } => {
                "Authentication credentials were not provided or are not valid."
            }
            Self::Body(reason) => match reason {
                BodyReason::Duplicate => "A field occurs more than once.",
                BodyReason::Malformed => "The body is neither a JSON object nor a form.",
                BodyReason::MissingField => "A required field is missing, empty or not a text.",
                BodyReason::TooLarge => "The body is too large.",
                BodyReason::UnsupportedType => "Send application/json.",
            },
            Self::Csrf(rejection) => rejection.detail(),
            Self::Forbidden => "You do not have permission to perform this action.",
            Self::Host(_) => "The Host header names no host of this service.",
            Self::HttpsRequired => "This service answers over https only.",
            Self::LoginFailed => "No active account found with the given credentials",
            Self::RateLimited { .. } => "Request was throttled.",
            Self::Unavailable { .. } => "The service cannot decide this request now; try again.",
        }
    }

    /// The reason for events and logs: never a token, never anything the peer wrote.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Authentication { reason, .. } => match reason {
                AuthReason::Ambiguous => "ambiguous",
                AuthReason::Invalid(code) => code,
                AuthReason::Missing => "missing",
                AuthReason::Revoked => "revoked",
                AuthReason::SubjectMismatch => "subject_mismatch",
            },
            Self::Host(reason) => match reason {
                HostReason::Ambiguous => "host_ambiguous",
                HostReason::Malformed => "host_malformed",
                HostReason::NotAllowed => "host_not_allowed",
            },
            _ => self.code(),
        }
    }

    /// The HTTP status.
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::Authentication { .. } | Self::LoginFailed => StatusCode::UNAUTHORIZED,
            Self::Body(BodyReason::TooLarge) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(BodyReason::UnsupportedType) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Body(_) | Self::Host(_) => StatusCode::BAD_REQUEST,
            Self::Csrf(_) | Self::Forbidden | Self::HttpsRequired => StatusCode::FORBIDDEN,
            Self::RateLimited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable { .. } => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The gRPC status code that says the same.
    pub const fn grpc_code(&self) -> u8 {
        match self {
            Self::Authentication { .. } | Self::LoginFailed => 16,
            Self::Csrf(_) | Self::Forbidden | Self::HttpsRequired => 7,
            Self::Body(_) | Self::Host(_) => 3,
            Self::RateLimited { .. } => 8,
            Self::Unavailable { .. } => 14,
        }
    }

    /// Whole seconds for `Retry-After`, at least 1, where a retry can help.
    pub fn retry_after(&self) -> Option<u32> {
        match *self {
            Self::RateLimited { retry_after_secs } | Self::Unavailable { retry_after_secs } => {
                Some(retry_after_secs.max(1))
            }
            _ => None,
        }
    }
}

//! One request to the service: what every endpoint asks of it, and the way to the endpoint.

use std::net::IpAddr;

use http::{HeaderValue, StatusCode, header};
use http_body::Body;
use portcullis_core::{
    audit::{AuditEvent, AuditKind},
    client::Client,
    clock::Timestamp,
    cookie,
    csrf::SessionRef,
    rejection::{AuthReason, BodyReason, Rejection},
    respond::RequestView,
    store::{Confirmation, StoreError},
};
use portcullis_jwt::RefreshClaims;

use super::{
    AuthenticatorError,
    body::{BodyError, Fields},
    builder::Shared,
    limits::Blocked,
    reply::{Reply, problem},
    route::{NoRoute, Route},
};

/// What an endpoint answers.
pub(super) type Outcome = Result<Reply, Rejection>;

/// What is worth a retry after a second: a store or a database that is away.
pub(super) const UNAVAILABLE: Rejection = Rejection::Unavailable {
    retry_after_secs: 1,
};

/// One request, and the service it came to.
pub(super) struct Call<'a> {
    pub(super) shared: &'a Shared,
    pub(super) view: RequestView<'a>,
    pub(super) client: Client<'a>,
    pub(super) now: Timestamp,
}

/// Finds the endpoint and lets it answer.
pub(super) async fn answer<B: Body>(shared: &Shared, view: RequestView<'_>, body: B) -> Reply {
    let route = match shared.base.route(view.method, view.uri.path()) {
        Ok(route) => route,
        Err(NoRoute::Path) => return problem(StatusCode::NOT_FOUND, "Not found.", "not_found"),
        Err(NoRoute::Method(allowed)) => {
            let status = StatusCode::METHOD_NOT_ALLOWED;
            let mut reply = problem(status, "Method not allowed.", "method_not_allowed");
            reply
                .headers_mut()
                .insert(header::ALLOW, HeaderValue::from_static(allowed));
            return reply;
        }
    };
    let call = Call {
        shared,
        view,
        client: shared.client.client(&view),
        now: shared.clock.now(),
    };
    let outcome = match route {
        Route::Csrf => call.csrf(),
        Route::EndSession { sid } => call.end_session(sid).await,
        Route::Login => call.login(body).await,
        Route::Logout => call.logout().await,
        Route::LogoutAll => call.logout_all(body).await,
        Route::Me => call.me().await,
        Route::Refresh => call.refresh().await,
        Route::Sessions => call.sessions().await,
        Route::Verify => call.verify(body).await,
    };
    outcome.unwrap_or_else(|rejection| call.refuse(rejection))
}

impl<'a> Call<'a> {
    fn refuse(&self, rejection: Rejection) -> Reply {
        if !matches!(rejection, Rejection::LoginFailed | Rejection::Body(_)) {
            self.audit(AuditKind::Refused, |event| {
                event.with_reason(rejection.reason())
            });
        }
        self.shared.respond.refuse(rejection, &self.view)
    }

    /// Reports an event, with the client's address.
    pub(super) fn audit(&self, kind: AuditKind, fill: impl FnOnce(AuditEvent) -> AuditEvent) {
        let event = AuditEvent::new(kind, self.now).with_address(self.client.address);
        self.shared.audit.record(fill(event));
    }

    /// Reports that the store failed, and refuses.
    pub(super) fn store_failed(&self, error: &StoreError) -> Rejection {
        let source = std::error::Error::source(error).map(ToString::to_string);
        self.audit(AuditKind::StoreFailed, |event| {
            event.with_reason(format!("{error}: {}", source.unwrap_or_default()))
        });
        UNAVAILABLE
    }

    /// Reports that the application's user check failed, and refuses.
    pub(super) fn authenticator_failed(&self, error: &AuthenticatorError) -> Rejection {
        self.audit(AuditKind::StoreFailed, |event| {
            event.with_reason(error.to_string())
        });
        UNAVAILABLE
    }

    /// Reports a revocation that no replica confirmed, as `of` describes it; says whether one did.
    pub(super) fn confirmed(
        &self,
        confirmation: Confirmation,
        of: impl FnOnce(AuditEvent) -> AuditEvent,
    ) -> bool {
        let confirmed = confirmation == Confirmation::Confirmed;
        if !confirmed {
            self.audit(AuditKind::RevocationUnconfirmed, of);
        }
        confirmed
    }

    /// The client's address. A server that names no peer gets a refusal, never a shared bucket.
    pub(super) fn address(&self) -> Result<IpAddr, Rejection> {
        self.client.address.ok_or_else(|| {
            self.audit(AuditKind::StoreFailed, |event| {
                event.with_reason(
                    "no peer address: put a PeerAddr into the request's extensions, or tell the \
                     ClientPolicy where to find it",
                )
            });
            UNAVAILABLE
        })
    }

    /// Turns a limit's answer into a rejection.
    pub(super) fn blocked(&self, blocked: Blocked) -> Rejection {
        match blocked {
            Blocked::Refused(rejection) => rejection,
            Blocked::Store(error) => self.store_failed(&error),
        }
    }

    /// The refresh tokens presented, as they are; the cookie's name says which.
    pub(super) fn refresh_cookies(&self) -> impl Iterator<Item = &'a [u8]> {
        let headers = self.view.headers;
        cookie::all(headers, self.shared.cookies.refresh_name())
            .collect::<Vec<_>>()
            .into_iter()
            .filter(|value| !value.is_empty())
    }

    /// What the presented refresh tokens say whose signature is right, expired or not; at most 4.
    pub(super) fn known_refresh_tokens(&self) -> Vec<RefreshClaims> {
        self.refresh_cookies()
            .take(4)
            .filter_map(|token| {
                self.shared
                    .reader
                    .read_refresh_ignoring_expiry(token, self.now)
                    .ok()
            })
            .collect()
    }

    /// Checks CSRF on an endpoint that is always checked.
    pub(super) fn check_csrf(&self, sessions: &[SessionRef<'_>]) -> Result<(), Rejection> {
        self.shared
            .csrf
            .check_always(&self.view, &self.client, sessions)
            .map(drop)
            .map_err(Rejection::Csrf)
    }
}

/// The session for which a CSRF token beside this refresh token is signed.
pub(super) fn session_of(claims: &RefreshClaims) -> SessionRef<'_> {
    match claims.base().session() {
        Some(session) => SessionRef::Session(session.sid()),
        None => SessionRef::User(claims.base().subject()),
    }
}

/// The one 401 of every authentication failure.
pub(super) const fn unauthenticated(reason: AuthReason) -> Rejection {
    Rejection::Authentication {
        reason,
        bearer: false,
    }
}

/// Reads the fields of a body.
pub(super) async fn fields<B: Body>(call: &Call<'_>, body: B) -> Result<Fields, Rejection> {
    super::body::read(call.view.headers, body)
        .await
        .map_err(|error| {
            Rejection::Body(match error {
                BodyError::Duplicate => BodyReason::Duplicate,
                BodyError::Malformed => BodyReason::Malformed,
                BodyError::TooLarge => BodyReason::TooLarge,
                BodyError::UnsupportedType => BodyReason::UnsupportedType,
            })
        })
}

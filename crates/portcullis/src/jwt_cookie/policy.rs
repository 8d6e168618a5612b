//! Decides whom a request is from, without a service: what the tests and the future call.

use std::{fmt, sync::Arc};

use http::{HeaderMap, Request, header};
use portcullis_core::{
    Answer, Rejection,
    audit::{AuditEvent, AuditKind, AuditSink},
    clock::{Clock, SystemClock, Timestamp},
    cookie::{CookieSpec, Places},
    identity::Source,
    rejection::AuthReason,
    store::{Revocations, StoreError, TokenFacts},
};
use portcullis_jwt::{CachedReader, Claims};
use serde::de::DeserializeOwned;

use super::{
    authenticated::Authenticated,
    credentials::{Presented, Search},
    stream::{SessionEnded, StreamGuard},
};

/// Seconds after which a request that the store could not decide is worth a retry.
const RETRY_SECS: u32 = 1;

/// Where a token is looked for, in the order in which it counts.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Sources {
    /// The `Authorization` header alone; cookies are not looked at.
    BearerOnly,
    /// The header, then the cookie.
    BearerThenCookie,
    /// The cookie alone; `Authorization` is not looked at.
    CookieOnly,
    /// The cookie, then the header.
    #[default]
    CookieThenBearer,
}

/// Whether a request without a credential passes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mode {
    /// Passes without identity. An invalid credential is refused all the same.
    Optional,
    /// Is refused.
    #[default]
    Required,
}

/// What an invalid cookie does.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum InvalidCookie {
    /// Refuses the request.
    #[default]
    Refuse,
    /// Counts as absent when a Bearer token is there; alone, it refuses the request.
    TryHeader,
}

/// Who is asked whether a verified token still counts.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Revocation {
    /// A store that answers from the memory of this process, and is told of revocations.
    Local(Arc<dyn Revocations>),
    /// Nobody: a token counts until it expires.
    #[default]
    None,
    /// A store that is asked over the network on every request.
    Remote(Arc<dyn Revocations>),
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) sources: Sources,
    pub(crate) mode: Mode,
    pub(crate) invalid_cookie: InvalidCookie,
    pub(crate) access_cookie: String,
    pub(crate) refresh_cookie: String,
    pub(crate) revocation: Revocation,
    pub(crate) guard: Option<StreamGuard>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) forward_tokens: bool,
    pub(crate) audit: Option<Audit>,
}

#[derive(Clone)]
pub(crate) struct Audit(pub(crate) Arc<dyn AuditSink>);

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit(..)")
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            sources: Sources::default(),
            mode: Mode::default(),
            invalid_cookie: InvalidCookie::default(),
            access_cookie: "__Host-access_token".to_owned(),
            refresh_cookie: "__Host-refresh_token".to_owned(),
            revocation: Revocation::default(),
            guard: None,
            clock: Arc::new(SystemClock),
            forward_tokens: false,
            audit: None,
        }
    }
}

/// What a request that may pass says of its sender.
pub(crate) struct Sender<C> {
    /// `None` for nobody, where that is allowed.
    pub(crate) user: Option<Authenticated<C>>,
    /// Whether it carries a Bearer token, which goes no further.
    bearer: bool,
    /// Where its token cookies stand, which go no further either.
    cookies: Places,
}

impl Policy {
    /// Whom the request is from.
    pub(crate) fn authenticate<C: DeserializeOwned>(
        &self,
        reader: &CachedReader<C>,
        headers: &HeaderMap,
    ) -> Result<Sender<C>, Rejection> {
        let names = self.token_cookies();
        // What is not taken out need not be found.
        let sought = if self.forward_tokens { 1 } else { names.len() };
        let search = Search::through(headers, &names[..sought]);
        let cookie = if self.reads_cookie() {
            Presented::from(search.cookies.found)
        } else {
            Presented::Missing
        };
        let header = if self.reads_header() {
            search.bearer()
        } else {
            Presented::Missing
        };
        let bearer = header != Presented::Missing;
        self.decide(reader, cookie, header)
            .map(|user| Sender {
                user,
                bearer,
                cookies: search.cookies.places(),
            })
            .map_err(|reason| Rejection::Authentication { reason, bearer })
    }

    fn decide<C: DeserializeOwned>(
        &self,
        reader: &CachedReader<C>,
        cookie: Presented<'_>,
        header: Presented<'_>,
    ) -> Result<Option<Authenticated<C>>, AuthReason> {
        if cookie == Presented::Missing && header == Presented::Missing {
            return match self.mode {
                Mode::Optional => Ok(None),
                Mode::Required => Err(AuthReason::Missing),
            };
        }
        let clock = &*self.clock;
        let by_header = read(reader, header, Source::Bearer, clock)?;
        let by_cookie = match read(reader, cookie, Source::Cookie, clock) {
            Err(AuthReason::Invalid(_))
                if by_header.is_some() && self.invalid_cookie == InvalidCookie::TryHeader =>
            {
                None
            }
            other => other?,
        };
        match (by_cookie, by_header) {
            (Some(cookie), Some(header)) if cookie.subject() != header.subject() => {
                Err(AuthReason::SubjectMismatch)
            }
            (Some(_), Some(header)) if self.sources == Sources::BearerThenCookie => {
                Ok(Some(header))
            }
            (cookie, header) => Ok(cookie.or(header)),
        }
    }

    const fn reads_cookie(&self) -> bool {
        !matches!(self.sources, Sources::BearerOnly)
    }

    const fn reads_header(&self) -> bool {
        !matches!(self.sources, Sources::CookieOnly)
    }

    /// Asks whether the token of `user` is revoked.
    pub(crate) fn check_revoked<C>(
        &self,
        user: Option<&Authenticated<C>>,
    ) -> Answer<Result<bool, StoreError>> {
        match (&self.revocation, user) {
            (Revocation::Local(store) | Revocation::Remote(store), Some(user)) => {
                store.is_revoked(&user.claims().base().facts())
            }
            (Revocation::None, _) | (_, None) => Answer::now(Ok(false)),
        }
    }

    /// Tells the audit sink of a refusal; `claims` are those of a token that was verified.
    pub(crate) fn report(&self, rejection: Rejection, claims: Option<&Claims>) {
        let Some(Audit(sink)) = &self.audit else {
            return;
        };
        let mut event =
            AuditEvent::new(AuditKind::Refused, self.clock.now()).with_reason(rejection.reason());
        if let Some(claims) = claims {
            event = event.with_subject(claims.subject());
            if let Some(session) = claims.session() {
                event = event.with_session(session.sid());
            }
        }
        sink.record(event);
    }

    /// Prepares a request that passes: what was learned goes in, tokens go out.
    pub(crate) fn admit<Q, C: Send + Sync + 'static>(
        self: &Arc<Self>,
        request: &mut Request<Q>,
        sender: Sender<C>,
    ) -> Option<SessionEnded> {
        if !self.forward_tokens {
            let headers = request.headers_mut();
            sender.cookies.strip(headers, &self.token_cookies());
            if sender.bearer {
                headers.remove(header::AUTHORIZATION);
            }
        }
        let identity = sender.user?.identity();
        if self.guard.is_none() {
            request.extensions_mut().insert(identity);
            return None;
        }
        let identity = identity.with_context(self.clone());
        let watch = SessionEnded::of_identity(&identity);
        request.extensions_mut().insert(identity);
        watch
    }

    /// The names of the cookies that go no further, the access token's first where it is read.
    fn token_cookies(&self) -> [&str; 2] {
        let refresh = self.refresh_cookie.as_str();
        if self.reads_cookie() {
            [&self.access_cookie, refresh]
        } else {
            [refresh, refresh]
        }
    }
}

fn read<C: DeserializeOwned>(
    reader: &CachedReader<C>,
    presented: Presented<'_>,
    source: Source,
    clock: &dyn Clock,
) -> Result<Option<Authenticated<C>>, AuthReason> {
    match presented {
        Presented::Ambiguous => Err(AuthReason::Ambiguous),
        Presented::Malformed => Err(AuthReason::Invalid("bearer_malformed")),
        Presented::Missing => Ok(None),
        Presented::Token(token) => match reader.read_by(token, clock) {
            Ok(claims) => Ok(Some(Authenticated::new(claims, source))),
            Err(refused) => Err(AuthReason::Invalid(refused.code())),
        },
    }
}

/// What the store's answer means for `user`.
pub(crate) fn revocation_verdict<C>(
    answer: &Result<bool, StoreError>,
    user: Option<&Authenticated<C>>,
) -> Result<(), Rejection> {
    match answer {
        Ok(false) => Ok(()),
        Ok(true) => Err(Rejection::Authentication {
            reason: AuthReason::Revoked,
            bearer: user.is_some_and(|user| user.source() == Source::Bearer),
        }),
        Err(_) => Err(Rejection::Unavailable {
            retry_after_secs: RETRY_SECS,
        }),
    }
}

/// Both names, if a browser would keep cookies called so.
pub(crate) fn cookie_names(
    access: String,
    refresh: String,
) -> Result<(String, String), AuthConfigError> {
    for name in [&access, &refresh] {
        if let Err(error) = CookieSpec::new(name.as_str()) {
            return Err(AuthConfigError(error.to_string()));
        }
    }
    if access == refresh {
        return Err(AuthConfigError(format!(
            "access and refresh cookie are both called {access:?}: give them different names"
        )));
    }
    Ok((access, refresh))
}

/// Whether streams can be ended by what `revocation` learns.
pub(crate) fn check_guardable(revocation: &Revocation) -> Result<(), AuthConfigError> {
    let probe = TokenFacts {
        subject: "",
        session: None,
        jti: "",
        issued_at: Timestamp::MAX,
        session_started: None,
    };
    match revocation {
        Revocation::Local(store) if store.watch(&probe).is_some() => Ok(()),
        Revocation::Local(_) => Err(AuthConfigError(
            "guarding streams needs a revocation store that can watch a token; this one cannot"
                .to_owned(),
        )),
        Revocation::None | Revocation::Remote(_) => Err(AuthConfigError(
            "guarding streams needs Revocation::Local: nobody else hears of a logout in time"
                .to_owned(),
        )),
    }
}

/// A setting of the layer that cannot work.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct AuthConfigError(String);

impl fmt::Display for AuthConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AuthConfigError {}

//! Collects one configuration for all the layers, so that they cannot contradict each other.

use std::{fmt, sync::Arc};

use portcullis_core::{
    audit::{AuditSink, NoAudit},
    client::ClientPolicy,
    clock::{Clock, SystemClock},
    csrf::{CsrfBinding, CsrfConfigError, CsrfPolicy},
    headers::HeaderPolicy,
    hosts::{AllowedHosts, HostConfigError},
    keys::{Purpose, RotationKeys},
    origin::{Origin, Scheme},
    rate::{Limit, Limiter, Quota, QuotaError},
    respond::{Respond, SharedRespond},
};
use portcullis_jwt::{KeyRing, TokenReader};
use serde::de::DeserializeOwned;

use super::{Portcullis, PublicLayer, Stack};
use crate::{
    allowed_hosts::AllowedHostsLayer,
    csrf::CsrfLayer,
    https_redirect::HttpsRedirectLayer,
    jwt_cookie::{AuthConfigError, JwtCookieAuthLayer, Revocation, StreamGuard},
    rate_limit::{RateLimitLayer, RateRule},
    refresh::{self, Authenticator, CookieProfile, RefreshRotationService, Stores, TokenCookies},
    security_headers::SecurityHeadersLayer,
};

/// Builds a [`Stack`]. See the [module docs](super) for an example.
#[must_use]
pub struct StackBuilder {
    reader: TokenReader,
    rotation: RotationKeys,
    stores: Stores,
    service: refresh::Builder,
    csrf: CsrfPolicy,
    origins: Vec<Origin>,
    hosts: AllowedHosts,
    client: ClientPolicy,
    cookies: TokenCookies,
    headers: HeaderPolicy,
    by_address: Quota,
    by_subject: Quota,
    limiter: Arc<dyn Fn(Limiter) -> Limiter + Send + Sync>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    respond: SharedRespond,
}

impl fmt::Debug for StackBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StackBuilder")
            .field("origins", &self.origins)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

impl Portcullis {
    /// Starts a stack: `signing` signs the tokens, `rotation` (which nobody else has) makes
    /// refresh tokens unique and signs CSRF tokens, `authenticator` knows the users.
    ///
    /// It still needs [`StackBuilder::add_own_origin`].
    pub fn builder(
        signing: KeyRing,
        rotation: RotationKeys,
        stores: Stores,
        authenticator: impl Authenticator,
    ) -> StackBuilder {
        let per_second = |count| Quota::per_second(count).expect("a constant quota");
        StackBuilder {
            reader: TokenReader::new(signing.clone()),
            csrf: CsrfPolicy::from_rotation_keys(&rotation),
            service: RefreshRotationService::builder(
                signing,
                rotation.clone(),
                stores.clone(),
                authenticator,
            ),
            rotation,
            stores,
            origins: Vec::new(),
            hosts: AllowedHosts::new(),
            client: ClientPolicy::direct(),
            cookies: TokenCookies::new(CookieProfile::Host),
            headers: HeaderPolicy::api(),
            by_address: per_second(100),
            by_subject: per_second(100),
            limiter: Arc::new(|limiter| limiter),
            audit: Arc::new(NoAudit),
            clock: Arc::new(SystemClock),
            respond: SharedRespond::default(),
        }
    }
}

impl StackBuilder {
    /// Serves `origin`: its host is allowed, requests from it are our own, and plain http goes to
    /// https unless every own origin is http.
    pub fn add_own_origin(mut self, origin: Origin) -> Self {
        self.csrf = self.csrf.add_own_origin(origin.clone());
        self.origins.push(origin);
        self
    }

    /// Trusts unsafe requests from another origin, `https://app.example` or `https://*.example`.
    ///
    /// # Errors
    ///
    /// [`CsrfConfigError`] for an entry that is neither.
    pub fn add_trusted_origin(self, entry: &str) -> Result<Self, CsrfConfigError> {
        Ok(Self {
            csrf: self.csrf.add_trusted_origin(entry)?,
            ..self
        })
    }

    /// Serves `host` too, without making it an origin: health checks by address.
    ///
    /// # Errors
    ///
    /// [`HostConfigError`] for what is no host.
    pub fn add_host(self, host: &str) -> Result<Self, HostConfigError> {
        Ok(Self {
            hosts: self.hosts.add_host(host)?,
            ..self
        })
    }

    /// Learns about clients behind proxies from `client`; and, where the server keeps the peer's
    /// address in an extension of its own, that too.
    pub fn with_client_policy(self, client: ClientPolicy) -> Self {
        Self { client, ..self }
    }

    /// Sets the names and attributes of the cookies.
    pub fn with_cookies(self, cookies: TokenCookies) -> Self {
        Self { cookies, ..self }
    }

    /// Sets the security headers instead of [`HeaderPolicy::api`].
    pub fn with_headers(self, headers: HeaderPolicy) -> Self {
        Self { headers, ..self }
    }

    /// Sets what a CSRF token must be signed for.
    pub fn with_csrf_binding(self, binding: CsrfBinding) -> Self {
        Self {
            csrf: self.csrf.with_binding(binding),
            ..self
        }
    }

    /// Sets the quota of each client address instead of 100 a second.
    pub fn with_address_quota(self, quota: Quota) -> Self {
        Self {
            by_address: quota,
            ..self
        }
    }

    /// Sets the quota of each user instead of 100 a second.
    pub fn with_subject_quota(self, quota: Quota) -> Self {
        Self {
            by_subject: quota,
            ..self
        }
    }

    /// Changes how both limits ask their store: the deadline, the number of nodes, and what
    /// happens while it cannot decide.
    ///
    /// The limits of the login service are set by
    /// [`EndpointLimits`](crate::refresh::EndpointLimits).
    pub fn with_limiter(self, change: impl Fn(Limiter) -> Limiter + Send + Sync + 'static) -> Self {
        Self {
            limiter: Arc::new(change),
            ..self
        }
    }

    /// Reads tokens with `reader` instead of a plain one: issuer, audience, leeway.
    pub fn with_reader(self, reader: TokenReader) -> Self {
        Self { reader, ..self }
    }

    /// Changes the login service: lifetimes, delivery, login limits, minting.
    ///
    /// What the stack sets itself (origins, cookies, client, clock, audit, responder) wins.
    pub fn configure_service(
        self,
        change: impl FnOnce(refresh::Builder) -> refresh::Builder,
    ) -> Self {
        Self {
            service: change(self.service),
            ..self
        }
    }

    /// Reports security events of every layer to `audit`.
    pub fn with_audit(self, audit: impl AuditSink + 'static) -> Self {
        Self {
            audit: Arc::new(audit),
            ..self
        }
    }

    /// Takes the time from `clock`.
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        Self { clock, ..self }
    }

    /// Answers rejections with `respond` instead of [`Negotiate`](crate::respond::Negotiate).
    pub fn with_respond(self, respond: impl Respond + 'static) -> Self {
        Self {
            respond: SharedRespond::new(respond),
            ..self
        }
    }

    /// Puts the stack together.
    ///
    /// # Errors
    ///
    /// [`StackConfigError`], which names what does not fit and the remedy.
    pub fn build(self) -> Result<Stack, StackConfigError> {
        self.build_with_claims()
    }

    /// Puts the stack together, with the application's own claims as `C`.
    ///
    /// # Errors
    ///
    /// [`StackConfigError`].
    pub fn build_with_claims<C: DeserializeOwned>(self) -> Result<Stack<C>, StackConfigError> {
        if self.origins.is_empty() {
            return Err(StackConfigError(
                "no own origin: call `add_own_origin` with the URL that browsers show, like \
                 `https://chat.example`"
                    .into(),
            ));
        }
        let csrf = self.csrf.clone().with_cookie(self.cookies.csrf().clone());
        let service = self
            .service
            .clone()
            .with_reader(self.reader.clone())
            .with_cookies(self.cookies.clone())
            .with_csrf(csrf.clone())
            .with_client_policy(self.client.clone())
            .with_shared_audit(self.audit.clone())
            .with_clock(self.clock.clone())
            .with_respond(self.respond.clone())
            .build()?;
        Ok(Stack {
            outer: self.outer()?,
            authentication: self.authentication()?,
            csrf: CsrfLayer::new(csrf)
                .with_client_policy(self.client.clone())
                .with_respond(self.respond.clone())
                .with_audit(self.audit.clone(), self.clock.clone()),
            by_subject: self.limited(RateRule::by_subject(Limit::new("user", self.by_subject)?))?,
            service,
        })
    }

    fn outer(&self) -> Result<PublicLayer, StackConfigError> {
        let mut hosts = self.hosts.clone();
        for origin in &self.origins {
            hosts = hosts.add_host(origin.authority().host())?;
        }
        let redirect = HttpsRedirectLayer::new(hosts.clone())
            .with_client_policy(self.client.clone())
            .with_respond(self.respond.clone());
        let plain = self
            .origins
            .iter()
            .all(|origin| origin.scheme() == Scheme::Http);
        let by_address = Limit::new("address", self.by_address)?.exposed();
        Ok(PublicLayer {
            headers: SecurityHeadersLayer::new(self.headers.clone())
                .with_client_policy(self.client.clone()),
            hosts: AllowedHostsLayer::new(hosts)
                .with_client_policy(self.client.clone())
                .with_respond(self.respond.clone()),
            redirect: if plain {
                redirect.switched_off()
            } else {
                redirect
            },
            by_address: self.limited(RateRule::by_address(by_address))?,
        })
    }

    fn authentication<C: DeserializeOwned>(
        &self,
    ) -> Result<JwtCookieAuthLayer<C>, StackConfigError> {
        Ok(JwtCookieAuthLayer::new(self.reader.clone())
            .with_cookie_names(self.cookies.access_name(), self.cookies.refresh_name())?
            .with_clock(self.clock.clone())
            .with_audit(self.audit.clone())
            .with_respond(self.respond.clone())
            .with_revocation(Revocation::Local(self.stores.revocations.clone()))?
            .with_stream_guard(StreamGuard::new())?)
    }

    fn limited(&self, rule: RateRule) -> Result<RateLimitLayer, StackConfigError> {
        let key = self.rotation.current().derive(Purpose::Limiter);
        let limiter = Limiter::new(self.stores.rates.clone(), key).with_audit(self.audit.clone());
        RateLimitLayer::new((self.limiter)(limiter), self.client.clone())
            .with_respond(self.respond.clone())
            .with_audit(self.audit.clone(), self.clock.clone())
            .add_rule(rule)
            .map_err(|error| StackConfigError(error.to_string()))
    }
}

/// A configuration of the stack that cannot be used; the message says what and what to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StackConfigError(String);

impl fmt::Display for StackConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for StackConfigError {}

macro_rules! from_errors {
    ($($error:ty),+) => {
        $(impl From<$error> for StackConfigError {
            fn from(error: $error) -> Self {
                Self(error.to_string())
            }
        })+
    };
}

from_errors!(
    AuthConfigError,
    HostConfigError,
    QuotaError,
    refresh::ConfigError
);

//! Puts the service together, and refuses what does not fit before the first request.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{
    Answer, Secret,
    audit::{AuditSink, NoAudit},
    client::ClientPolicy,
    clock::{Clock, SystemClock, Timestamp},
    csrf::{CsrfBinding, CsrfPolicy},
    keys::{Purpose, RotationKeys},
    memory::{MemoryRateStore, MemorySessions},
    origin::Origin,
    rate::{Limiter, RateStore},
    respond::{Respond, SharedRespond},
    rotation::RotationPolicy,
    store::{Blacklist, FamilyStore, Revocations},
};
use portcullis_jwt::{CachedReader, KeyRing, Minter, TokenReader};

use super::{
    Authenticator, AuthenticatorError, CookieProfile, DjangoBlacklist, EndpointLimits,
    RefreshRotationService, TokenCookies, device::Devices, limits::Limits, route::Base,
};
use crate::jwt_cookie::{Revocation, policy::Policy};

/// How tokens reach the client.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Delivery {
    /// The access token in the JSON body, `{"access": …, "expires_in": …}`, to be kept in memory;
    /// the refresh token in its HttpOnly cookie.
    AccessInBody,
    /// Both as HttpOnly cookies, no token in any body.
    #[default]
    Cookies,
}

/// Where sessions and counters are kept.
///
/// # Example
///
/// ```
/// use portcullis::{core::clock::SystemClock, refresh::Stores};
/// use std::sync::Arc;
///
/// let stores = Stores::memory(Arc::new(SystemClock)); // one process; a restart ends every session
/// assert!(format!("{stores:?}").contains("MemorySessions"));
/// ```
#[derive(Clone, Debug)]
pub struct Stores {
    /// The refresh families.
    pub families: Arc<dyn FamilyStore>,
    /// The revocations of access tokens.
    pub revocations: Arc<dyn Revocations>,
    /// The Django tokens that are used up.
    pub blacklist: Arc<dyn Blacklist>,
    /// The rate counters.
    pub rates: Arc<dyn RateStore>,
}

impl Stores {
    /// The stores of one process.
    pub fn memory(clock: Arc<dyn Clock>) -> Self {
        let sessions = Arc::new(MemorySessions::new(clock.clone()));
        Self {
            families: sessions.clone(),
            revocations: sessions.clone(),
            blacklist: sessions,
            rates: Arc::new(MemoryRateStore::new(clock)),
        }
    }
}

/// All that the endpoints share.
pub(super) struct Shared {
    pub(super) base: Base,
    pub(super) reader: TokenReader,
    /// Whom `me`, `sessions` and `logout-all` believe.
    pub(super) access: Policy,
    pub(super) access_reader: CachedReader<()>,
    pub(super) minter: Minter,
    pub(super) keys: RotationKeys,
    pub(super) policy: RotationPolicy,
    pub(super) stores: Stores,
    pub(super) authenticator: Arc<dyn Authenticator>,
    pub(super) csrf: CsrfPolicy,
    pub(super) client: ClientPolicy,
    pub(super) cookies: TokenCookies,
    pub(super) delivery: Delivery,
    pub(super) limits: Limits,
    pub(super) devices: Devices,
    pub(super) adoption: Option<Adoption>,
    pub(super) reauthentication: Option<Reauthenticate>,
    pub(super) audit: Arc<dyn AuditSink>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) respond: SharedRespond,
}

/// Checks the password of a user who is signed in already.
pub(super) type Reauthenticate =
    Arc<dyn Fn(&str, &Secret) -> Answer<Result<bool, AuthenticatorError>> + Send + Sync>;

/// Until when Django's refresh tokens are taken over, and who knows of them.
#[derive(Clone)]
pub(super) struct Adoption {
    pub(super) until: Timestamp,
    pub(super) django: Arc<dyn DjangoBlacklist>,
}

/// Builds a [`RefreshRotationService`]. See the [module docs](super) for an example.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    base: String,
    signing: KeyRing,
    reader: Option<TokenReader>,
    minter: Option<Minter>,
    keys: RotationKeys,
    policy: RotationPolicy,
    stores: Stores,
    authenticator: Arc<dyn Authenticator>,
    csrf: CsrfPolicy,
    client: ClientPolicy,
    cookies: TokenCookies,
    insecure_cookies: bool,
    delivery: Delivery,
    limits: Option<EndpointLimits>,
    adoption: Option<Adoption>,
    reauthentication: Option<Reauthenticate>,
    audit: Arc<dyn AuditSink>,
    clock: Arc<dyn Clock>,
    respond: SharedRespond,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("base", &self.base)
            .field("policy", &self.policy)
            .field("stores", &self.stores)
            .field("cookies", &self.cookies)
            .field("delivery", &self.delivery)
            .finish_non_exhaustive()
    }
}

impl RefreshRotationService {
    /// Starts a service that signs access tokens with `signing` and makes refresh tokens unique by
    /// `rotation`, a key that nobody else has.
    pub fn builder(
        signing: KeyRing,
        rotation: RotationKeys,
        stores: Stores,
        authenticator: impl Authenticator,
    ) -> Builder {
        let cookies = TokenCookies::new(CookieProfile::Host);
        Builder {
            base: "/api/auth".into(),
            signing,
            reader: None,
            minter: None,
            csrf: CsrfPolicy::from_rotation_keys(&rotation).with_cookie(cookies.csrf().clone()),
            keys: rotation,
            policy: RotationPolicy::default(),
            stores,
            authenticator: Arc::new(authenticator),
            client: ClientPolicy::direct(),
            cookies,
            insecure_cookies: false,
            delivery: Delivery::Cookies,
            limits: None,
            adoption: None,
            reauthentication: None,
            audit: Arc::new(NoAudit),
            clock: Arc::new(SystemClock),
            respond: SharedRespond::default(),
        }
    }
}

impl Builder {
    /// Answers below `path` instead of `/api/auth`; `csrf/` and `token/…` are below its parent.
    ///
    /// A router that cuts a prefix off wants the rest here: `nest_service("/api", …)` wants
    /// `/auth`.
    pub fn with_base_path(self, path: impl Into<String>) -> Self {
        Self {
            base: path.into(),
            ..self
        }
    }

    /// Reads tokens with `reader` instead of a plain one: issuer, audience, leeway.
    ///
    /// Its leeway has to be that of the authentication layers: what is logged out is denied for as
    /// long.
    pub fn with_reader(self, reader: TokenReader) -> Self {
        Self {
            reader: Some(reader),
            ..self
        }
    }

    /// Mints tokens with `minter` instead of a plain one: issuer, audience, `iat_backdate`.
    pub fn with_minter(self, minter: Minter) -> Self {
        Self {
            minter: Some(minter),
            ..self
        }
    }

    /// Sets the lifetimes and the overlap. Checked by [`build`](Self::build).
    pub fn with_rotation_policy(self, policy: RotationPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Counts `origin` as our own for CSRF.
    pub fn add_own_origin(self, origin: Origin) -> Self {
        Self {
            csrf: self.csrf.add_own_origin(origin),
            ..self
        }
    }

    /// Uses `csrf` instead of a policy of the rotation key: trusted origins, another binding.
    ///
    /// Its cookie becomes that of [`with_cookies`](Self::with_cookies), whichever is called first.
    pub fn with_csrf(self, csrf: CsrfPolicy) -> Self {
        Self {
            csrf: csrf.with_cookie(self.cookies.csrf().clone()),
            ..self
        }
    }

    /// Sets what a CSRF token must be signed for.
    pub fn with_csrf_binding(self, binding: CsrfBinding) -> Self {
        Self {
            csrf: self.csrf.with_binding(binding),
            ..self
        }
    }

    /// Learns about clients behind proxies from `client`.
    pub fn with_client_policy(self, client: ClientPolicy) -> Self {
        Self { client, ..self }
    }

    /// Sets the names and attributes of the cookies, that of CSRF among them.
    pub fn with_cookies(self, cookies: TokenCookies) -> Self {
        Self {
            csrf: self.csrf.with_cookie(cookies.csrf().clone()),
            cookies,
            ..self
        }
    }

    /// Accepts cookies without `Secure`, for development over plain http on a loopback address.
    ///
    /// # Security
    ///
    /// Tokens travel in the clear.
    pub fn insecure_development(self) -> Self {
        Self {
            insecure_cookies: true,
            ..self
        }
    }

    /// Sets how tokens reach the client.
    pub fn with_delivery(self, delivery: Delivery) -> Self {
        Self { delivery, ..self }
    }

    /// Sets the quotas of the endpoints.
    pub fn with_limits(self, limits: EndpointLimits) -> Self {
        Self {
            limits: Some(limits),
            ..self
        }
    }

    /// Takes refresh tokens that Django issued into families at their first use, until `until`;
    /// `django` says which of them are still good, and hears which are used up.
    pub fn adopt_django_tokens(self, until: Timestamp, django: impl DjangoBlacklist) -> Self {
        Self {
            adoption: Some(Adoption {
                until,
                django: Arc::new(django),
            }),
            ..self
        }
    }

    /// Asks for the password again at `logout-all/`: the body then has to have a `password`, and
    /// `check` gets the user id and that password.
    pub fn with_reauthentication(
        self,
        check: impl Fn(&str, &Secret) -> Answer<Result<bool, AuthenticatorError>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self {
            reauthentication: Some(Arc::new(check)),
            ..self
        }
    }

    /// Reports security events to `audit`.
    pub fn with_audit(self, audit: impl AuditSink + 'static) -> Self {
        self.with_shared_audit(Arc::new(audit))
    }

    /// Reports security events to `audit`, which others share.
    pub fn with_shared_audit(self, audit: Arc<dyn AuditSink>) -> Self {
        Self { audit, ..self }
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

    /// Puts the service together.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a signing key that cannot sign, times that do not fit each other,
    /// cookies without `Secure` outside [`insecure_development`](Self::insecure_development), and a
    /// base path that is none.
    pub fn build(self) -> Result<RefreshRotationService, ConfigError> {
        if !self.cookies.are_secure() && !self.insecure_cookies {
            return Err(ConfigError::InsecureCookies);
        }
        let path_ok = self.base.is_empty() || self.base.starts_with('/');
        if !path_ok || self.base.contains(['?', '#', ' ', '{']) {
            return Err(ConfigError::BasePath { found: self.base });
        }
        self.policy
            .validate()
            .map_err(|error| ConfigError::Times(error.to_string()))?;
        let invalid = |error: &dyn fmt::Display| ConfigError::Limits(error.to_string());
        let limits = match self.limits {
            Some(limits) => limits,
            None => EndpointLimits::new().map_err(|error| invalid(&error))?,
        };
        let limiter_key = self.keys.current().derive(Purpose::Limiter);
        let limiter = Limiter::new(self.stores.rates.clone(), limiter_key)
            .with_clock(self.clock.clone())
            .with_audit(self.audit.clone());
        let limits = Limits::new(limits, limiter).map_err(|error| invalid(&error))?;
        let reader = self
            .reader
            .unwrap_or_else(|| TokenReader::new(self.signing.clone()));
        let access = Policy {
            access_cookie: self.cookies.access_name().to_owned(),
            refresh_cookie: self.cookies.refresh_name().to_owned(),
            revocation: Revocation::Local(self.stores.revocations.clone()),
            clock: self.clock.clone(),
            ..Policy::default()
        };
        Ok(RefreshRotationService {
            shared: Arc::new(Shared {
                base: Base::new(&self.base),
                access,
                access_reader: CachedReader::new(reader.clone()),
                reader,
                minter: self.minter.unwrap_or_else(|| Minter::new(self.signing)),
                devices: Devices::new(&self.keys),
                keys: self.keys,
                policy: self.policy,
                stores: self.stores,
                authenticator: self.authenticator,
                csrf: self.csrf,
                client: self.client,
                cookies: self.cookies,
                delivery: self.delivery,
                limits,
                adoption: self.adoption,
                reauthentication: self.reauthentication,
                audit: self.audit,
                clock: self.clock,
                respond: self.respond,
            }),
        })
    }
}

/// A configuration of the service that cannot be used.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum ConfigError {
    /// A base path that is none.
    BasePath {
        /// What was given.
        found: String,
    },
    /// Cookies without `Secure` that nobody asked for.
    InsecureCookies,
    /// Quotas that cannot be counted.
    Limits(String),
    /// Times that do not fit each other.
    Times(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BasePath { found } => {
                write!(
                    f,
                    "the base path {found:?} is none: write it like `/api/auth`"
                )
            }
            Self::InsecureCookies => f.write_str(
                "the cookies lack the attribute Secure: serve https, or call \
                 `insecure_development` on a loopback address",
            ),
            Self::Limits(message) | Self::Times(message) => f.write_str(message),
        }
    }
}

impl std::error::Error for ConfigError {}

impl Shared {
    /// How long access tokens live; [`RotationPolicy::access`] counts leeway in.
    pub(super) const fn access_ttl(&self) -> Duration {
        self.policy.access
    }
}

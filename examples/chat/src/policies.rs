//! Makes the layers' policies from the settings: who is calling, for which host, with what proof.

use std::sync::Arc;

use portcullis::{
    allowed_hosts::AllowedHosts,
    jwt::{KeyRing, TokenReader},
    jwt_cookie::{JwtCookieAuthLayer, Mode, Revocation, StreamGuard},
    refresh::Stores,
    security_headers::HeaderPolicy,
};
use portcullis_core::{
    client::ClientPolicy,
    clock::Clock,
    cookie::{CookieError, CookieSpec},
    csrf::{CsrfBinding, CsrfPolicy},
    keys::{Purpose, RotationKeys},
    origin::Scheme,
    rate::Limiter,
    store::Revocations,
};

use crate::{
    config::{self, Algorithm, ConfigError, CookieProfileArg, CsrfBindingArg, Settings},
    telemetry,
};

#[cfg(test)]
mod tests;

/// The policies that several layers share.
#[derive(Clone, Debug)]
pub struct Policies {
    /// Who is calling, behind which proxies.
    pub client: ClientPolicy,
    /// The hosts that are ours.
    pub hosts: AllowedHosts,
    /// What proves that a request is not forged.
    pub csrf: CsrfPolicy,
    /// The headers of every response.
    pub headers: HeaderPolicy,
    /// Which access tokens count, and where they are found.
    pub authentication: Authentication,
    /// What everything but token signatures is derived from.
    pub rotation_keys: RotationKeys,
    /// Sessions and counters.
    pub stores: Stores,
    /// Counts requests.
    pub limiter: Limiter,
    /// The port of https that plain-http requests are sent to, if they are.
    pub https_port: Option<u16>,
}

impl Policies {
    /// The policies for `settings`, over `stores`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] naming the flag whose value a policy refuses.
    pub fn new(
        settings: &Settings,
        stores: Stores,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let keys = settings.rotation_keys()?;
        Ok(Self {
            client: client(settings),
            hosts: hosts(settings)?,
            csrf: csrf(settings, &keys)?,
            authentication: Authentication::new(settings, &stores, clock)?,
            limiter: Limiter::new(
                stores.rates.clone(),
                keys.current().derive(Purpose::Limiter),
            )
            .with_clock(clock.clone())
            .with_audit(telemetry::audit()),
            headers: HeaderPolicy::strict(),
            https_port: https_port(settings),
            rotation_keys: keys,
            stores,
        })
    }
}

/// What the authentication layer is made of; its clones share the sessions.
#[derive(Clone, Debug)]
pub struct Authentication {
    reader: TokenReader,
    cookies: (&'static str, &'static str),
    revocations: Arc<dyn Revocations>,
    keys: KeyRing,
    clock: Arc<dyn Clock>,
}

impl Authentication {
    fn new(
        settings: &Settings,
        stores: &Stores,
        clock: &Arc<dyn Clock>,
    ) -> Result<Self, ConfigError> {
        let secret = settings.signing_key.clone();
        let keys = match settings.algorithm {
            Algorithm::Hs256 => KeyRing::hs256(secret),
            Algorithm::Hs384 => KeyRing::hs384(secret),
            Algorithm::Hs512 => KeyRing::hs512(secret),
        };
        let keys = keys.map_err(|error| ConfigError::new(format!("--signing-key: {error}")))?;
        Ok(Self {
            reader: TokenReader::new(keys.clone()),
            cookies: match settings.cookie_profile {
                CookieProfileArg::Django => ("access_token", "refresh_token"),
                CookieProfileArg::Host => ("__Host-access_token", "__Host-refresh_token"),
            },
            revocations: stores.revocations.clone(),
            keys,
            clock: clock.clone(),
        })
    }

    /// The keys that sign and verify tokens.
    pub fn keys(&self) -> KeyRing {
        self.keys.clone()
    }

    /// The layer that lets requests through as `mode` says, and ends streams with their session.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the layer refuses what it is made of.
    pub fn layer(&self, mode: Mode) -> Result<JwtCookieAuthLayer, ConfigError> {
        let (access, refresh) = self.cookies;
        let local = Revocation::Local(self.revocations.clone());
        JwtCookieAuthLayer::new(self.reader.clone())
            .with_clock(self.clock.clone())
            .with_mode(mode)
            .with_cookie_names(access, refresh)
            .and_then(|layer| layer.with_revocation(local))
            .and_then(|layer| layer.with_stream_guard(StreamGuard::new()))
            .map_err(|error| ConfigError::new(format!("--cookie-profile: {error}")))
    }
}

/// The port of the first public origin that is https.
fn https_port(settings: &Settings) -> Option<u16> {
    let mut origins = settings.public_origins.iter();
    let first = origins.find(|origin| origin.scheme() == Scheme::Https)?;
    Some(first.authority().port_or_default(Scheme::Https))
}

/// Behind an https origin something ends TLS: a declared proxy, which then says so of each request,
/// or one that is not declared, whose requests were all https.
fn client(settings: &Settings) -> ClientPolicy {
    let undeclared = settings.trusted_proxies.is_empty() && https_port(settings).is_some();
    let scheme = if undeclared {
        Scheme::Https
    } else {
        Scheme::Http
    };
    let direct = ClientPolicy::direct().with_direct_scheme(scheme);
    let proxies = settings.trusted_proxies.iter().copied();
    proxies.fold(direct, ClientPolicy::add_trusted_proxy)
}

fn hosts(settings: &Settings) -> Result<AllowedHosts, ConfigError> {
    let loopback = match settings.mode {
        config::Mode::Development => {
            let bound = settings.listen.ip();
            let bound = if bound.is_ipv6() {
                format!("[{bound}]")
            } else {
                bound.to_string()
            };
            vec![
                "localhost".to_owned(),
                "127.0.0.1".into(),
                "[::1]".into(),
                bound,
            ]
        }
        config::Mode::Production => Vec::new(),
    };
    let public = settings.public_origins.iter();
    let public = public.map(|origin| origin.authority().host().to_owned());
    let all = loopback
        .into_iter()
        .chain(public)
        .chain(settings.allowed_hosts.iter().cloned());
    all.into_iter()
        .try_fold(AllowedHosts::new(), |hosts, host| {
            hosts
                .add_host(&host)
                .map_err(|error| ConfigError::new(format!("--allowed-host: {error}")))
        })
}

fn csrf(settings: &Settings, keys: &RotationKeys) -> Result<CsrfPolicy, ConfigError> {
    let cookie = csrf_cookie(settings)
        .map_err(|error| ConfigError::new(format!("--cookie-profile: {error}")))?;
    let binding = match settings.csrf_binding {
        CsrfBindingArg::Django => CsrfBinding::Django,
        CsrfBindingArg::Interop => CsrfBinding::Interop,
        CsrfBindingArg::Strict => CsrfBinding::Strict,
    };
    let policy = CsrfPolicy::from_rotation_keys(keys)
        .with_binding(binding)
        .with_cookie(cookie);
    let trusted = |policy: CsrfPolicy, origin: &str| {
        policy
            .add_trusted_origin(origin)
            .map_err(|error| ConfigError::new(format!("--trusted-origin: {error}")))
    };
    let mut policy = settings
        .trusted_origins
        .iter()
        .try_fold(policy, |policy, origin| trusted(policy, origin))?;
    for origin in &settings.public_origins {
        policy = match settings.mode {
            // The page is also reached by loopback then, so our own origin stays the request's.
            config::Mode::Development => trusted(policy, origin.as_str())?,
            config::Mode::Production => policy.add_own_origin(origin.clone()),
        };
    }
    Ok(policy)
}

fn csrf_cookie(settings: &Settings) -> Result<CookieSpec, CookieError> {
    let name = match settings.cookie_profile {
        CookieProfileArg::Django => "csrftoken",
        CookieProfileArg::Host => "__Host-csrftoken",
    };
    let cookie = CookieSpec::new(name)?;
    let cookie = if settings.secure {
        cookie
    } else {
        cookie.insecure_without_secure()?
    };
    cookie.with_same_site(settings.same_site)
}

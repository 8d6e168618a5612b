//! Every public layer, as the other modules use it, and requests that it refuses.

use std::sync::Arc;

use portcullis::{
    Secret,
    allowed_hosts::{AllowedHosts, AllowedHostsLayer},
    core::{
        client::ClientPolicy,
        clock::SystemClock,
        keys::{DerivedKey, Purpose},
        memory::MemoryRateStore,
    },
    csrf::{CsrfLayer, policy::CsrfPolicy},
    https_redirect::HttpsRedirectLayer,
    jwt::{KeyRing, TokenReader},
    jwt_cookie::JwtCookieAuthLayer,
    rate_limit::{
        RateLimitLayer, RateRule,
        limit::{Limit, Limiter, Quota},
    },
    security_headers::{HeaderPolicy, SecurityHeadersLayer},
};

pub(crate) const HOST: &str = "chat.example";
pub(crate) const OWN: &str = "https://chat.example";
pub(crate) const FOREIGN: &str = "https://evil.example";

fn key(purpose: Purpose) -> DerivedKey {
    DerivedKey::from_secret(purpose, &Secret::new([7; 32])).unwrap()
}

/// Refuses a `POST` from [`FOREIGN`].
pub(crate) fn csrf() -> CsrfLayer {
    CsrfLayer::new(CsrfPolicy::new(key(Purpose::Csrf)).add_own_origin(OWN.parse().unwrap()))
}

/// Refuses every host but [`HOST`].
pub(crate) fn allowed_hosts() -> AllowedHostsLayer {
    AllowedHostsLayer::new(AllowedHosts::new().add_host(HOST).unwrap())
}

/// Sends plain-http reads of [`HOST`] elsewhere, and refuses the rest.
pub(crate) fn https_redirect() -> HttpsRedirectLayer {
    HttpsRedirectLayer::new(AllowedHosts::new().add_host(HOST).unwrap())
}

/// Refuses nothing.
pub(crate) fn security_headers() -> SecurityHeadersLayer {
    SecurityHeadersLayer::new(HeaderPolicy::api())
}

pub(crate) fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new([7; 32])).unwrap()
}

/// A token for user 42 that [`jwt_cookie`] accepts.
pub(crate) fn token() -> String {
    tonic_greeter::token(&keys(), "42").unwrap()
}

/// Refuses requests without a token, in the cookie `__Host-access_token` or as Bearer.
pub(crate) fn jwt_cookie() -> JwtCookieAuthLayer {
    JwtCookieAuthLayer::new(TokenReader::new(keys()))
}

/// Refuses every request but the first in an hour, whoever sends it.
pub(crate) fn rate_limit() -> RateLimitLayer {
    once_an_hour(RateRule::global)
}

/// Refuses every request but the first in an hour of each address.
pub(crate) fn rate_limit_by_address() -> RateLimitLayer {
    once_an_hour(RateRule::by_address)
}

fn once_an_hour(rule: fn(Limit) -> RateRule) -> RateLimitLayer {
    let store = Arc::new(MemoryRateStore::new(Arc::new(SystemClock)));
    let once = Limit::new("once", Quota::per_hour(1).unwrap()).unwrap();
    RateLimitLayer::new(
        Limiter::new(store, key(Purpose::Limiter)),
        ClientPolicy::direct(),
    )
    .add_rule(rule(once))
    .unwrap()
}

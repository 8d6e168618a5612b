//! Every public layer, as the other modules use it, and requests that it refuses.

use portcullis::{
    Secret,
    allowed_hosts::{AllowedHosts, AllowedHostsLayer},
    core::keys::{DerivedKey, Purpose},
    csrf::{CsrfLayer, policy::CsrfPolicy},
    https_redirect::HttpsRedirectLayer,
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

//! The layers over bare hyper: no framework, no router.

mod server;
mod visits;

use std::error::Error;

use portcullis::{
    Secret,
    core::{
        cookie::CookieSpec,
        keys::{DerivedKey, Purpose},
    },
    csrf::{Csrf, CsrfLayer, policy::CsrfPolicy},
    security_headers::{HeaderPolicy, SecurityHeaders, SecurityHeadersLayer},
};
use tower::ServiceBuilder;

pub use server::serve;
pub use visits::Visits;

/// What [`protected`] builds. The headers stand outside, so that refusals have them too.
pub type Protected = SecurityHeaders<Csrf<Visits>>;

/// A counter of visits that only its own page can move: `POST /` needs the token that `GET /`
/// shows, and the origin `own`.
///
/// # Errors
///
/// When `own` is no origin, or `key` is shorter than 32 bytes.
pub fn protected(own: &str, key: &Secret) -> Result<Protected, Box<dyn Error>> {
    let key = DerivedKey::from_secret(Purpose::Csrf, key)?;
    // The page is served over plain http on loopback; a `__Host-` cookie would need https.
    let cookie = CookieSpec::new("csrftoken")?.insecure_without_secure()?;
    let policy = CsrfPolicy::new(key)
        .add_own_origin(own.parse()?)
        .with_cookie(cookie);
    Ok(ServiceBuilder::new()
        .layer(SecurityHeadersLayer::new(HeaderPolicy::strict()))
        .layer(CsrfLayer::new(policy).with_token_handle())
        .service(Visits::default()))
}

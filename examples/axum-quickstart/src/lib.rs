//! An axum application as it was ([`notes`]), and the lines that protect it ([`protected`]).

pub mod notes;

use std::{error::Error, sync::Arc};

use axum::Router;
use portcullis::{
    Secret,
    core::{
        client::ClientPolicy,
        clock::SystemClock,
        keys::{Purpose, RotationKeys},
        memory::MemoryRateStore,
    },
    csrf::{CsrfLayer, policy::CsrfPolicy},
    jwt::{KeyRing, TokenReader},
    jwt_cookie::JwtCookieAuthLayer,
    rate_limit::{
        RateLimitLayer, RateRule,
        limit::{Limit, Limiter, Quota},
    },
    security_headers::{HeaderPolicy, SecurityHeadersLayer},
};
use tower::ServiceBuilder;

/// The notes behind the layers: only users with a token of `signing` get in, browsers prove that a
/// request comes from a page of `own`, and a user may send 60 requests a minute.
///
/// `signing` may be the key that Django signs with. `secret` is ours alone; every replica has the
/// same.
///
/// # Errors
///
/// When `own` is no origin, or `secret` is shorter than 32 bytes.
pub fn protected(signing: KeyRing, own: &str, secret: &Secret) -> Result<Router, Box<dyn Error>> {
    let keys = RotationKeys::new(1, secret)?;
    let csrf = CsrfPolicy::from_rotation_keys(&keys).add_own_origin(own.parse()?);
    let store = Arc::new(MemoryRateStore::new(Arc::new(SystemClock)));
    let limiter = Limiter::new(store, keys.current().derive(Purpose::Limiter));
    let per_user = RateRule::by_subject(Limit::new("user", Quota::per_minute(60)?)?);
    let layers = ServiceBuilder::new()
        .layer(SecurityHeadersLayer::new(HeaderPolicy::api()))
        .layer(JwtCookieAuthLayer::<()>::new(TokenReader::new(signing)))
        .layer(CsrfLayer::new(csrf))
        .layer(RateLimitLayer::new(limiter, ClientPolicy::direct()).add_rule(per_user)?);
    Ok(notes::app().layer(layers))
}

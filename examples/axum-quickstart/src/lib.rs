//! An axum application as it was ([`notes`]), its users ([`users`]), and the lines that protect it
//! ([`protected`]).

pub mod notes;
pub mod users;

use std::{error::Error, net::SocketAddr, sync::Arc};

use axum::{Router, extract::ConnectInfo};
use portcullis::{
    Portcullis, Secret,
    core::{client::ClientPolicy, clock::SystemClock, keys::RotationKeys},
    jwt::KeyRing,
    refresh::{Builder, CookieProfile, Stores, TokenCookies},
};
use users::Users;

/// The notes behind the whole stack, with login, refresh and logout beside them.
///
/// `signing` may be the key that Django signs with. `secret` is ours alone; every replica has the
/// same. `own` is the origin that browsers show; one of plain http is for development.
///
/// # Errors
///
/// When `own` is no origin, or `secret` is shorter than 32 bytes.
pub fn protected(signing: KeyRing, own: &str, secret: &Secret) -> Result<Router, Box<dyn Error>> {
    let rotation = RotationKeys::new(1, secret)?;
    let stores = Stores::memory(Arc::new(SystemClock));
    let client = ClientPolicy::direct()
        .with_peer_from(|found| found.get().map(|peer: &ConnectInfo<SocketAddr>| peer.0));
    let mut stack = Portcullis::builder(signing, rotation, stores, Users)
        .add_own_origin(own.parse()?)
        .with_client_policy(client);
    if own.starts_with("http:") {
        let cookies = TokenCookies::new(CookieProfile::Django).insecure_development()?;
        stack = stack
            .with_cookies(cookies)
            .configure_service(Builder::insecure_development);
    }
    let stack = stack.build()?;
    let app = notes::app().layer(stack.layer());
    Ok(app.fallback_service(stack.auth_service()))
}

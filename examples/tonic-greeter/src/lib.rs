//! A gRPC service that answers only callers with a token, and its client.
//!
//! No `protoc` is needed: messages and service are written by hand, as `tonic-build` would generate
//! them.

use std::{error::Error, time::Duration};

use portcullis::{
    core::clock::{Clock as _, SystemClock},
    jwt::{KeyRing, Minter, TokenReader, mint::AccessParams},
    jwt_cookie::JwtCookieAuthLayer,
};
use tokio::net::TcpListener;
use tonic::transport::{Server, server::TcpIncoming};

pub mod client;
pub mod messages;
pub mod server;

/// Serves the greeter on `listener` to callers whose token one of `keys` signed.
///
/// The layer stands round the whole server, so every service of it is protected; a refusal is
/// `Unauthenticated` (16) in trailers-only form.
///
/// # Errors
///
/// What the transport answers.
pub async fn serve(listener: TcpListener, keys: KeyRing) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .layer(JwtCookieAuthLayer::<()>::new(TokenReader::new(keys)))
        .add_service(server::Greeter)
        .serve_with_incoming(TcpIncoming::from(listener))
        .await
}

/// An access token for `user`, good for five minutes.
///
/// # Errors
///
/// When the system has no random bytes to give, or the key cannot sign.
pub fn token(keys: &KeyRing, user: &str) -> Result<String, Box<dyn Error>> {
    let now = SystemClock.now();
    let token = Minter::new(keys.clone()).mint_access(&AccessParams {
        subject: user,
        jti: &portcullis::jwt::random_jti()?,
        issued_at: now,
        expires: now + Duration::from_secs(300),
        session: None,
        extra: None,
    })?;
    Ok(token)
}

//! `cargo run -p axum-quickstart`: serves notes to a user whose token it prints.

use std::{error::Error, time::Duration};

use axum_quickstart::protected;
use portcullis::{
    Secret,
    core::clock::{Clock as _, SystemClock},
    jwt::{KeyRing, Minter, mint::AccessParams, random_jti},
};
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:8080";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let signing = KeyRing::hs256(Secret::random(32)?)?;
    let token = token(&signing)?;
    let app = protected(signing, &format!("http://{ADDRESS}"), &Secret::random(32)?)?;
    println!("within five minutes, try\n");
    println!("  curl -i http://{ADDRESS}/notes -H 'Authorization: Bearer {token}'");
    axum::serve(TcpListener::bind(ADDRESS).await?, app).await?;
    Ok(())
}

fn token(signing: &KeyRing) -> Result<String, Box<dyn Error>> {
    let now = SystemClock.now();
    let token = Minter::new(signing.clone()).mint_access(&AccessParams {
        subject: "42",
        jti: &random_jti()?,
        issued_at: now,
        expires: now + Duration::from_secs(300),
        session: None,
        extra: None,
    })?;
    Ok(token)
}

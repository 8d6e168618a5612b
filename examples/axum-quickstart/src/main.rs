//! `cargo run -p axum-quickstart`: serves notes to whoever logs in.

use std::{error::Error, net::SocketAddr};

use axum_quickstart::protected;
use portcullis::{Secret, jwt::KeyRing};
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:8080";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let signing = KeyRing::hs256(Secret::random(32)?)?;
    let own = format!("http://{ADDRESS}");
    let app = protected(signing, &own, &Secret::random(32)?)?;
    let login = r#"{"username": "demo", "password": "portcullis"}"#;
    println!("log in, then ask for the notes:\n");
    println!("  curl -c jar {own}/api/auth/login/ --json '{login}'");
    println!("  curl -b jar {own}/notes");
    let listener = TcpListener::bind(ADDRESS).await?;
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app).await?;
    Ok(())
}

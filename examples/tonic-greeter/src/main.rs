//! `cargo run -p tonic-greeter` serves, and prints a token and the command that uses it;
//! `cargo run -p tonic-greeter -- TOKEN NAME` calls.

use std::{env, error::Error};

use portcullis::{Secret, jwt::KeyRing};
use tokio::net::TcpListener;
use tonic::transport::Endpoint;
use tonic_greeter::{client::GreeterClient, serve, token};

const ADDRESS: &str = "127.0.0.1:50051";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    match (arguments.next(), arguments.next()) {
        (Some(token), Some(name)) => call(token, &name).await,
        _ => serve_demo().await,
    }
}

async fn serve_demo() -> Result<(), Box<dyn Error>> {
    let keys = KeyRing::hs256(Secret::random(32)?)?;
    let listener = TcpListener::bind(ADDRESS).await?;
    let token = token(&keys, "42")?;
    println!("listening on {ADDRESS}; within five minutes, call\n");
    println!("  cargo run -p tonic-greeter -- {token} Ada");
    serve(listener, keys).await?;
    Ok(())
}

async fn call(token: String, name: &str) -> Result<(), Box<dyn Error>> {
    let endpoint = Endpoint::from_shared(format!("http://{ADDRESS}"))?;
    let mut client = GreeterClient::new(endpoint.connect().await?, Some(token));
    println!("{}", client.say_hello(name).await?.message);
    let mut replies = client.say_hello_often(name).await?;
    while let Some(reply) = replies.message().await? {
        println!("{}", reply.message);
    }
    Ok(())
}

//! `cargo run -p hyper-plain`, then:
//!
//! ```sh
//! curl -s -c jar http://127.0.0.1:8080/                     # the count, and a token
//! curl -i -b jar -H 'X-CSRFToken: the-token' -d '' http://127.0.0.1:8080/          # 200
//! curl -i -d '' http://127.0.0.1:8080/                                             # 403
//! curl -i -b jar -H 'X-CSRFToken: the-token' -H 'Origin: https://evil.example' \
//!   -d '' http://127.0.0.1:8080/                                                   # 403
//! ```

use std::error::Error;

use hyper_plain::{protected, serve};
use portcullis::Secret;
use tokio::net::TcpListener;

const ADDRESS: &str = "127.0.0.1:8080";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let key = Secret::random(32)?;
    let service = protected(&format!("http://{ADDRESS}"), &key)?;
    println!("listening on http://{ADDRESS}");
    serve(TcpListener::bind(ADDRESS).await?, service).await?;
    Ok(())
}

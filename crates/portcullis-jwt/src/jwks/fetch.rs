//! Fetches the document once: five seconds, 256 KiB, no redirect, no proxy.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::{Certificate, Client, StatusCode, header, redirect};
use tokio::time::timeout;

use super::{
    DEADLINE,
    address::Address,
    error::{FetchError, JwksError},
};
use crate::key::MAX_JWKS_BYTES;

/// Brings the document; the tests of the schedule bring one without a server.
pub(super) trait Fetch {
    /// One try, from the name lookup to the last byte.
    fn fetch(&self) -> impl Future<Output = Result<Vec<u8>, FetchError>> + Send;
}

pub(super) struct Fetcher {
    client: Client,
    address: Address,
}

impl Fetcher {
    /// Trusts `roots` alone; without any, what the system trusts.
    pub(super) fn new(address: Address, roots: Vec<Certificate>) -> Result<Self, JwksError> {
        let loopback = [
            SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, 0)),
        ];
        let builder = Client::builder()
            .redirect(redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_zstd()
            // Fetches are half a minute apart or more: no connection is worth keeping.
            .pool_max_idle_per_host(0)
            // Whatever the resolver says, this name stays on the machine.
            .resolve_to_addrs("localhost", &loopback);
        let builder = if address.is_plain() {
            // No certificate is ever looked at, and a container may have none.
            builder.tls_certs_only([])
        } else if roots.is_empty() {
            builder.https_only(true)
        } else {
            builder.https_only(true).tls_certs_only(roots)
        };
        let client = builder.build().map_err(|error| {
            JwksError::new("HTTP client", error, "root certificates that can be loaded")
        })?;
        Ok(Self { client, address })
    }

    async fn get(&self) -> Result<Vec<u8>, FetchError> {
        let mut response = self
            .client
            .get(self.address.url().clone())
            .header(
                header::ACCEPT,
                "application/jwk-set+json, application/json;q=0.9",
            )
            .send()
            .await
            .map_err(FetchError::transport)?;
        if response.status() != StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let mut document = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::transport)? {
            if document.len() + chunk.len() > MAX_JWKS_BYTES {
                return Err(FetchError::TooLong);
            }
            document.extend_from_slice(&chunk);
        }
        Ok(document)
    }
}

impl Fetch for Fetcher {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        match timeout(DEADLINE, self.get()).await {
            Ok(answer) => answer,
            Err(_) => Err(FetchError::Deadline),
        }
    }
}

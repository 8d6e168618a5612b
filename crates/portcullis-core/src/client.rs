//! Finds out who is really calling, over which scheme and for which host, behind proxies.
//!
//! A forwarding header counts only when the peer of the connection is a declared proxy; otherwise
//! it is what any client may write. The walk goes from right to left and stops at the first
//! address that is not a declared proxy.

use std::net::{IpAddr, SocketAddr};

use crate::{
    origin::{Authority, Scheme},
    respond::RequestView,
};

/// The address of the connection's peer, which the server puts into the request's extensions.
///
/// # Example
///
/// ```
/// use portcullis_core::client::PeerAddr;
///
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(PeerAddr::from(([127, 0, 0, 1], 50_000)));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct PeerAddr(pub SocketAddr);

impl<T: Into<SocketAddr>> From<T> for PeerAddr {
    fn from(address: T) -> Self {
        Self(address.into())
    }
}

/// What is known of a request's client.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The address, v4-mapped IPv6 unmapped; absent when the server gave no peer.
    pub address: Option<IpAddr>,
    /// The scheme that the client used.
    pub scheme: Scheme,
    /// The host that the client named; absent or malformed is `None`.
    pub host: Option<Authority<'a>>,
}

/// Decides which peers may speak for others.
#[derive(Clone, Debug)]
#[must_use]
pub struct ClientPolicy {
    direct_scheme: Scheme,
}

impl ClientPolicy {
    /// No proxy: the peer is the client, over plain http.
    pub fn direct() -> Self {
        Self {
            direct_scheme: Scheme::Http,
        }
    }

    /// The scheme of a connection that no proxy speaks for; a server that ends TLS itself says
    /// [`Scheme::Https`].
    pub fn with_direct_scheme(self, scheme: Scheme) -> Self {
        Self {
            direct_scheme: scheme,
        }
    }

    /// What is known of the client of `request`.
    pub fn client<'a>(&self, request: &RequestView<'a>) -> Client<'a> {
        let address = request
            .extensions
            .get::<PeerAddr>()
            .map(|peer| peer.0.ip().to_canonical());
        let host = request
            .headers
            .get(http::header::HOST)
            .and_then(|value| value.to_str().ok())
            .or_else(|| request.uri.authority().map(http::uri::Authority::as_str))
            .and_then(Authority::parse);
        Client {
            address,
            scheme: self.direct_scheme,
            host,
        }
    }
}

impl Default for ClientPolicy {
    fn default() -> Self {
        Self::direct()
    }
}

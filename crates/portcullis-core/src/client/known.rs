//! What the server says of a connection, and what is then known of its client.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, Uri, header};

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

/// Says, as an extension, that the request came over a Unix socket, which has no address.
///
/// Its peer speaks for others only by
/// [`ClientPolicy::trust_unix_peers`](super::ClientPolicy::trust_unix_peers).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct UnixPeer;

/// What is known of a request's client.
#[derive(Clone, Copy, Debug)]
pub struct Client<'a> {
    /// The address, v4-mapped IPv6 unmapped; absent when the server gave no peer.
    pub address: Option<IpAddr>,
    /// The scheme that the client used.
    pub scheme: Scheme,
    pub(super) host: Host<'a>,
}

/// Where the host that a client named stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Host<'a> {
    /// In what a proxy wrote.
    Forwarded(Option<Authority<'a>>),
    /// In the request itself: `Host`, or `:authority`.
    Named {
        headers: &'a HeaderMap,
        uri: &'a Uri,
    },
}

impl<'a> Host<'a> {
    pub(super) const fn of(request: &RequestView<'a>) -> Self {
        Self::Named {
            headers: request.headers,
            uri: request.uri,
        }
    }
}

impl<'a> Client<'a> {
    /// The host that the client named; absent or malformed is `None`. Parsed at each call.
    pub fn host(&self) -> Option<Authority<'a>> {
        match self.host {
            Host::Forwarded(host) => host,
            Host::Named { headers, uri } => headers
                .get(header::HOST)
                .and_then(|value| value.to_str().ok())
                .or_else(|| uri.authority().map(http::uri::Authority::as_str))
                .and_then(Authority::parse),
        }
    }

    /// The same, when the request itself is known to name `named`.
    pub(crate) const fn host_unless_named(&self, named: Authority<'a>) -> Option<Authority<'a>> {
        match self.host {
            Host::Forwarded(host) => host,
            Host::Named { .. } => Some(named),
        }
    }
}

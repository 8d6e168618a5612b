//! Finds out who is really calling, over which scheme and for which host, behind proxies.
//!
//! A forwarding header counts only when the peer of the connection is a declared proxy; otherwise
//! it is what any client may write. The walk goes from right to left and stops at the first
//! address that is not a declared proxy.
//!
//! | peer | header | the client is |
//! |---|---|---|
//! | not declared | any | the peer; no header is read |
//! | declared | none | the peer |
//! | declared | `203.0.113.9` | `203.0.113.9` |
//! | declared | `6.6.6.6, 203.0.113.9` | `203.0.113.9`: the client itself wrote the rest |
//! | declared | `203.0.113.9, 10.0.0.2` (declared) | `203.0.113.9` |
//! | declared | `unknown, 10.0.0.2` (declared) | `10.0.0.2`: the last hop that is known |
//!
//! # Example
//!
//! ```
//! use http::Request;
//! use portcullis_core::{client::{ClientPolicy, PeerAddr}, respond::RequestView};
//!
//! let policy = ClientPolicy::direct().add_trusted_proxy("10.0.0.0/8".parse()?);
//! let mut request = Request::builder()
//!     .header("x-forwarded-for", "6.6.6.6, 203.0.113.9")
//!     .header("x-forwarded-proto", "https")
//!     .body(())
//!     .unwrap();
//!
//! request.extensions_mut().insert(PeerAddr::from(([10, 0, 0, 1], 50_000)));
//! let client = policy.client(&RequestView::of(&request));
//! assert_eq!(client.address, Some([203, 0, 113, 9].into()));
//! assert_eq!(client.scheme.as_str(), "https");
//!
//! request.extensions_mut().insert(PeerAddr::from(([198, 51, 100, 4], 50_000)));
//! let client = policy.client(&RequestView::of(&request));
//! assert_eq!(client.address, Some([198, 51, 100, 4].into()), "nobody declared this peer");
//! assert_eq!(client.scheme.as_str(), "http");
//! # Ok::<_, portcullis_core::client::CidrError>(())
//! ```

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http::{Extensions, HeaderName, header};

use crate::{
    origin::{Authority, Scheme},
    respond::RequestView,
};

mod cidr;
mod forwarded;
mod known;
#[cfg(test)]
mod tests;

pub use cidr::{Cidr, CidrError};
pub use forwarded::ForwardedSource;
use known::Host;
pub use known::{Client, PeerAddr, UnixPeer};

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

type ReadPeer = dyn Fn(&Extensions) -> Option<SocketAddr> + Send + Sync;

/// Decides which peers may speak for others. Cloning is a counter.
///
/// See the [module docs](self) for an example.
#[derive(Clone)]
#[must_use]
pub struct ClientPolicy {
    direct_scheme: Scheme,
    proxies: Arc<[Cidr]>,
    source: ForwardedSource,
    read_peer: Option<Arc<ReadPeer>>,
    unix_trusted: bool,
    noticed: Arc<AtomicBool>,
}

impl ClientPolicy {
    /// No proxy: the peer is the client, over plain http.
    pub fn direct() -> Self {
        Self {
            direct_scheme: Scheme::Http,
            proxies: Arc::default(),
            source: ForwardedSource::default(),
            read_peer: None,
            unix_trusted: false,
            noticed: Arc::default(),
        }
    }

    /// The scheme of a connection that no proxy speaks for; a server that ends TLS itself says
    /// [`Scheme::Https`].
    pub fn with_direct_scheme(self, scheme: Scheme) -> Self {
        Self {
            direct_scheme: scheme,
            ..self
        }
    }

    /// Believes what peers in `range` write about the client.
    ///
    /// # Security
    ///
    /// Whoever can connect from `range` chooses its address, scheme and host. Name the proxies,
    /// not the network that they share with others.
    pub fn add_trusted_proxy(self, range: Cidr) -> Self {
        Self {
            proxies: self.proxies.iter().copied().chain([range]).collect(),
            ..self
        }
    }

    /// Believes what peers on a Unix socket ([`UnixPeer`]) write about the client.
    ///
    /// # Security
    ///
    /// Whoever may open the socket chooses its address: the file's permissions decide.
    pub fn trust_unix_peers(self) -> Self {
        Self {
            unix_trusted: true,
            ..self
        }
    }

    /// Reads the client's address from `source` instead of `X-Forwarded-For`.
    pub fn with_source(self, source: ForwardedSource) -> Self {
        Self { source, ..self }
    }

    /// Finds the peer by `read` where the request has no [`PeerAddr`]: from axum's `ConnectInfo`,
    /// tonic's `TcpConnectInfo`, or whatever the server leaves among the extensions.
    ///
    /// ```
    /// use portcullis_core::{client::ClientPolicy, respond::RequestView};
    /// use std::net::SocketAddr;
    ///
    /// #[derive(Clone)]
    /// struct ConnectInfo(SocketAddr);
    ///
    /// let policy = ClientPolicy::direct()
    ///     .with_peer_from(|extensions| extensions.get::<ConnectInfo>().map(|info| info.0));
    /// let mut request = http::Request::new(());
    /// request.extensions_mut().insert(ConnectInfo(([192, 0, 2, 7], 80).into()));
    /// let client = policy.client(&RequestView::of(&request));
    /// assert_eq!(client.address, Some([192, 0, 2, 7].into()));
    /// ```
    pub fn with_peer_from(
        self,
        read: impl Fn(&Extensions) -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        Self {
            read_peer: Some(Arc::new(read)),
            ..self
        }
    }

    /// What is known of the client of `request`. Allocates nothing.
    pub fn client<'a>(&self, request: &RequestView<'a>) -> Client<'a> {
        let peer = self.peer(request.extensions);
        if !self.trusts_peer(peer, request.extensions) {
            return Client {
                address: peer,
                scheme: self.direct_scheme,
                host: Host::of(request),
            };
        }
        match &self.source {
            ForwardedSource::Forwarded => self.by_forwarded(request, peer),
            ForwardedSource::Header(name) => {
                let value = forwarded::only(request.headers, name);
                let named = value.and_then(|value| forwarded::node(value.as_bytes().trim_ascii()));
                self.by_x_headers(request, named.or(peer), 1)
            }
            ForwardedSource::XForwardedFor => {
                let elements = forwarded::elements_from_right(request.headers, &X_FORWARDED_FOR);
                let mut hops = 0;
                let address = self.walk(peer, elements, |element| {
                    hops += 1;
                    forwarded::node(element)
                });
                self.by_x_headers(request, address, hops)
            }
        }
    }

    /// The client's address alone, as [`client`](Self::client) finds it; scheme and host are not
    /// looked at.
    pub fn address(&self, request: &RequestView<'_>) -> Option<IpAddr> {
        let peer = self.peer(request.extensions);
        if self.trusts_nobody() || !self.trusts_peer(peer, request.extensions) {
            return peer;
        }
        match &self.source {
            ForwardedSource::XForwardedFor => {
                // One element: whoever it is, nobody is before it.
                let only = forwarded::only(request.headers, &X_FORWARDED_FOR);
                if let Some(address) = only.and_then(|line| forwarded::ipv4(line.as_bytes())) {
                    return Some(address.into());
                }
                let elements = forwarded::elements_from_right(request.headers, &X_FORWARDED_FOR);
                self.walk(peer, elements, forwarded::node)
            }
            _ => self.client(request).address,
        }
    }

    /// The client as [`client`](Self::client) finds it, but for the address.
    ///
    /// Where no proxy is declared, the peer is not looked at.
    pub fn client_without_address<'a>(&self, request: &RequestView<'a>) -> Client<'a> {
        if !self.trusts_nobody() {
            return Client {
                address: None,
                ..self.client(request)
            };
        }
        Client {
            address: None,
            scheme: self.direct_scheme,
            host: Host::of(request),
        }
    }

    /// The scheme alone, as [`client`](Self::client) finds it.
    ///
    /// Where no proxy is declared, the request is not looked at.
    pub fn scheme(&self, request: &RequestView<'_>) -> Scheme {
        if self.trusts_nobody() {
            self.direct_scheme
        } else {
            self.client(request).scheme
        }
    }

    /// The name of a forwarding header of `request` that is ignored because its peer is not
    /// declared; only once in the life of this policy and its clones, for a warning.
    ///
    /// ```
    /// use portcullis_core::{client::{ClientPolicy, PeerAddr}, respond::RequestView};
    ///
    /// let policy = ClientPolicy::direct();
    /// let request = http::Request::builder().header("x-forwarded-for", "6.6.6.6");
    /// let mut request = request.body(()).unwrap();
    /// request.extensions_mut().insert(PeerAddr::from(([192, 0, 2, 7], 80)));
    /// let view = RequestView::of(&request);
    /// assert_eq!(policy.notice_ignored(&view).unwrap(), "x-forwarded-for");
    /// assert_eq!(policy.notice_ignored(&view), None, "said once");
    /// ```
    pub fn notice_ignored(&self, request: &RequestView<'_>) -> Option<HeaderName> {
        if self.noticed.load(Ordering::Relaxed) {
            return None;
        }
        let peer = self.peer(request.extensions);
        if self.trusts_peer(peer, request.extensions) {
            return None;
        }
        let known = [
            X_FORWARDED_FOR,
            header::FORWARDED,
            X_FORWARDED_PROTO,
            X_FORWARDED_HOST,
            X_REAL_IP,
        ];
        let present = known
            .into_iter()
            .find(|name| request.headers.contains_key(name))?;
        (!self.noticed.swap(true, Ordering::Relaxed)).then_some(present)
    }

    fn peer(&self, extensions: &Extensions) -> Option<IpAddr> {
        let address = match extensions.get::<PeerAddr>() {
            Some(PeerAddr(address)) => address.ip(),
            None => self.read_peer.as_ref()?(extensions)?.ip(),
        };
        Some(address.to_canonical())
    }

    fn trusts_peer(&self, peer: Option<IpAddr>, extensions: &Extensions) -> bool {
        match peer {
            Some(address) => self.trusts(address),
            None => self.unix_trusted && extensions.get::<UnixPeer>().is_some(),
        }
    }

    fn trusts_nobody(&self) -> bool {
        self.proxies.is_empty() && !self.unix_trusted
    }

    fn trusts(&self, address: IpAddr) -> bool {
        self.proxies.iter().any(|range| range.contains(address))
    }

    /// The first address from the right that is no declared proxy; else the last that is known.
    fn walk<'a>(
        &self,
        peer: Option<IpAddr>,
        elements: impl Iterator<Item = &'a [u8]>,
        mut read: impl FnMut(&'a [u8]) -> Option<IpAddr>,
    ) -> Option<IpAddr> {
        let mut known = peer;
        for element in elements {
            let Some(address) = read(element) else {
                break;
            };
            known = Some(address);
            if !self.trusts(address) {
                break;
            }
        }
        known
    }

    fn by_x_headers<'a>(
        &self,
        request: &RequestView<'a>,
        address: Option<IpAddr>,
        hops: usize,
    ) -> Client<'a> {
        let proto = forwarded::aligned(request.headers, &X_FORWARDED_PROTO, hops);
        let host = if request.headers.contains_key(X_FORWARDED_HOST) {
            let host = forwarded::aligned(request.headers, &X_FORWARDED_HOST, hops);
            Host::Forwarded(host.and_then(Authority::parse))
        } else {
            Host::of(request)
        };
        Client {
            address,
            scheme: self.named_scheme(proto),
            host,
        }
    }

    fn by_forwarded<'a>(&self, request: &RequestView<'a>, peer: Option<IpAddr>) -> Client<'a> {
        let elements = forwarded::elements_from_right(request.headers, &header::FORWARDED);
        let mut last = forwarded::Element::default();
        let address = self.walk(peer, elements, |text| {
            // Every element that is looked at was written by a declared proxy.
            last = forwarded::element(text).unwrap_or_default();
            last.client.and_then(forwarded::node)
        });
        let proto = last.proto.and_then(|proto| std::str::from_utf8(proto).ok());
        let host = match last.host {
            Some(host) => {
                let host = std::str::from_utf8(host).ok();
                Host::Forwarded(host.and_then(Authority::parse))
            }
            None => Host::of(request),
        };
        Client {
            address,
            scheme: self.named_scheme(proto),
            host,
        }
    }

    /// The scheme that a proxy names; some name the WebSocket schemes.
    fn named_scheme(&self, proto: Option<&str>) -> Scheme {
        proto.map_or(self.direct_scheme, |proto| {
            if proto.eq_ignore_ascii_case("wss") {
                Scheme::Https
            } else if proto.eq_ignore_ascii_case("ws") {
                Scheme::Http
            } else {
                Scheme::parse(proto).unwrap_or(self.direct_scheme)
            }
        })
    }
}

impl Default for ClientPolicy {
    fn default() -> Self {
        Self::direct()
    }
}

impl fmt::Debug for ClientPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientPolicy")
            .field("direct_scheme", &self.direct_scheme)
            .field("proxies", &self.proxies)
            .field("source", &self.source)
            .field("unix_trusted", &self.unix_trusted)
            .finish_non_exhaustive()
    }
}

//! Where a request goes to, as far as cookies care.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use http::{Uri, uri::Scheme};

/// The host, path and safety of a URI.
pub(super) struct Place {
    pub(super) host: String,
    pub(super) path: String,
    /// Whether `Secure` cookies come from and go there.
    pub(super) is_secure: bool,
    pub(super) is_https: bool,
}

impl Place {
    /// `None` for a URI without a host.
    pub(super) fn of(uri: &Uri, trusts_loopback: bool) -> Option<Self> {
        let host = uri.host()?.to_ascii_lowercase();
        let scheme = uri.scheme_str();
        let is_https = uri.scheme() == Some(&Scheme::HTTPS) || scheme == Some("wss");
        Some(Self {
            path: uri.path().to_owned(),
            is_secure: is_https || (trusts_loopback && is_loopback(&host)),
            is_https,
            host,
        })
    }

    /// The path of a cookie that names none (RFC 6265bis §5.1.4).
    pub(super) fn default_path(&self) -> &str {
        match self.path.rfind('/') {
            Some(0) | None => "/",
            Some(last) => &self.path[..last],
        }
    }
}

/// Whether a cookie for `domain` goes to `host` (RFC 6265bis §5.1.3); both in lower case.
pub(super) fn domain_covers(domain: &str, host: &str) -> bool {
    let is_below = || {
        host.strip_suffix(domain)
            .is_some_and(|rest| rest.ends_with('.') && address(host).is_none())
    };
    host == domain || is_below()
}

/// Whether a cookie for `path` goes to `requested` (RFC 6265bis §5.1.4).
pub(super) fn path_covers(path: &str, requested: &str) -> bool {
    requested
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || path.ends_with('/') || rest.starts_with('/'))
}

fn is_loopback(host: &str) -> bool {
    host == "localhost"
        || host.ends_with(".localhost")
        || address(host).is_some_and(|address| address.is_loopback())
}

fn address(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(v6) => v6.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
    }
}

//! Origins other than ours that may send unsafe requests, and how a received origin is compared.

use std::fmt;

use crate::origin::{self, Authority, Origin, Scheme};

/// An entry of the list of trusted origins.
#[derive(Clone, Debug)]
pub(super) enum Trusted {
    /// This origin alone.
    Exact(Origin),
    /// This origin and every host below it, same scheme, same port.
    Subdomains(Origin),
}

impl Trusted {
    /// Reads `https://app.example` or `https://*.example.com`, with a port where it has one.
    pub(super) fn parse(entry: &str) -> Result<Self, CsrfConfigError> {
        let Some((scheme, domain)) = entry.split_once("://*.") else {
            return canonical(entry, entry).map(Self::Exact);
        };
        let apex = canonical(entry, &format!("{scheme}://{domain}"))?;
        if !is_domain(apex.authority().host()) {
            return Err(CsrfConfigError::new(
                entry,
                "a domain of at least two labels after `*.`, like `https://*.example.com`",
            ));
        }
        Ok(Self::Subdomains(apex))
    }

    pub(super) fn matches(&self, received: &Received<'_>) -> bool {
        match self {
            Self::Exact(origin) => origin.as_str() == received.text,
            Self::Subdomains(apex) => {
                let own = apex.authority();
                let host = received.authority.host();
                let below = host
                    .strip_suffix(own.host())
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
                below && received.scheme == apex.scheme() && received.authority.port() == own.port()
            }
        }
    }
}

/// A wildcard needs something that somebody owns below it: `*.com` trusts the whole of `com`.
fn is_domain(host: &str) -> bool {
    let last = host.rsplit('.').next().unwrap_or_default();
    let numeric = last.bytes().all(|byte| byte.is_ascii_digit());
    host == "localhost" || (host.contains('.') && !numeric && !host.starts_with('['))
}

/// An entry that is not in canonical form would never equal what a browser sends.
fn canonical(entry: &str, text: &str) -> Result<Origin, CsrfConfigError> {
    let want = "scheme, host and an optional port in lower case, without path, final slash or \
                default port, like `https://app.example` or `https://*.example.com`";
    match text.parse::<Origin>() {
        Ok(origin) if origin.as_str() == text => Ok(origin),
        _ => Err(CsrfConfigError::new(entry, want)),
    }
}

/// An origin that a request named, in the form that browsers write.
#[derive(Clone, Copy, Debug)]
pub(super) struct Received<'a> {
    text: &'a str,
    scheme: Scheme,
    authority: Authority<'a>,
}

impl<'a> Received<'a> {
    /// Parses what no browser would write otherwise: no upper case, no default port, no userinfo.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (scheme, authority) = origin::split(text)?;
        let canonical = !bytes.iter().any(u8::is_ascii_uppercase)
            && authority.port() != Some(scheme.default_port());
        canonical.then_some(Self {
            text,
            scheme,
            authority,
        })
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn is(&self, origin: &Origin) -> bool {
        self.text == origin.as_str()
    }

    /// Whether this is the origin of `host` under `scheme`, whose case and default port are free.
    pub(super) fn is_host(&self, scheme: Scheme, host: &Authority<'_>) -> bool {
        self.scheme == scheme
            && self.authority.host_eq(host.host())
            && self.authority.port_or_default(scheme) == host.port_or_default(scheme)
    }
}

/// A value that a CSRF policy cannot work with.
///
/// The message names the value and the form wanted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CsrfConfigError {
    found: String,
    want: &'static str,
}

impl CsrfConfigError {
    pub(super) fn new(found: &str, want: &'static str) -> Self {
        Self {
            found: found.chars().take(256).collect(),
            want,
        }
    }
}

impl fmt::Display for CsrfConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not usable: write {}", self.found, self.want)
    }
}

impl std::error::Error for CsrfConfigError {}

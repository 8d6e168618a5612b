//! Decides whether the host that a request names is one of ours.

use std::fmt;

use http::{HeaderValue, header};

use crate::{
    client::Client,
    origin::{Authority, Scheme},
    rejection::HostReason,
    respond::RequestView,
};

/// The hosts that a service answers for (`ALLOWED_HOSTS`).
///
/// An entry is a host without port, or `.example.com` for a domain and every host below it. Ports
/// are free, case is ignored. With no entry at all, no host is allowed.
///
/// # Example
///
/// ```
/// use http::Request;
/// use portcullis_core::{
///     client::ClientPolicy, hosts::AllowedHosts, rejection::HostReason, respond::RequestView,
/// };
///
/// let hosts = AllowedHosts::new().add_host("chat.example")?.add_host(".example.com")?;
/// let verdict = |host: &str| {
///     let request = Request::get("/").header("host", host).body(()).unwrap();
///     let view = RequestView::of(&request);
///     hosts.check(&view, &ClientPolicy::direct().client(&view)).map(|_| ())
/// };
/// assert_eq!(verdict("Chat.Example:8443"), Ok(()));
/// assert_eq!(verdict("api.example.com"), Ok(()));
/// assert_eq!(verdict("evil.example"), Err(HostReason::NotAllowed));
/// assert_eq!(verdict("chat.example/"), Err(HostReason::Malformed));
///
/// assert!(AllowedHosts::new().add_host("*").is_err());
/// # Ok::<_, portcullis_core::hosts::HostConfigError>(())
/// ```
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct AllowedHosts {
    exact: Vec<String>,
    below: Vec<String>,
}

impl AllowedHosts {
    /// No host.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds `chat.example`, `127.0.0.1`, `[::1]`, or `.example.com` for a domain and all below it.
    ///
    /// # Errors
    ///
    /// [`HostConfigError`] for a port, a scheme, a `*`, a final dot, or `.com`.
    pub fn add_host(mut self, entry: &str) -> Result<Self, HostConfigError> {
        let bare = entry.strip_prefix('.');
        let host = bare.unwrap_or(entry);
        let authority = Authority::parse(host).filter(|found| found.port().is_none());
        let whole = bare.is_none() || host.contains('.');
        if authority.is_none() || host.ends_with('.') || !whole {
            return Err(HostConfigError(entry.chars().take(256).collect()));
        }
        let host = host.to_ascii_lowercase();
        match bare {
            Some(_) => self.below.push(host),
            None => self.exact.push(host),
        }
        Ok(self)
    }

    /// The host that `request` names, if it names one, clearly, and one of ours.
    ///
    /// `:authority` (or the host of an absolute target) and `Host` must agree where both are given.
    /// Allocates nothing.
    ///
    /// # Errors
    ///
    /// [`HostReason`].
    pub fn check<'a>(
        &self,
        request: &RequestView<'a>,
        client: &Client<'a>,
    ) -> Result<Authority<'a>, HostReason> {
        let named = agreed(request, client.scheme)?;
        let host = client.host_unless_named(named);
        let host = host.ok_or(HostReason::Malformed)?;
        if self.contains(host.host()) {
            Ok(host)
        } else {
            Err(HostReason::NotAllowed)
        }
    }

    fn contains(&self, host: &str) -> bool {
        // Most write it in small letters, and bytes are quickly compared.
        let exact = |entry: &String| host == entry || host.eq_ignore_ascii_case(entry);
        let below = |entry: &String| {
            let Some(cut) = host.len().checked_sub(entry.len()) else {
                return false;
            };
            let (rest, end) = host.split_at(cut);
            end.eq_ignore_ascii_case(entry) && (rest.is_empty() || rest.ends_with('.'))
        };
        self.exact.iter().any(exact) || self.below.iter().any(below)
    }
}

/// What one `Host` names, and no other authority beside it.
fn agreed<'a>(request: &RequestView<'a>, scheme: Scheme) -> Result<Authority<'a>, HostReason> {
    let mut lines = request.headers.get_all(header::HOST).iter();
    let (first, second) = (lines.next(), lines.next());
    if second.is_some() {
        return Err(HostReason::Ambiguous);
    }
    let header = match first.map(HeaderValue::to_str) {
        None => None,
        Some(Ok(text)) => Some(Authority::parse(text).ok_or(HostReason::Malformed)?),
        Some(Err(_)) => return Err(HostReason::Malformed),
    };
    let Some(target) = request.uri.authority() else {
        return header.ok_or(HostReason::Malformed);
    };
    let target = Authority::parse(target.as_str()).ok_or(HostReason::Malformed)?;
    let Some(header) = header else {
        return Ok(target);
    };
    let same = header.host_eq(target.host())
        && header.port_or_default(scheme) == target.port_or_default(scheme);
    if same {
        Ok(header)
    } else {
        Err(HostReason::Ambiguous)
    }
}

/// An entry that no `Host` could equal, or that would allow hosts of others.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HostConfigError(String);

impl fmt::Display for HostConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no host: write a name without scheme and port like `chat.example`, or \
             `.example.com` for a domain and all hosts below it",
            self.0
        )
    }
}

impl std::error::Error for HostConfigError {}

//! Parses web origins; nothing else in the workspace splits scheme, host and port.
//!
//! An [`Origin`] is the triple of RFC 6454 in canonical form: scheme and host in lower case, the
//! default port left out. What a browser never serialises (userinfo, a path, a trailing slash) is
//! no origin here.

use std::{fmt, net::Ipv6Addr, str::FromStr};

use memchr::memchr;

#[cfg(test)]
mod tests;

/// `http` or `https`, as the client saw it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Scheme {
    /// Plain http.
    Http,
    /// http over TLS.
    Https,
}

impl Scheme {
    /// `"http"` or `"https"`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// 80 or 443.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// The scheme called `name`, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("https") {
            Some(Self::Https)
        } else if name.eq_ignore_ascii_case("http") {
            Some(Self::Http)
        } else {
            None
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A host and an optional port, borrowed from where it was read and checked.
///
/// The host keeps its case; compare with [`host_eq`](Self::host_eq).
#[derive(Clone, Copy, Debug)]
pub struct Authority<'a> {
    host: &'a str,
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Parses `host`, `host:port`, `[v6]` or `[v6]:port`; `None` for anything else.
    ///
    /// # Example
    ///
    /// ```
    /// use portcullis_core::origin::Authority;
    ///
    /// let authority = Authority::parse("chat.example:8443").unwrap();
    /// assert_eq!((authority.host(), authority.port()), ("chat.example", Some(8443)));
    /// for wrong in ["", "user@chat.example", "chat.example:", "a:0", "a:99999", "a/b", "[::1"] {
    ///     assert!(Authority::parse(wrong).is_none(), "{wrong}");
    /// }
    /// ```
    pub fn parse(text: &'a str) -> Option<Self> {
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let close = rest.find(']')?;
                rest[..close].parse::<Ipv6Addr>().ok()?;
                let (host, after) = text.split_at(close + 2);
                (
                    host,
                    if after.is_empty() {
                        None
                    } else {
                        Some(after.strip_prefix(':')?)
                    },
                )
            }
            None => match memchr(b':', text.as_bytes()) {
                Some(colon) => (&text[..colon], Some(&text[colon + 1..])),
                None => (text, None),
            },
        };
        if !host.starts_with('[') && !is_host_name(host) {
            return None;
        }
        let port = match port {
            Some(digits) => Some(parse_port(digits)?),
            None => None,
        };
        Some(Self { host, port })
    }

    /// The host as received, an IPv6 address with its brackets.
    pub const fn host(&self) -> &'a str {
        self.host
    }

    /// The port, if one was named.
    pub const fn port(&self) -> Option<u16> {
        self.port
    }

    /// The port, or the default of `scheme`.
    pub fn port_or_default(&self, scheme: Scheme) -> u16 {
        self.port.unwrap_or(scheme.default_port())
    }

    /// Whether the host is `name`, in any case.
    pub fn host_eq(&self, name: &str) -> bool {
        self.host.eq_ignore_ascii_case(name)
    }
}

fn is_host_name(host: &str) -> bool {
    let mut before = b'.';
    let labels = host.bytes().all(|byte| {
        let is_empty_label = byte == b'.' && before == b'.';
        before = byte;
        HOST_BYTES[usize::from(byte)] && !is_empty_label
    });
    labels && !host.is_empty() && host.len() <= 253
}

/// Which bytes a host name may have: letters, digits, `-`, `_`, and the dots between labels.
const HOST_BYTES: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 128 {
        let is_other = matches!(byte, b'-' | b'.' | b'_');
        table[byte as usize] = is_other || byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
};

fn parse_port(digits: &str) -> Option<u16> {
    let valid = !digits.is_empty()
        && digits.len() <= 5
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    if valid { digits.parse().ok() } else { None }
}

/// A web origin in canonical form.
///
/// # Example
///
/// ```
/// use portcullis_core::origin::Origin;
///
/// let origin: Origin = "https://Chat.Example:443".parse()?;
/// assert_eq!(origin.as_str(), "https://chat.example");
///
/// for wrong in ["null", "https://chat.example/", "ftp://chat.example", "https://a@chat.example"] {
///     assert!(wrong.parse::<Origin>().is_err(), "{wrong}");
/// }
/// # Ok::<_, portcullis_core::origin::OriginError>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Origin {
    text: String,
    scheme: Scheme,
}

impl Origin {
    /// The origin of `authority` under `scheme`.
    pub fn new(scheme: Scheme, authority: Authority<'_>) -> Self {
        let mut text = format!("{scheme}://{}", authority.host.to_ascii_lowercase());
        if let Some(port) = authority.port.filter(|&port| port != scheme.default_port()) {
            text.push(':');
            text.push_str(&port.to_string());
        }
        Self { text, scheme }
    }

    /// The canonical serialisation, as a browser sends it.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Host and port.
    pub fn authority(&self) -> Authority<'_> {
        Authority::parse(&self.text[self.scheme.as_str().len() + 3..])
            .expect("made from a parsed authority")
    }

    /// Whether the host is a loopback address or `localhost`.
    pub fn is_loopback(&self) -> bool {
        is_loopback_host(self.authority().host())
    }
}

/// Whether `host` (without port) is `localhost`, below `.localhost`, or a loopback address.
pub fn is_loopback_host(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let suffix = host
        .len()
        .checked_sub(10)
        .and_then(|start| host.get(start..));
    let localhost = host.eq_ignore_ascii_case("localhost")
        || suffix.is_some_and(|suffix| suffix.eq_ignore_ascii_case(".localhost"));
    localhost
        || bare
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, OriginError> {
        let wrong = || OriginError {
            found: text.chars().take(256).collect(),
        };
        let (scheme, authority) = split(text).ok_or_else(wrong)?;
        Ok(Self::new(scheme, authority))
    }
}

/// Splits a serialised origin; `None` when it is none. Allocates nothing.
pub fn split(text: &str) -> Option<(Scheme, Authority<'_>)> {
    let (scheme, rest) = text.split_once("://")?;
    Some((Scheme::parse(scheme)?, Authority::parse(rest)?))
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text that is no web origin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct OriginError {
    found: String,
}

impl fmt::Display for OriginError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no origin: write scheme, host and an optional port, like \
             `https://chat.example` or `http://127.0.0.1:8000`, without a path or a final slash",
            self.found
        )
    }
}

impl std::error::Error for OriginError {}

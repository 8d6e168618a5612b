//! Parses the address of a JWKS document: nobody on the way may choose the keys.

use std::fmt;

use reqwest::Url;

use super::error::JwksError;

const WANT: &str = "https://host/path, or http:// on a loopback address, without credentials and \
                    fragment";

/// An address from which keys may be taken.
#[derive(Clone)]
pub(super) struct Address {
    url: Url,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, JwksError> {
        let refused = || JwksError::new("JWKS address", format_args!("{text:?}"), WANT);
        let url = Url::parse(text).map_err(|_| refused())?;
        if !url.username().is_empty() || url.password().is_some() {
            // The password stays out of the message.
            return Err(JwksError::new("JWKS address", "with credentials", WANT));
        }
        let safe = match url.scheme() {
            "https" => true,
            "http" => is_loopback(&url),
            _ => false,
        };
        if safe && url.fragment().is_none() {
            Ok(Self { url })
        } else {
            Err(refused())
        }
    }

    pub(super) const fn url(&self) -> &Url {
        &self.url
    }

    pub(super) fn is_plain(&self) -> bool {
        self.url.scheme() == "http"
    }
}

/// Whether `url` names this machine: an address as such, or `localhost` (RFC 6761 §6.3).
fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.url.as_str())
    }
}

//! Where one node is.

use std::{fmt, sync::Arc};

/// A name or an address, and a port.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) port: u16,
}

impl Host {
    pub(crate) fn new(name: &str, port: u16) -> Self {
        Self {
            name: name.into(),
            port,
        }
    }

    /// Reads `name`, `name:port` or `[address]:port`.
    pub(crate) fn parse(text: &str, default_port: u16) -> Option<Self> {
        let (name, port) = match text.strip_prefix('[') {
            Some(rest) => {
                let (name, rest) = rest.split_once(']')?;
                let port = rest.strip_prefix(':');
                (rest.is_empty() || port.is_some()).then_some((name, port))?
            }
            None => match text.split_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        let port = port.map_or(Some(default_port), |port| port.parse().ok())?;
        let visible = |byte: u8| byte.is_ascii_graphic() && !b"/?#@,[]".contains(&byte);
        let valid = !name.is_empty() && name.bytes().all(visible) && port > 0;
        valid.then(|| Self::new(name, port))
    }

    /// Reads `name:port` as servers write it: the last colon counts, also after an address.
    pub(crate) fn from_server(text: &str) -> Option<Self> {
        let (name, port) = text.rsplit_once(':')?;
        let name = name.trim_start_matches('[').trim_end_matches(']');
        Some(Self::new(name, port.parse().ok()?))
    }

    /// Itself; where a node does not know its own name, that of the `adviser` that told of it.
    pub(crate) fn seen_from(&self, adviser: &Self) -> Self {
        match &*self.name {
            "" | "?" => Self {
                name: adviser.name.clone(),
                port: self.port,
            },
            _ => self.clone(),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.port)
    }
}

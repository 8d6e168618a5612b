//! What a server says of itself, and whether that will do.

use std::fmt;

use redis::{Cmd, cmd};

use crate::trouble::Trouble;

#[cfg(test)]
mod tests;

/// Which of the two servers we talk to.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Product {
    /// Redis; 7.0 at least.
    #[default]
    Redis,
    /// Valkey; 7.2 at least.
    Valkey,
}

impl Product {
    const fn oldest(self) -> (u32, u32) {
        match self {
            Self::Redis => (7, 0),
            Self::Valkey => (7, 2),
        }
    }
}

/// Says what the server is, as it was when we connected.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Server {
    product: Product,
    version: String,
    policy: String,
}

impl Server {
    /// Redis or Valkey.
    pub fn product(&self) -> Product {
        self.product
    }

    /// The version, for example `7.0.15`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The `maxmemory-policy`, when it lets the server drop live entries: worth a warning.
    ///
    /// An entry dropped early is a limit forgotten. `None` for `noeviction`, under which a full
    /// server refuses writes and the limiter's answer to a failing store holds.
    pub fn evicts(&self) -> Option<&str> {
        let drops = !matches!(self.policy.as_str(), "" | "noeviction");
        drops.then_some(self.policy.as_str())
    }

    /// Reads the answers to `INFO server` and `INFO memory`.
    pub(crate) fn read(about: &str, memory: &str) -> Result<Self, ConnectError> {
        let mut server = Self::check(about)?;
        server.read_memory(memory);
        Ok(server)
    }

    /// Reads the answer to `INFO server`.
    fn check(info: &str) -> Result<Self, ConnectError> {
        let (product, version) = match field(info, "valkey_version") {
            Some(version) => (Product::Valkey, version),
            None => (Product::Redis, field(info, "redis_version").unwrap_or("")),
        };
        if numbers(version).is_none_or(|version| version < product.oldest()) {
            return Err(ConnectError(Reason::Version(product, version.to_owned())));
        }
        Ok(Self {
            product,
            version: version.to_owned(),
            policy: String::new(),
        })
    }

    /// Reads the answer to `INFO memory`.
    fn read_memory(&mut self, info: &str) {
        field(info, "maxmemory_policy")
            .unwrap_or_default()
            .clone_into(&mut self.policy);
    }
}

/// Asks for one section of `INFO`; managed services forbid `CONFIG`.
pub(crate) fn about(section: &str) -> Cmd {
    cmd("INFO").arg(section).take()
}

fn field<'a>(info: &'a str, name: &str) -> Option<&'a str> {
    let values = info.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = values.into_iter().find(|(key, _)| *key == name)?;
    Some(value.trim())
}

/// Major and minor version.
fn numbers(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The server could not be reached, refused us, or will not do. Opaque.
#[derive(Clone, Debug)]
pub struct ConnectError(Reason);

#[derive(Clone, Debug)]
enum Reason {
    Tls(String),
    Trouble(Trouble),
    Version(Product, String),
}

impl ConnectError {
    /// Whether the server was reached and is too old, so that trying again is of no use.
    pub fn is_version(&self) -> bool {
        matches!(self.0, Reason::Version(..))
    }
}

impl ConnectError {
    /// Nothing to verify servers' certificates with.
    pub(crate) fn tls(why: String) -> Self {
        Self(Reason::Tls(why))
    }
}

impl From<Trouble> for ConnectError {
    fn from(trouble: Trouble) -> Self {
        Self(Reason::Trouble(trouble))
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::Tls(why) => write!(f, "no TLS connection can be made: {why}"),
            Reason::Trouble(trouble) => trouble.fmt(f),
            Reason::Version(product, version) => write!(
                f,
                "the server is {product:?} {version:?}; wanted: Redis 7.0 or Valkey 7.2, or newer"
            ),
        }
    }
}

impl std::error::Error for ConnectError {}

//! Where the server is, and how long its answers are waited for.

use std::{fmt, time::Duration};

use redis::Client;

use crate::{ConnectError, Redis};

#[cfg(test)]
mod tests;

/// Says where Redis is, what our keys begin with and how long an answer is waited for.
///
/// # Example
///
/// ```
/// use portcullis_redis::RedisConfig;
/// use std::time::Duration;
///
/// let config = RedisConfig::from_url("redis://limiter:secret@10.0.0.7:6379/2")?
///     .with_prefix("shop")?
///     .with_deadline(Duration::from_millis(20))?;
/// assert!(!format!("{config:?}").contains("secret"));
///
/// let refused = RedisConfig::from_url("redis+cluster://10.0.0.7").unwrap_err();
/// assert!(refused.to_string().contains("redis://"));
/// # Ok::<_, portcullis_redis::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RedisConfig {
    client: Client,
    prefix: String,
    deadline: Duration,
}

impl RedisConfig {
    /// What keys begin with unless configured.
    pub const DEFAULT_PREFIX: &str = "portcullis";

    /// How long one decision waits unless configured.
    pub const DEFAULT_DEADLINE: Duration = Duration::from_millis(50);

    /// The longest deadline.
    pub const MAX_DEADLINE: Duration = Duration::from_secs(5);

    /// The longest prefix, in bytes.
    pub const MAX_PREFIX: usize = 64;

    /// Reads `redis://[user:password@]host[:port][/database]`; connects nowhere yet.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for any other scheme: TLS (`rediss://`), clusters and sentinels are not
    /// spoken yet, and are refused here, not at the first request. Also for a URL without a host
    /// or with a port or a database that is no number. The error never shows the URL, which may
    /// hold a password.
    ///
    /// # Security
    ///
    /// `redis://` is plain text, the password included: for a network that nobody else reads.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        if scheme != "redis" {
            return Err(ConfigError::scheme(scheme));
        }
        let client = Client::open(url).map_err(|error| ConfigError {
            found: format!("the Redis URL ({error})"),
            wanted: "`redis://[user:password@]host[:port][/database]`",
        })?;
        Ok(Self {
            client,
            prefix: Self::DEFAULT_PREFIX.to_owned(),
            deadline: Self::DEFAULT_DEADLINE,
        })
    }

    /// Begins every key with `prefix`, so that applications can share a server.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] unless it is 1 to 64 bytes of visible ASCII without braces, which would
    /// change the slot that a cluster puts the keys in.
    pub fn with_prefix(self, prefix: &str) -> Result<Self, ConfigError> {
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'{' && byte != b'}';
        if prefix.is_empty() || prefix.len() > Self::MAX_PREFIX || !prefix.bytes().all(fits) {
            return Err(ConfigError {
                found: format!("the key prefix {prefix:?}"),
                wanted: "1 to 64 bytes of visible ASCII without braces",
            });
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            ..self
        })
    }

    /// Waits `deadline` for a decision, the wait for a connection included.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] below 1 ms and above 5 s.
    pub fn with_deadline(self, deadline: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_millis(1)..=Self::MAX_DEADLINE).contains(&deadline) {
            return Err(ConfigError {
                found: format!("a deadline of {deadline:?}"),
                wanted: "between 1 ms and 5 s",
            });
        }
        Ok(Self { deadline, ..self })
    }

    /// Connects, and checks that the server is new enough: Redis 7.0 or Valkey 7.2.
    ///
    /// The connection renews itself from then on. To be called on a tokio runtime, which has to
    /// outlive the connection.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the server cannot be reached within 5 s, refuses us or is too old.
    pub async fn connect(self) -> Result<Redis, ConnectError> {
        Redis::open(self.client, self.prefix, self.deadline).await
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("prefix", &self.prefix)
            .field("deadline", &self.deadline)
            .finish_non_exhaustive()
    }
}

/// A setting that cannot work. Shows the value and what is wanted instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError {
    found: String,
    wanted: &'static str,
}

impl ConfigError {
    fn scheme(scheme: &str) -> Self {
        let found = match scheme {
            "rediss" => "`rediss://`: this version does not speak TLS".to_owned(),
            "redis+cluster" => "`redis+cluster://`: this version knows no clusters".to_owned(),
            "redis+sentinel" => "`redis+sentinel://`: this version asks no sentinels".to_owned(),
            // What is no scheme may be a password.
            _ => "a URL of another scheme, or of none".to_owned(),
        };
        Self {
            found,
            wanted: "`redis://[user:password@]host[:port][/database]`, one server in plain text",
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used; wanted: {}", self.found, self.wanted)
    }
}

impl std::error::Error for ConfigError {}

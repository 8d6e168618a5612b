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
    pub(crate) settings: Settings,
}

/// What every part of the connection has to know.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) prefix: String,
    pub(crate) deadline: Duration,
    /// How many replicas have to hold a revocation, and how long they are waited for.
    pub(crate) replicas: (u32, Duration),
    /// How long a revocation is kept.
    pub(crate) retention: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: RedisConfig::DEFAULT_PREFIX.to_owned(),
            deadline: RedisConfig::DEFAULT_DEADLINE,
            replicas: (0, Duration::ZERO),
            retention: RedisConfig::DEFAULT_RETENTION,
        }
    }
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

    /// How long revocations are kept unless configured: the two hours that an access token may
    /// live at most, and a minute of leeway.
    pub const DEFAULT_RETENTION: Duration = Duration::from_secs(2 * 3600 + 60);

    /// The longest retention.
    pub const MAX_RETENTION: Duration = Duration::from_secs(31 * 24 * 3600);

    /// The longest that replicas are waited for.
    pub const MAX_WAIT: Duration = Duration::from_secs(5);

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
            settings: Settings::default(),
        })
    }

    /// Begins every key with `prefix`, so that applications can share a server.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] unless it is 1 to 64 bytes of visible ASCII without braces, which would
    /// change the slot that a cluster puts the keys in.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self, ConfigError> {
        let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'{' && byte != b'}';
        if prefix.is_empty() || prefix.len() > Self::MAX_PREFIX || !prefix.bytes().all(fits) {
            return Err(ConfigError {
                found: format!("the key prefix {prefix:?}"),
                wanted: "1 to 64 bytes of visible ASCII without braces",
            });
        }
        prefix.clone_into(&mut self.settings.prefix);
        Ok(self)
    }

    /// Waits `deadline` for a decision, the wait for a connection included.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] below 1 ms and above 5 s.
    pub fn with_deadline(mut self, deadline: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_millis(1)..=Self::MAX_DEADLINE).contains(&deadline) {
            return Err(ConfigError {
                found: format!("a deadline of {deadline:?}"),
                wanted: "between 1 ms and 5 s",
            });
        }
        self.settings.deadline = deadline;
        Ok(self)
    }

    /// Waits up to `wait` for `replicas` of them to hold a revocation before it counts as
    /// confirmed (the command `WAIT`).
    ///
    /// Without this, and with `replicas` of 0, a revocation is confirmed once the primary has it,
    /// and a failover right afterwards can forget it. Decisions that revoke nothing never wait.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for a wait below 1 ms or above 5 s.
    ///
    /// ```
    /// # use portcullis_redis::RedisConfig;
    /// # use std::time::Duration;
    /// let config = RedisConfig::from_url("redis://127.0.0.1")?;
    /// let config = config.with_min_replicas(1, Duration::from_millis(100))?;
    /// assert!(config.with_min_replicas(1, Duration::ZERO).is_err(), "zero would wait for ever");
    /// # Ok::<_, portcullis_redis::ConfigError>(())
    /// ```
    pub fn with_min_replicas(mut self, replicas: u32, wait: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_millis(1)..=Self::MAX_WAIT).contains(&wait) {
            return Err(ConfigError {
                found: format!("a wait of {wait:?} for replicas"),
                wanted: "between 1 ms and 5 s",
            });
        }
        self.settings.replicas = (replicas, wait);
        Ok(self)
    }

    /// Keeps revocations for `retention`: the longest that an access token can be accepted,
    /// leeway included.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] below one minute and above 31 days.
    ///
    /// # Security
    ///
    /// An access token that lives longer than this outlives its own revocation.
    pub fn with_retention(mut self, retention: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_secs(60)..=Self::MAX_RETENTION).contains(&retention) {
            return Err(ConfigError {
                found: format!("a retention of {retention:?}"),
                wanted: "between one minute and 31 days",
            });
        }
        self.settings.retention = retention;
        Ok(self)
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
        Redis::open(self.client, self.settings).await
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("settings", &self.settings)
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

//! Where the server is, and how long its answers are waited for.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::audit::{AuditSink, NoAudit};

use crate::{
    ConnectError, Redis,
    nodes::Nodes,
    tls::Trust,
    url::{Form, Login, Place},
};

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
/// let refused = RedisConfig::from_url("http://10.0.0.7").unwrap_err();
/// assert!(refused.to_string().contains("redis://"));
/// # Ok::<_, portcullis_redis::ConfigError>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct RedisConfig {
    place: Place,
    to_sentinels: Login,
    trust: Trust,
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
    pub(crate) audit: Audit,
}

/// Where it is reported that other processes were not told of a revocation.
#[derive(Clone)]
pub(crate) struct Audit(pub(crate) Arc<dyn AuditSink>);

impl fmt::Debug for Audit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Audit")
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            prefix: RedisConfig::DEFAULT_PREFIX.to_owned(),
            deadline: RedisConfig::DEFAULT_DEADLINE,
            replicas: (0, Duration::ZERO),
            retention: RedisConfig::DEFAULT_RETENTION,
            audit: Audit(Arc::new(NoAudit)),
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
    /// live at most, and five minutes for leeway and for clocks that differ.
    pub const DEFAULT_RETENTION: Duration = Duration::from_secs(2 * 3600 + 300);

    /// The longest retention.
    pub const MAX_RETENTION: Duration = Duration::from_secs(31 * 24 * 3600);

    /// The longest that replicas are waited for.
    pub const MAX_WAIT: Duration = Duration::from_secs(5);

    /// Reads where Redis is; connects nowhere yet.
    ///
    /// | URL | leads to |
    /// |---|---|
    /// | `redis://[user:password@]host[:port][/database]` | one server |
    /// | `redis+sentinel://[…@]host[:port],…/service[/database]` | the primary that the sentinels name |
    /// | `redis+cluster://[…@]host[:port],…` | a cluster, of which these are some nodes |
    ///
    /// With `rediss` in place of `redis`, each of them over TLS. User and password are those of
    /// the servers, percent-encoded.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] for any other scheme, a query, a host that is missing, and a port or a
    /// database that is no number; for `rediss` when the crate was built without its feature
    /// `tls`. The error never shows the URL, which may hold a password.
    ///
    /// # Security
    ///
    /// Without TLS everything is plain text, the password included: for a network that nobody
    /// else reads.
    pub fn from_url(url: &str) -> Result<Self, ConfigError> {
        let place = Place::parse(url).map_err(ConfigError::url)?;
        if place.tls && !Trust::COMPILED_IN {
            return Err(ConfigError::url(
                "a `rediss` URL without the feature `tls` of portcullis-redis".to_owned(),
            ));
        }
        Ok(Self {
            place,
            to_sentinels: Login::default(),
            trust: Trust::default(),
            settings: Settings::default(),
        })
    }

    /// Trusts the certificate authorities in `pem`, and no others.
    ///
    /// Without this, those of the operating system are trusted.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the URL is not a `rediss` one, and when `pem` holds no certificate.
    pub fn with_ca_pem(mut self, pem: &[u8]) -> Result<Self, ConfigError> {
        self.check_tls("a certificate authority")?;
        let trust = self.trust.with_authorities(pem);
        self.trust = trust.map_err(|why| ConfigError {
            found: format!("the PEM of a certificate authority ({why})"),
            wanted: "one or more blocks `-----BEGIN CERTIFICATE-----`",
        })?;
        Ok(self)
    }

    /// Shows the certificates in `chain` to servers that ask for one (`tls-auth-clients`); `key` is
    /// the private key of the first of them. Both are PEM.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the URL is not a `rediss` one, when `chain` holds no certificate or
    /// `key` no private key, and when the two do not belong together.
    pub fn with_client_pem(mut self, chain: &[u8], key: &[u8]) -> Result<Self, ConfigError> {
        self.check_tls("a client certificate")?;
        let trust = self.trust.with_client(chain, key);
        self.trust = trust.map_err(|why| ConfigError {
            found: format!("the PEM of a client certificate or its key ({why})"),
            wanted: "blocks `-----BEGIN CERTIFICATE-----`, and one `-----BEGIN PRIVATE KEY-----` \
                     of the first of them",
        })?;
        Ok(self)
    }

    fn check_tls(&self, what: &str) -> Result<(), ConfigError> {
        if self.place.tls {
            return Ok(());
        }
        Err(ConfigError {
            found: format!("{what} for a connection in plain text"),
            wanted: "a `rediss://` URL",
        })
    }

    /// Logs in at the sentinels too: as `user`, or as the default user.
    ///
    /// The user and the password in the URL are those of the servers; sentinels often have none.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] when the URL names no sentinels.
    pub fn with_sentinel_login(
        mut self,
        user: Option<&str>,
        password: &str,
    ) -> Result<Self, ConfigError> {
        if !matches!(self.place.form, Form::Sentinel(_)) {
            return Err(ConfigError {
                found: "a login for sentinels without sentinels".to_owned(),
                wanted: "a `redis+sentinel://` URL",
            });
        }
        self.to_sentinels = Login::new(user, password);
        Ok(self)
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

    /// Keeps revocations in the feed for `retention`: the longest that an access token can be
    /// accepted, and some minutes for leeway and for clocks that differ.
    ///
    /// All processes need the same.
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

    /// Reports to `audit` what the revocation feed could not be told.
    ///
    /// [`RevocationOwed`](portcullis_core::audit::AuditKind::RevocationOwed) when an entry could
    /// not be written: it is tried again in the background.
    /// [`RevocationUntold`](portcullis_core::audit::AuditKind::RevocationUntold) when it had to be
    /// given up, because it expired before it could be written, because more than 10,000 were owed,
    /// or because its runtime ended. The caller of the revocation has got an error each time.
    ///
    /// ```
    /// # use portcullis_core::audit::MemoryAudit;
    /// # use portcullis_redis::RedisConfig;
    /// # use std::sync::Arc;
    /// let audit = Arc::new(MemoryAudit::default());
    /// let config = RedisConfig::from_url("redis://127.0.0.1")?.with_audit(audit.clone());
    /// assert!(audit.events().is_empty(), "nothing is owed before there is a connection");
    /// # Ok::<_, portcullis_redis::ConfigError>(())
    /// ```
    pub fn with_audit(mut self, audit: Arc<dyn AuditSink>) -> Self {
        self.settings.audit = Audit(audit);
        self
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
        let tls = self.place.tls.then(|| self.trust.ready()).transpose();
        let tls = tls.map_err(ConnectError::tls)?;
        Redis::open(
            Nodes::new(&self.place, &self.to_sentinels, tls),
            self.settings,
        )
        .await
    }
}

impl fmt::Debug for RedisConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisConfig")
            .field("place", &self.place)
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
    pub(crate) fn new(found: String, wanted: &'static str) -> Self {
        Self { found, wanted }
    }

    fn url(found: String) -> Self {
        Self {
            found,
            wanted: "`redis://[user:password@]host[:port][/database]`, \
                     `redis+sentinel://host,host/service` or `redis+cluster://host,host`, each \
                     with `rediss` for TLS",
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cannot be used; wanted: {}", self.found, self.wanted)
    }
}

impl std::error::Error for ConfigError {}

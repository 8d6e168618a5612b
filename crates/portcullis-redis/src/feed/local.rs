//! Answers from memory what the stream has told.

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{
    Answer,
    answer::BoxFuture,
    clock::{Clock, SystemClock, Timestamp},
    keys::RotationKeys,
    store::{Confirmation, Revocations, StoreError, TokenFacts},
};
use tokio::task::AbortHandle;

use super::{
    Entry, Fact, Listener,
    marks::Marks,
    reader::Reader,
    shared::{Known, Shared},
    watch::{Watch, Watches},
};
use crate::{ConfigError, ConnectError, Redis, tag::Tagger};

/// The longest that one read waits for news.
const LONGEST_BLOCK: Duration = Duration::from_secs(1);

/// What a node answers that may have missed a revocation, because it has not heard from Redis.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum OnStale {
    /// Nothing is revoked but what is known to be: signed-out sessions may go on until their
    /// access tokens expire.
    Admit,
    /// An error, which the authentication layer answers with 503.
    Reject,
    /// What the remote store says, at one round trip per request.
    #[default]
    Remote,
}

/// Says how a node keeps up with revocations.
///
/// See [`RevocationFeed`] for an example.
#[derive(Clone, Debug)]
#[must_use]
pub struct FeedConfig {
    max_staleness: Duration,
    on_stale: OnStale,
    max_entries: usize,
    max_watches: usize,
    clock: Arc<dyn Clock>,
}

impl Default for FeedConfig {
    fn default() -> Self {
        Self {
            max_staleness: Self::DEFAULT_MAX_STALENESS,
            on_stale: OnStale::default(),
            max_entries: 200_000,
            max_watches: 100_000,
            clock: Arc::new(SystemClock),
        }
    }
}

impl FeedConfig {
    /// How long a node may hear nothing unless configured.
    pub const DEFAULT_MAX_STALENESS: Duration = Duration::from_secs(5);

    /// Five seconds of silence, [`OnStale::Remote`], 200,000 revocations and 100,000 watches.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes a node for stale that has heard nothing for `max_staleness`.
    ///
    /// # Errors
    ///
    /// [`ConfigError`] below 2 s and above 60 s.
    ///
    /// ```
    /// # use portcullis_redis::FeedConfig;
    /// # use std::time::Duration;
    /// let config = FeedConfig::new().with_max_staleness(Duration::from_secs(3))?;
    /// assert!(config.with_max_staleness(Duration::from_millis(500)).is_err());
    /// # Ok::<_, portcullis_redis::ConfigError>(())
    /// ```
    pub fn with_max_staleness(mut self, max_staleness: Duration) -> Result<Self, ConfigError> {
        if !(Duration::from_secs(2)..=Duration::from_secs(60)).contains(&max_staleness) {
            return Err(ConfigError::new(
                format!("a staleness of {max_staleness:?}"),
                "between 2 s and 60 s",
            ));
        }
        self.max_staleness = max_staleness;
        Ok(self)
    }

    /// Does `on_stale` while the node is stale.
    pub fn with_on_stale(mut self, on_stale: OnStale) -> Self {
        self.on_stale = on_stale;
        self
    }

    /// Keeps so many revocations at most, some 200 bytes each.
    ///
    /// None is dropped to make room: a node that cannot keep one is stale until it can.
    pub fn with_max_entries(mut self, entries: usize) -> Self {
        self.max_entries = entries;
        self
    }

    /// Keeps so many watches at most, one per guarded stream; a further one ends at once.
    pub fn with_max_watches(mut self, watches: usize) -> Self {
        self.max_watches = watches;
        self
    }

    /// Takes the time from `clock`, by which revocations expire.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Reads what is retained, and follows the stream from then on.
    ///
    /// `keys` are those of the rotation service, from which the names of users in Redis are made;
    /// `remote` writes what is denied, and answers while the node is stale, if it is to. To be
    /// called on a tokio runtime, which has to outlive the feed.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] when the stream cannot be read.
    pub async fn start(
        self,
        redis: &Redis,
        keys: &RotationKeys,
        remote: Arc<dyn Revocations>,
    ) -> Result<RevocationFeed, ConnectError> {
        let shared = Arc::new(Shared::new(
            Marks::new(self.max_entries),
            Watches::new(self.max_watches),
            Tagger::new(keys),
            self.clock,
            self.max_staleness,
            redis.retention(),
        ));
        let block = LONGEST_BLOCK.min(self.max_staleness / 4);
        let mut reader = Reader::new(shared.clone(), redis.clone(), block);
        // Before the first read, so that nothing falls between the two.
        let weak = Arc::downgrade(&shared);
        redis.listen(weak);
        let connection = reader.begin().await?;
        let task = tokio::spawn(reader.run(connection)).abort_handle();
        Ok(RevocationFeed {
            shared,
            remote,
            on_stale: self.on_stale,
            _task: Arc::new(Task(task)),
        })
    }
}

/// Answers from memory whether a token is revoked, at no round trip: the `Local` check.
///
/// Each node follows one Redis stream on a connection of its own and hears of every revocation
/// within a second, those of its own process at once. It reads everything that is retained when it
/// starts and after every reconnect, and looks each second without news whether Redis is alive.
/// While it has heard nothing for longer than
/// [`with_max_staleness`](FeedConfig::with_max_staleness), it does what [`OnStale`] says; what it
/// knows to be revoked stays revoked. Guarded streams end within a second of a revocation that the
/// node hears of.
///
/// Cloning is cheap; the feed stops with its last clone.
///
/// # Security
///
/// Revocations expire by this host's clock, tokens by the clock that they are checked by: let that
/// be the same one. A clock that steps back keeps revocations longer, never shorter.
///
/// # Example
///
/// ```no_run
/// # async fn run(remote: std::sync::Arc<dyn portcullis_core::store::Revocations>)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// use portcullis_core::{Secret, keys::RotationKeys};
/// use portcullis_redis::{FeedConfig, RedisConfig};
///
/// let redis = RedisConfig::from_url("redis://127.0.0.1")?.connect().await?;
/// let keys = RotationKeys::new(1, &Secret::new([7; 32]))?;
/// let feed = FeedConfig::new().start(&redis, &keys, remote).await?;
/// assert!(!feed.is_stale());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RevocationFeed {
    shared: Arc<Shared>,
    remote: Arc<dyn Revocations>,
    on_stale: OnStale,
    _task: Arc<Task>,
}

impl RevocationFeed {
    /// Whether the node may have missed a revocation: for a health check or a gauge.
    pub fn is_stale(&self) -> bool {
        self.shared.is_stale()
    }

    /// How many revocations and watches are kept.
    pub fn entries(&self) -> usize {
        let state = self.shared.read();
        state.marks.len() + state.watches.len()
    }
}

impl Revocations for RevocationFeed {
    fn is_revoked(&self, token: &TokenFacts<'_>) -> Answer<Result<bool, StoreError>> {
        match self.shared.judge(token) {
            Known::Revoked => return Answer::now(Ok(true)),
            Known::Valid => return Answer::now(Ok(false)),
            Known::Unknown => {}
        }
        match self.on_stale {
            OnStale::Admit => Answer::now(Ok(false)),
            OnStale::Reject => Answer::now(Err(StoreError::plain(
                "this node has not heard of revocations for too long",
            ))),
            OnStale::Remote => self.remote.is_revoked(token),
        }
    }

    fn deny(
        &self,
        subject: &str,
        jti: &str,
        expires: Timestamp,
    ) -> Answer<Result<Confirmation, StoreError>> {
        let shared = self.shared.clone();
        let entry = Entry {
            fact: Fact::Token {
                token: shared.tagger.token(subject, jti),
            },
            expires: expires.as_micros().div_ceil(1_000_000),
        };
        let denied = self.remote.deny(subject, jti, expires);
        denied.map(move |answer| {
            if answer.is_ok() {
                shared.hear(&entry);
            }
            answer
        })
    }

    fn watch(&self, token: &TokenFacts<'_>) -> Option<BoxFuture<()>> {
        Some(Box::pin(Watch::new(&self.shared, token)))
    }
}

impl fmt::Debug for RevocationFeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RevocationFeed")
            .field("stale", &self.is_stale())
            .field("on_stale", &self.on_stale)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

/// The task that reads, which ends with the last feed that it reads for.
struct Task(AbortHandle);

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}

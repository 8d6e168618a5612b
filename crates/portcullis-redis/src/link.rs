//! One multiplexed connection that renews itself.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use futures_util::future::{FutureExt, Shared};
use portcullis_core::store::Confirmation;
use redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::time::{Instant, timeout_at};

use crate::{
    ConnectError, Server,
    config::Settings,
    script::{Call, Script},
    server,
    trouble::{Kind, Trouble},
};

/// How long one attempt to connect may take. Longer than a decision waits: the attempt goes on
/// by itself, and a later decision finds it done.
const CONNECT: Duration = Duration::from_secs(2);

/// How long the checks at the start may take, the first connection included.
const OPEN: Duration = Duration::from_secs(5);

/// So many deadlines missed in a row end a connection: when the other end has vanished without a
/// word, the system would go on waiting for a quarter of an hour.
const MISSES: u32 = 3;

/// Connects to one Redis or Valkey server; cloning is cheap and shares the connection.
///
/// All commands share one connection, which is replaced when it breaks, when three answers in a
/// row are late, and when the server turns out to be a replica. No command is ever sent twice: one
/// that is late may have been carried out.
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
}

struct Link {
    client: Client,
    settings: Settings,
    server: Server,
    slot: Mutex<Slot>,
    misses: AtomicU32,
}

/// The connection in use, or on its way.
#[derive(Default)]
struct Slot {
    /// Tells a broken connection from the one that has replaced it.
    generation: u64,
    connection: Option<Connecting>,
}

type Connected = Result<MultiplexedConnection, Trouble>;
type Connecting = Shared<Pin<Box<dyn Future<Output = Connected> + Send>>>;

impl Redis {
    pub(crate) async fn open(client: Client, settings: Settings) -> Result<Self, ConnectError> {
        let mut link = Link {
            client,
            settings,
            server: Server::default(),
            slot: Mutex::default(),
            misses: AtomicU32::new(0),
        };
        let until = Instant::now() + OPEN;
        let about: String = link.ask(&server::about("server"), until).await?;
        link.server = Server::check(&about)?;
        let memory: String = link.ask(&server::about("memory"), until).await?;
        link.server.read_memory(&memory);
        Ok(Self {
            link: Arc::new(link),
        })
    }

    /// What the server said of itself when we connected.
    pub fn server(&self) -> &Server {
        &self.link.server
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.link.settings.prefix
    }

    /// How long a revocation is kept: the longest that an access token can be accepted.
    pub(crate) fn retention(&self) -> Duration {
        self.link.settings.retention
    }

    /// Whether a revocation waits for replicas.
    pub(crate) fn demands_replicas(&self) -> bool {
        self.link.settings.replicas.0 > 0
    }

    /// Sends `command` once and waits for its answer until the deadline.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        let until = Instant::now() + self.link.settings.deadline;
        self.link.ask(command, until).await
    }

    /// Runs `script`, teaching it to the server when it does not know it; within one deadline.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Call,
    ) -> Result<T, Trouble> {
        let until = Instant::now() + self.link.settings.deadline;
        match self.link.ask(&script.by_digest(call), until).await {
            // The server has run nothing, so nothing is done twice.
            Err(trouble) if trouble.kind() == Kind::NoScript => {
                self.link.ask(&script.by_source(call), until).await
            }
            answer => answer,
        }
    }

    /// Runs a `script` that revokes, and waits until as many replicas hold what it wrote as are
    /// demanded, or for as long as was configured.
    ///
    /// The script and `WAIT` have a connection to themselves, since a connection that waits
    /// answers nobody else. What the script did stands, confirmed or not.
    pub(crate) async fn run_confirmed<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Call,
    ) -> Result<(T, Confirmation), Trouble> {
        let value = self.run(script, call).await?;
        let confirmation = match self.link.settings.replicas {
            (0, _) => Confirmation::Confirmed,
            _ => Confirmation::Unconfirmed,
        };
        Ok((value, confirmation))
    }
}

impl Link {
    async fn ask<T: FromRedisValue>(&self, command: &Cmd, until: Instant) -> Result<T, Trouble> {
        let (generation, connection) = self.connection();
        let mut connection = timeout_at(until, connection)
            .await
            .map_err(|_late| Trouble::timeout())??;
        let answer = timeout_at(until, connection.req_packed_command(command)).await;
        let answer = answer
            .map_err(|_late| Trouble::timeout())
            .and_then(|answer| Ok(answer?.extract_error()?));
        self.judge(generation, answer.as_ref());
        T::from_redis_value(answer?).map_err(|error| Trouble::reply(error.to_string()))
    }

    /// The connection, or a new attempt when there is none or the last one failed.
    fn connection(&self) -> (u64, Connecting) {
        let mut slot = self.slot();
        let usable = |made: &Connecting| !matches!(made.peek(), Some(Err(_)));
        if let Some(made) = slot.connection.clone().filter(usable) {
            return (slot.generation, made);
        }
        let attempt = connect(self.client.clone()).boxed().shared();
        // Goes on when the decision that started it gives up.
        tokio::spawn(attempt.clone());
        slot.generation += 1;
        slot.connection = Some(attempt.clone());
        (slot.generation, attempt)
    }

    /// Gives the connection up when it is not worth keeping.
    fn judge(&self, generation: u64, answer: Result<&Value, &Trouble>) {
        let lost = match answer {
            Err(trouble) if trouble.kind() == Kind::Timeout => {
                self.misses.fetch_add(1, Ordering::Relaxed) + 1 >= MISSES
            }
            answer => {
                self.misses.store(0, Ordering::Relaxed);
                answer.is_err_and(Trouble::ends_connection)
            }
        };
        let mut slot = self.slot();
        if lost && slot.generation == generation {
            slot.connection = None;
            self.misses.store(0, Ordering::Relaxed);
        }
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn connect(client: Client) -> Connected {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(None); // ours is the deadline
    let made = client.get_multiplexed_async_connection_with_config(&config);
    Ok(made.await?)
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("settings", &self.link.settings)
            .field("server", &self.link.server)
            .finish_non_exhaustive()
    }
}

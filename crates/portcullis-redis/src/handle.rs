//! What the stores ask.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use portcullis_core::{audit::AuditSink, store::Confirmation};
use redis::{Cmd, FromRedisValue, Value};
use tokio::time::{Instant, timeout_at};

use crate::{
    ConnectError, Server,
    config::Settings,
    dial::Connection,
    feed::{Listener, Owed},
    lanes::{Lane, Lanes},
    nodes::Nodes,
    script::{Call, Script},
    server,
    slot::Slot,
    trouble::{Kind, Trouble},
};

#[cfg(test)]
mod tests;

/// How long the checks at the start may take, the first connection included.
const OPEN: Duration = Duration::from_secs(5);

/// Connects to Redis or Valkey; cloning is cheap and shares the connections.
///
/// All commands of a node share one connection, which is replaced when it breaks, when three
/// answers in a row are late, and when the server turns out to be a replica. No command is ever
/// sent twice: one that is late may have been carried out. Revocations that wait for replicas, and
/// the feed, have connections of their own.
#[derive(Clone)]
pub struct Redis {
    inner: Arc<Inner>,
}

struct Inner {
    nodes: Nodes,
    lanes: Lanes,
    settings: Settings,
    server: Server,
    listeners: Mutex<Vec<Weak<dyn Listener>>>,
    owed: Owed,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.owed.abandon(&*self.settings.audit.0);
    }
}

impl Redis {
    pub(crate) async fn open(nodes: Nodes, settings: Settings) -> Result<Self, ConnectError> {
        let server = Self::look(&nodes, Instant::now() + OPEN).await?;
        Ok(Self {
            inner: Arc::new(Inner {
                nodes,
                lanes: Lanes::default(),
                settings,
                server,
                listeners: Mutex::default(),
                owed: Owed::default(),
            }),
        })
    }

    /// Asks every primary that can be reached what it is.
    async fn look(nodes: &Nodes, until: Instant) -> Result<Server, ConnectError> {
        let mut seen: Option<Server> = None;
        let mut missing = None;
        for link in nodes.primaries(until).await? {
            let ask = async |section| {
                let command = server::about(section);
                read::<String>(link.ask(&command, false, until).await?)
            };
            let told = match (ask("server").await, ask("memory").await) {
                (Ok(about), Ok(memory)) => Server::read(&about, &memory)?,
                (Err(trouble), _) | (_, Err(trouble)) => {
                    missing = Some(trouble);
                    continue;
                }
            };
            seen = Some(match seen {
                Some(first) if first.evicts().is_some() => first,
                _ => told,
            });
        }
        let nobody = || missing.unwrap_or_else(Trouble::no_primary);
        seen.ok_or_else(|| nobody().into())
    }

    /// What the server said of itself when we connected.
    pub fn server(&self) -> &Server {
        &self.inner.server
    }

    /// How many revocations the other processes have not been told of yet, because the feed could
    /// not be written: for a gauge, which is 0 in good times.
    pub fn owed_revocations(&self) -> usize {
        self.inner.owed.len()
    }

    pub(crate) fn owed(&self) -> &Owed {
        &self.inner.owed
    }

    pub(crate) fn audit(&self) -> &dyn AuditSink {
        &*self.inner.settings.audit.0
    }

    /// What every key begins with.
    pub(crate) fn prefix(&self) -> &str {
        &self.inner.settings.prefix
    }

    /// How long a revocation is kept: the longest that an access token can be accepted.
    pub(crate) fn retention(&self) -> Duration {
        self.inner.settings.retention
    }

    /// Whether a revocation waits for replicas.
    pub(crate) fn demands_replicas(&self) -> bool {
        self.inner.settings.replicas.0 > 0
    }

    /// How long a decision waits.
    pub(crate) fn deadline(&self) -> Duration {
        self.inner.settings.deadline
    }

    /// Sends `command`, whose first argument is its key, once, and waits for its answer until the
    /// deadline.
    pub(crate) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Trouble> {
        let until = Instant::now() + self.deadline();
        let slot = Slot::of_command(command);
        read(self.inner.nodes.ask(slot, command, until).await?)
    }

    /// Runs `script`, teaching it to the server when it does not know it; within one deadline.
    ///
    /// All keys of `call` have one hash tag.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        call: &Call,
    ) -> Result<T, Trouble> {
        let until = Instant::now() + self.deadline();
        let (nodes, slot) = (&self.inner.nodes, call.slot());
        let answer = match nodes.ask(slot, &script.by_digest(call), until).await {
            // The server has run nothing, so nothing is done twice.
            Err(trouble) if trouble.kind() == Kind::NoScript => {
                nodes.ask(slot, &script.by_source(call), until).await
            }
            answer => answer,
        };
        read(answer?)
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
        let (replicas, wait) = self.inner.settings.replicas;
        if replicas == 0 {
            return Ok((self.run(script, call).await?, Confirmation::Confirmed));
        }
        // So many wait already: what matters is that the revocation is written.
        let Some(permit) = self.inner.lanes.enter() else {
            return Ok((self.run(script, call).await?, Confirmation::Unconfirmed));
        };
        let until = Instant::now() + self.deadline();
        let ran = self.run_alone(script, call, until).await;
        let (value, mut lane) = match ran {
            // Its keys are on their way to another node, which has to be asked in a special way.
            Err(trouble) if trouble.kind() == Kind::Moving => {
                return Ok((self.run(script, call).await?, Confirmation::Unconfirmed));
            }
            ran => ran.inspect_err(|_trouble| permit.give_up())?,
        };
        let confirmation = match lane.replicas_reached(replicas, wait).await {
            Ok(reached) => {
                permit.leave(lane);
                if reached {
                    Confirmation::Confirmed
                } else {
                    Confirmation::Unconfirmed
                }
            }
            // Its answer may still come: the connection is of no use to the next one.
            Err(_) => Confirmation::Unconfirmed,
        };
        Ok((read(value)?, confirmation))
    }

    /// Runs `script` on a connection that nobody else uses.
    async fn run_alone(
        &self,
        script: &Script,
        call: &Call,
        until: Instant,
    ) -> Result<(Value, Lane), Trouble> {
        let (nodes, slot) = (&self.inner.nodes, call.slot());
        let mut lane = self.inner.lanes.idle(nodes.whereabouts(slot).as_ref());
        // An idle one, and a new one, may lead to a node that does not decide any more; it has
        // done nothing then, and perhaps says which one does.
        for _ in 0..2 {
            let mut open = match lane.take() {
                Some(lane) => lane,
                None => self.open_lane(slot, until).await?,
            };
            match open.run(script, call, until).await {
                Err(trouble) if trouble.is_elsewhere() => nodes.learn(slot, &trouble),
                answer => return Ok((answer?, open)),
            }
        }
        let mut open = self.open_lane(slot, until).await?;
        let answer = open.run(script, call, until).await;
        Ok((answer?, open))
    }

    async fn open_lane(&self, slot: Slot, until: Instant) -> Result<Lane, Trouble> {
        let nodes = &self.inner.nodes;
        let opened = timeout_at(until, nodes.open(slot)).await;
        let connection = opened.map_err(|_late| Trouble::timeout())??;
        Ok(Lane::new(nodes.whereabouts(slot), connection))
    }

    /// Makes a connection of the caller's own to the primary that `key` is on.
    pub(crate) async fn connect_for(&self, key: &str) -> Result<Connection, Trouble> {
        self.inner.nodes.open(Slot::of_key(key.as_bytes())).await
    }

    /// Takes note of `trouble` that such a connection has had.
    pub(crate) fn learn(&self, key: &str, trouble: &Trouble) {
        let slot = Slot::of_key(key.as_bytes());
        self.inner.nodes.learn(slot, trouble);
    }

    /// Tells `listener` of every revocation that is made through this connection, until it is
    /// dropped.
    pub(crate) fn listen(&self, listener: Weak<dyn Listener>) {
        let listeners = self.inner.listeners.lock();
        let mut listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(listener);
    }

    /// Those who listen.
    pub(crate) fn listeners(&self) -> Vec<Arc<dyn Listener>> {
        let listeners = self.inner.listeners.lock();
        let listeners = listeners.unwrap_or_else(PoisonError::into_inner);
        listeners.iter().filter_map(Weak::upgrade).collect()
    }
}

fn read<T: FromRedisValue>(value: Value) -> Result<T, Trouble> {
    T::from_redis_value(value).map_err(|error| Trouble::reply(error.to_string()))
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis")
            .field("settings", &self.inner.settings)
            .field("server", &self.inner.server)
            .finish_non_exhaustive()
    }
}

//! One shared connection that renews itself.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use futures_util::future::{FutureExt, Shared};
use redis::{Cmd, Value};
use tokio::time::{Instant, timeout_at};

use crate::{
    dial::{Connection, Dialer},
    host::Host,
    sentinel::Sentinels,
    trouble::{Kind, Trouble},
};

#[cfg(test)]
mod tests;

/// So many deadlines missed in a row end a connection: when the other end has vanished without a
/// word, the system would go on waiting for a quarter of an hour.
const MISSES: u32 = 3;

/// Where a connection leads to.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// This node, whatever it is.
    Node(Arc<Dialer>, Host),
    /// The primary that these name.
    Primary(Arc<Sentinels>),
}

impl Target {
    /// Connects anew.
    pub(crate) async fn open(&self) -> Result<Connection, Trouble> {
        match self {
            Self::Node(dialer, host) => dialer.dial(host).await,
            Self::Primary(sentinels) => sentinels.open().await,
        }
    }
}

/// A connection for all commands that answer at once. It is replaced when it breaks, when three
/// answers in a row are late, and when the server turns out to be a replica. No command is ever
/// sent twice: one that is late may have been carried out.
pub(crate) struct Link {
    target: Target,
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

type Connecting = Shared<Pin<Box<dyn Future<Output = Result<Connection, Trouble>> + Send>>>;

impl Link {
    pub(crate) fn new(target: Target) -> Self {
        Self {
            target,
            slot: Mutex::default(),
            misses: AtomicU32::new(0),
        }
    }

    pub(crate) fn target(&self) -> &Target {
        &self.target
    }

    /// Sends `command` once and waits for its answer `until` then; to the node that a slot is
    /// moving to when `importer` says so.
    pub(crate) async fn ask(
        &self,
        command: &Cmd,
        importer: bool,
        until: Instant,
    ) -> Result<Value, Trouble> {
        let (generation, connection) = self.connection();
        let connection = timeout_at(until, connection).await;
        let mut connection = connection.map_err(|_late| Trouble::timeout())??;
        let answer = async {
            if importer {
                connection.ask_importer(command).await
            } else {
                connection.ask(command).await
            }
        };
        let answer = timeout_at(until, answer).await;
        let answer = answer.unwrap_or_else(|_late| Err(Trouble::timeout()));
        self.judge(generation, answer.as_ref().err());
        answer
    }

    /// The connection, or a new attempt when there is none or the last one failed.
    fn connection(&self) -> (u64, Connecting) {
        let mut slot = self.slot();
        let usable = |made: &Connecting| match made.peek() {
            Some(Ok(connection)) => !connection.is_closed(),
            Some(Err(_)) => false,
            None => true,
        };
        if let Some(made) = slot.connection.clone().filter(usable) {
            return (slot.generation, made);
        }
        let target = self.target.clone();
        let attempt = async move { target.open().await }.boxed().shared();
        // Goes on when the decision that started it gives up.
        tokio::spawn(attempt.clone());
        slot.generation += 1;
        slot.connection = Some(attempt.clone());
        (slot.generation, attempt)
    }

    /// Gives the connection up when it is not worth keeping.
    fn judge(&self, generation: u64, trouble: Option<&Trouble>) {
        let lost = match trouble {
            Some(trouble) if trouble.kind() == Kind::Timeout => {
                self.misses.fetch_add(1, Ordering::Relaxed) + 1 >= MISSES
            }
            trouble => {
                self.misses.store(0, Ordering::Relaxed);
                trouble.is_some_and(Trouble::ends_connection)
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

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

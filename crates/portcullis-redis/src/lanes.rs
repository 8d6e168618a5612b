//! Connections for one revocation at a time.

use std::{
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use redis::{Value, cmd};
use tokio::time::{Instant, timeout, timeout_at};

use crate::{
    dial::Connection,
    host::Host,
    script::{Call, Script},
    trouble::{Kind, Trouble},
};

/// How many revocations may wait for replicas at once.
const MOST: usize = 16;

/// How many connections are kept for the next ones.
const SPARE: usize = 4;

/// How much longer than the server's wait its answer is waited for.
const MARGIN: Duration = Duration::from_millis(500);

/// The connections that nobody uses at the moment, and how many are used.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    idle: Mutex<Vec<Lane>>,
    used: AtomicUsize,
}

/// One connection, and where it leads to.
#[derive(Debug)]
pub(crate) struct Lane {
    host: Option<Host>,
    connection: Connection,
}

/// The right to use one lane; it ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Permit<'a>(&'a Lanes);

impl Lanes {
    /// The right to use a lane, unless too many are used already.
    pub(crate) fn enter(&self) -> Option<Permit<'_>> {
        let permit = Permit(self);
        (self.used.fetch_add(1, Ordering::Relaxed) < MOST).then_some(permit)
    }

    /// A living connection to `host` that nobody uses.
    pub(crate) fn idle(&self, host: Option<&Host>) -> Option<Lane> {
        let mut idle = self.locked();
        idle.retain(|lane| !lane.connection.is_closed());
        let found = idle.iter().position(|lane| lane.host.as_ref() == host)?;
        Some(idle.swap_remove(found))
    }

    fn locked(&self) -> MutexGuard<'_, Vec<Lane>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit<'_> {
    /// Gives up the spare connections: one of them has failed, and the others lead to where it did.
    pub(crate) fn give_up(&self) {
        self.0.locked().clear();
    }

    /// Keeps `lane` for the next one.
    pub(crate) fn leave(self, lane: Lane) {
        let mut idle = self.0.locked();
        if idle.len() < SPARE {
            idle.push(lane);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.used.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Lane {
    pub(crate) fn new(host: Option<Host>, connection: Connection) -> Self {
        Self { host, connection }
    }

    /// Runs `script`, teaching it to the server when it does not know it.
    pub(crate) async fn run(
        &mut self,
        script: &Script,
        call: &Call,
        until: Instant,
    ) -> Result<Value, Trouble> {
        let answer = async {
            match self.connection.ask(&script.by_digest(call)).await {
                // The server has run nothing, so nothing is done twice.
                Err(trouble) if trouble.kind() == Kind::NoScript => {
                    self.connection.ask(&script.by_source(call)).await
                }
                answer => answer,
            }
        };
        let answer = timeout_at(until, answer).await;
        answer.unwrap_or_else(|_late| Err(Trouble::timeout()))
    }

    /// Whether so many `replicas` hold, within `wait`, all that was written on this connection.
    pub(crate) async fn replicas_reached(
        &mut self,
        replicas: u32,
        wait: Duration,
    ) -> Result<bool, Trouble> {
        let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        let mut command = cmd("WAIT");
        command.arg(replicas).arg(millis);
        let answer = timeout(wait + MARGIN, self.connection.ask(&command)).await;
        match answer.map_err(|_late| Trouble::timeout())?? {
            Value::Int(reached) => Ok(reached >= i64::from(replicas)),
            other => Err(Trouble::reply(format!("{other:?} to WAIT"))),
        }
    }
}

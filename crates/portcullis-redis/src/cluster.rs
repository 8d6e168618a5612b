//! Finds the node of a cluster that decides on a slot, and follows the slots when they move.
//!
//! The cluster connection of the redis crate is not used: it sends a command again whose
//! connection broke, which may have been carried out, and cannot be told not to without giving up
//! redirections as well. All keys of one decision share a slot, so little is left to do.

use std::{
    collections::HashMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures_util::future::{FutureExt, Shared};
use redis::{Cmd, Value, cmd};
use tokio::time::{Instant, timeout_at};

use crate::{
    dial::{Connection, Dialer},
    host::Host,
    link::{Link, Target},
    slot::Slot,
    trouble::{Kind, Trouble},
};

use map::Map;

mod map;

/// How often one command follows a redirection.
const REDIRECTIONS: usize = 5;

/// How long one node may take to say which slots are where: the others know as much.
const PATIENCE: Duration = Duration::from_millis(500);

/// How long at least lies between two questions where the slots are.
const PAUSE: Duration = Duration::from_millis(100);

/// A cluster: where its slots are, and a connection to each node that was needed.
#[derive(Clone)]
pub(crate) struct Cluster {
    inner: Arc<Inner>,
}

struct Inner {
    dialer: Arc<Dialer>,
    seeds: Vec<Host>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    map: Map,
    links: HashMap<Host, Arc<Link>>,
    survey: Option<Survey>,
    surveyed: Option<Instant>,
    /// So that not always the same node is asked first.
    turn: usize,
}

/// The question where the slots are, on its way to an answer.
type Survey = Shared<Pin<Box<dyn Future<Output = Result<(), Trouble>> + Send>>>;

impl Cluster {
    pub(crate) fn new(seeds: Vec<Host>, dialer: Dialer) -> Self {
        Self {
            inner: Arc::new(Inner {
                dialer: Arc::new(dialer),
                seeds,
                state: Mutex::default(),
            }),
        }
    }

    /// Sends `command` to the primary of `slot`, and again only to nodes that the one asked names
    /// in its place, having done nothing itself.
    pub(crate) async fn ask(
        &self,
        slot: Slot,
        command: &Cmd,
        until: Instant,
    ) -> Result<Value, Trouble> {
        let mut host = self.primary(slot, until).await?;
        let mut importer = false;
        for _ in 0..REDIRECTIONS {
            let answer = self.link(&host).ask(command, importer, until).await;
            let Err(trouble) = answer else {
                return answer;
            };
            self.learn(slot, &host, &trouble);
            match trouble.elsewhere() {
                Some(other) => host = other.seen_from(&host),
                None => return Err(trouble),
            }
            importer = trouble.kind() == Kind::Moving;
        }
        Err(Trouble::reply(
            "the nodes of the cluster redirect in circles",
        ))
    }

    /// Makes a connection of the caller's own to the primary of `slot`.
    pub(crate) async fn open(&self, slot: Slot) -> Result<Connection, Trouble> {
        let host = self.primary(slot, Instant::now() + PATIENCE).await?;
        let opened = self.inner.dialer.dial(&host).await;
        if let Err(trouble) = &opened {
            self.learn(slot, &host, trouble);
        }
        opened
    }

    /// The node that decides on `slot` as far as we know.
    pub(crate) fn whereabouts(&self, slot: Slot) -> Option<Host> {
        self.inner.state().map.host(slot).cloned()
    }

    /// A connection to each primary that we know of.
    pub(crate) async fn primaries(&self, until: Instant) -> Result<Vec<Arc<Link>>, Trouble> {
        self.primary(Slot(0), until).await?;
        let hosts = self.inner.state().map.hosts();
        Ok(hosts.iter().map(|host| self.link(host)).collect())
    }

    /// Takes note of `trouble` that a command for `slot` has had at `host`.
    pub(crate) fn learn(&self, slot: Slot, host: &Host, trouble: &Trouble) {
        match trouble.kind() {
            Kind::Moved => {
                if let Some(other) = trouble.elsewhere() {
                    let other = other.seen_from(host);
                    self.inner.state().map.move_to(slot, other);
                }
            }
            Kind::Connection | Kind::NoPrimary | Kind::ReadOnly | Kind::Timeout => {}
            _ => return,
        }
        // Goes on by itself; a later command profits.
        drop(self.survey(false));
    }

    /// Where `slot` is, which is asked when nobody has said yet.
    async fn primary(&self, slot: Slot, until: Instant) -> Result<Host, Trouble> {
        if let Some(host) = self.whereabouts(slot) {
            return Ok(host);
        }
        let surveyed = timeout_at(until, self.survey(true)).await;
        surveyed.map_err(|_late| Trouble::timeout())??;
        self.whereabouts(slot).ok_or_else(Trouble::no_primary)
    }

    /// Asks where the slots are, unless that is being asked already, or was a moment ago and it is
    /// not needed `now`.
    fn survey(&self, now: bool) -> Survey {
        let mut state = self.inner.state();
        if let Some(survey) = state
            .survey
            .clone()
            .filter(|survey| survey.peek().is_none())
        {
            return survey;
        }
        let recent = |at: Instant| at.elapsed() < PAUSE;
        if !now && state.surveyed.is_some_and(recent) {
            return futures_util::future::ready(Ok(())).boxed().shared();
        }
        let cluster = self.clone();
        let survey = async move { cluster.find_slots().await }.boxed().shared();
        tokio::spawn(survey.clone());
        state.surveyed = Some(Instant::now());
        state.survey = Some(survey.clone());
        survey
    }

    async fn find_slots(&self) -> Result<(), Trouble> {
        let mut trouble = Trouble::no_primary();
        for host in self.advisers() {
            let until = Instant::now() + PATIENCE;
            let mut question = cmd("CLUSTER");
            let link = self.link(&host);
            let answer = link.ask(question.arg("SLOTS"), false, until).await;
            match answer.and_then(|slots| Map::read(slots, &host)) {
                Ok(map) => {
                    let mut state = self.inner.state();
                    state.links.retain(|host, _| map.has(host));
                    state.map = map;
                    return Ok(());
                }
                Err(last) => trouble = last,
            }
        }
        Err(trouble)
    }

    /// Whom to ask, in turns.
    fn advisers(&self) -> Vec<Host> {
        let mut state = self.inner.state();
        let mut hosts = state.map.hosts();
        let count = hosts.len().max(1);
        hosts.rotate_left(state.turn % count);
        state.turn = state.turn.wrapping_add(1);
        for seed in &self.inner.seeds {
            if !hosts.contains(seed) {
                hosts.push(seed.clone());
            }
        }
        hosts
    }

    fn link(&self, host: &Host) -> Arc<Link> {
        let mut state = self.inner.state();
        let made = || {
            let target = Target::Node(self.inner.dialer.clone(), host.clone());
            Arc::new(Link::new(target))
        };
        state.links.entry(host.clone()).or_insert_with(made).clone()
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("map", &self.inner.state().map)
            .finish_non_exhaustive()
    }
}

//! Finds the node that decides, in each form that Redis is run in.

use std::sync::Arc;

use redis::{Cmd, Value};
use tokio::time::Instant;

use crate::{
    cluster::Cluster,
    dial::{Connection, Dialer},
    host::Host,
    link::{Link, Target},
    sentinel::Sentinels,
    slot::Slot,
    tls::Tls,
    trouble::Trouble,
    url::{Form, Login, Place},
};

/// The nodes of one set-up.
#[derive(Debug)]
pub(crate) enum Nodes {
    /// Each slot has a primary of its own.
    Cluster(Cluster),
    /// One primary, which may be another one after a failover.
    One(Arc<Link>),
}

impl Nodes {
    /// `to_sentinels` is the login at the sentinels themselves.
    pub(crate) fn new(place: &Place, to_sentinels: &Login, tls: Option<Tls>) -> Self {
        let dialer = |tls| Dialer::new(place.connection_info(), tls);
        let hosts = place.hosts();
        let target = match &place.form {
            Form::Cluster => return Self::Cluster(Cluster::new(hosts, dialer(tls))),
            Form::One => Target::Node(Arc::new(dialer(tls)), place.first.clone()),
            Form::Sentinel(service) => {
                let to_sentinels = Dialer::new(to_sentinels.connection_info(), tls.clone());
                let (service, to_servers) = (service.clone(), dialer(tls));
                let sentinels = Sentinels::new(hosts, service, to_sentinels, to_servers);
                Target::Primary(Arc::new(sentinels))
            }
        };
        Self::One(Arc::new(Link::new(target)))
    }

    /// Sends `command` once to the primary of `slot`.
    pub(crate) async fn ask(
        &self,
        slot: Slot,
        command: &Cmd,
        until: Instant,
    ) -> Result<Value, Trouble> {
        match self {
            Self::Cluster(cluster) => cluster.ask(slot, command, until).await,
            Self::One(link) => link.ask(command, false, until).await,
        }
    }

    /// Makes a connection of the caller's own to the primary of `slot`.
    pub(crate) async fn open(&self, slot: Slot) -> Result<Connection, Trouble> {
        match self {
            Self::Cluster(cluster) => cluster.open(slot).await,
            Self::One(link) => link.target().open().await,
        }
    }

    /// A connection to each primary.
    pub(crate) async fn primaries(&self, until: Instant) -> Result<Vec<Arc<Link>>, Trouble> {
        match self {
            Self::Cluster(cluster) => cluster.primaries(until).await,
            Self::One(link) => Ok(vec![link.clone()]),
        }
    }

    /// The node that decides on `slot` as far as we know; none where only one ever does.
    pub(crate) fn whereabouts(&self, slot: Slot) -> Option<Host> {
        match self {
            Self::Cluster(cluster) => cluster.whereabouts(slot),
            Self::One(_) => None,
        }
    }

    /// Takes note of `trouble` that a connection of somebody's own for `slot` has had.
    pub(crate) fn learn(&self, slot: Slot, trouble: &Trouble) {
        if let Self::Cluster(cluster) = self
            && let Some(host) = cluster.whereabouts(slot)
        {
            cluster.learn(slot, &host, trouble);
        }
    }
}

//! A cluster of primaries and replicas.

use super::{RedisServer, eventually};

/// How many slots a cluster has.
const SLOTS: usize = 16_384;

/// Runs a Redis cluster whose nodes know each other.
///
/// # Example
///
/// ```no_run
/// use portcullis_testkit::RedisCluster;
///
/// let mut cluster = RedisCluster::start(3, 1);
/// assert!(cluster.url().starts_with("redis+cluster://127.0.0.1:"));
/// let old = cluster.primary_of("portcullis:{pc-rl}");
/// cluster.nodes_mut()[old].stop();
/// cluster.await_other_primary("portcullis:{pc-rl}", old);
/// ```
#[derive(Debug)]
pub struct RedisCluster {
    nodes: Vec<RedisServer>,
}

impl RedisCluster {
    /// Starts so many `primaries`, which share the slots evenly, and so many `replicas` of them in
    /// turn; returns once every node sees every slot served.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or the nodes do not find each other within seconds.
    pub fn start(primaries: usize, replicas: usize) -> Self {
        let nodes = (0..primaries + replicas).map(|_| RedisServer::launch_node());
        let cluster = Self {
            nodes: nodes.collect(),
        };
        cluster.introduce();
        cluster.share_slots(primaries);
        cluster.attach_replicas(primaries);
        for node in &cluster.nodes {
            eventually("every node sees every slot served", || {
                let told = node.ask(&["CLUSTER", "INFO"]);
                told.is_ok_and(|told| told.contains("cluster_state:ok"))
                    && seen_replicas(node) == replicas
            });
        }
        cluster
    }

    fn introduce(&self) {
        let (first, others) = self.nodes.split_first().expect("a cluster has nodes");
        let knows_all = |node: &RedisServer| {
            let told = node.ask(&["CLUSTER", "NODES"]).unwrap_or_default();
            let known = told.lines().filter(|line| !line.contains("handshake"));
            known.count() == self.nodes.len()
        };
        // A handshake that is not over in time is forgotten: it is begun again until all are.
        eventually("the nodes find each other", || {
            let met = self.nodes.iter().all(knows_all);
            for node in others.iter().filter(|_| !met) {
                let (port, bus) = (node.port().to_string(), node.bus_port().to_string());
                first.tell(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
            met
        });
    }

    fn share_slots(&self, primaries: usize) {
        for (index, node) in self.nodes[..primaries].iter().enumerate() {
            let first = (index * SLOTS / primaries).to_string();
            let last = ((index + 1) * SLOTS / primaries - 1).to_string();
            node.tell(&["CLUSTER", "ADDSLOTSRANGE", &first, &last]);
        }
    }

    fn attach_replicas(&self, primaries: usize) {
        for (index, node) in self.nodes[primaries..].iter().enumerate() {
            let of = self.nodes[index % primaries].ask(&["CLUSTER", "MYID"]);
            let of = of.expect("a node knows its id");
            eventually("a replica finds its primary", || {
                node.ask(&["CLUSTER", "REPLICATE", &of]).is_ok()
            });
            node.await_sync();
        }
    }

    /// Where a client finds the cluster: the first two nodes.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self
            .nodes
            .iter()
            .take(2)
            .map(RedisServer::address)
            .collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The nodes, primaries first as it was at the start.
    pub fn nodes(&self) -> &[RedisServer] {
        &self.nodes
    }

    /// The nodes, to stop and restart them.
    pub fn nodes_mut(&mut self) -> &mut [RedisServer] {
        &mut self.nodes
    }

    /// Which node decides on `key`.
    ///
    /// # Panics
    ///
    /// When none does.
    pub fn primary_of(&self, key: &str) -> usize {
        self.deciding(key).expect("a node of ours decides on a key")
    }

    /// The node that takes a read of `key` itself.
    fn deciding(&self, key: &str) -> Option<usize> {
        let decides = |node: &RedisServer| node.is_primary() && node.ask(&["EXISTS", key]).is_ok();
        self.nodes.iter().position(decides)
    }

    /// Tells a replica of the node `old` to take its place though it is well.
    ///
    /// # Panics
    ///
    /// When none does, within half a minute.
    pub fn fail_over(&self, old: usize) {
        let primary = format!("{}\n", self.nodes[old].port());
        eventually("a replica starts to take over", || {
            self.nodes.iter().any(|node| {
                let of = node.ask(&["ROLE"]).unwrap_or_default();
                of.starts_with("slave")
                    && of.contains(&primary)
                    && node.ask(&["CLUSTER", "FAILOVER"]).is_ok()
            })
        });
    }

    /// Waits until another node than `old` decides on `key`.
    ///
    /// # Panics
    ///
    /// When that does not happen within half a minute.
    pub fn await_other_primary(&self, key: &str, old: usize) {
        eventually("a replica takes over", || {
            let others = self.nodes.iter().enumerate().filter(|(at, _)| *at != old);
            let mut others = others.map(|(_, node)| node);
            others.any(|node| node.is_primary() && node.ask(&["EXISTS", key]).is_ok())
        });
    }
}

/// How many replicas `node` knows of.
fn seen_replicas(node: &RedisServer) -> usize {
    let told = node.ask(&["CLUSTER", "NODES"]).unwrap_or_default();
    told.lines().filter(|line| line.contains("slave")).count()
}

//! A primary with replicas, watched by three sentinels.

use super::{RedisServer, eventually};

/// What the sentinels call the service.
const SERVICE: &str = "main";

/// How many sentinels there are; two of them decide.
const SENTINELS: usize = 3;

/// Runs one primary, its replicas and three sentinels that elect a new primary within seconds.
///
/// # Example
///
/// ```no_run
/// use portcullis_testkit::RedisSentinels;
///
/// let mut watched = RedisSentinels::start(1);
/// assert!(watched.url().starts_with("redis+sentinel://127.0.0.1:"));
/// let old = watched.primary();
/// watched.servers_mut()[old].stop();
/// watched.await_other_primary(old);
/// ```
#[derive(Debug)]
pub struct RedisSentinels {
    servers: Vec<RedisServer>,
    sentinels: Vec<RedisServer>,
}

impl RedisSentinels {
    /// Starts everything, and returns once the sentinels know each other and all servers.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`, or the sentinels do not find each other within seconds.
    pub fn start(replicas: usize) -> Self {
        let primary = RedisServer::start();
        let mut servers: Vec<_> = (0..replicas).map(|_| primary.start_replica()).collect();
        servers.insert(0, primary);
        let watched = servers[0].port();
        let sentinels = (0..SENTINELS).map(|_| sentinel(watched)).collect();
        let all = Self { servers, sentinels };
        let known = format!("num-other-sentinels\n{}", SENTINELS - 1);
        let replicas = format!("num-slaves\n{replicas}");
        for sentinel in &all.sentinels {
            eventually("the sentinels find each other and the replicas", || {
                let told = sentinel.ask(&["SENTINEL", "MASTER", SERVICE]);
                told.is_ok_and(|told| told.contains(&known) && told.contains(&replicas))
            });
        }
        all
    }

    /// Where a client finds the sentinels.
    pub fn url(&self) -> String {
        let hosts: Vec<_> = self.sentinels.iter().map(RedisServer::address).collect();
        format!("redis+sentinel://{}/{SERVICE}", hosts.join(","))
    }

    /// The servers; the first one was the primary at the start.
    pub fn servers(&self) -> &[RedisServer] {
        &self.servers
    }

    /// The servers, to stop and restart them.
    pub fn servers_mut(&mut self) -> &mut [RedisServer] {
        &mut self.servers
    }

    /// The sentinels, to stop and restart them.
    pub fn sentinels_mut(&mut self) -> &mut [RedisServer] {
        &mut self.sentinels
    }

    /// Which of the servers the sentinels take for the primary.
    ///
    /// # Panics
    ///
    /// When no sentinel answers.
    pub fn primary(&self) -> usize {
        self.named().expect("a sentinel names a server of ours")
    }

    fn named(&self) -> Option<usize> {
        let asked = ["SENTINEL", "GET-MASTER-ADDR-BY-NAME", SERVICE];
        let answer = self.sentinels.iter().find_map(|s| s.ask(&asked).ok())?;
        let port: u16 = answer.lines().nth(1)?.parse().ok()?;
        self.servers.iter().position(|server| server.port() == port)
    }

    /// Tells the sentinels to promote a replica though the primary is well.
    ///
    /// # Panics
    ///
    /// When they do not, within half a minute.
    pub fn fail_over(&self) {
        eventually("a sentinel starts a failover", || {
            self.sentinels
                .iter()
                .any(|s| s.ask(&["SENTINEL", "FAILOVER", SERVICE]).is_ok())
        });
    }

    /// Waits until another server than `old` is the primary and says so itself.
    ///
    /// # Panics
    ///
    /// When that does not happen within half a minute.
    pub fn await_other_primary(&self, old: usize) {
        eventually("the sentinels elect another primary", || {
            let named = self.named().filter(|&named| named != old);
            named.is_some_and(|named| self.servers[named].is_primary())
        });
    }
}

fn sentinel(watched: u16) -> RedisServer {
    let config = format!(
        "sentinel monitor {SERVICE} 127.0.0.1 {watched} 2\n\
         sentinel down-after-milliseconds {SERVICE} 2000\n\
         sentinel failover-timeout {SERVICE} 5000\n"
    );
    RedisServer::launch_sentinel(&config)
}

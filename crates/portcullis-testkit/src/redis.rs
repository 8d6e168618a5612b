//! Redis servers of a test's own: one, a pair, a watched set, a cluster.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    thread,
    time::Duration,
};

use portcullis_core::clock::{Clock, SystemClock};

mod cluster;
mod resp;
mod sentinels;

pub use cluster::RedisCluster;
pub use sentinels::RedisSentinels;

/// How often another port is tried when somebody else takes the free one first.
const TRIES: usize = 5;

/// How long servers may take to come to what is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a wait looks away between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Runs `redis-server` on a free loopback port until it is dropped.
///
/// It keeps nothing on disk and lives in a directory of its own, which goes with it. Another
/// program is named by the environment variable `REDIS_SERVER`.
///
/// # Example
///
/// ```no_run
/// use portcullis_testkit::RedisServer;
///
/// let mut server = RedisServer::start();
/// assert!(server.url().starts_with("redis://127.0.0.1:"));
/// let replica = server.start_replica();
/// server.stop();
/// server.restart();
/// replica.await_sync();
/// ```
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    role: Role,
    folder: PathBuf,
    process: Option<Child>,
}

/// What a server is started as.
#[derive(Debug)]
enum Role {
    /// A node of a cluster, with the port that the others find it at.
    Node { bus: u16 },
    /// By itself, or a replica of the server at a port.
    Plain { replica_of: Option<u16> },
    /// A sentinel, whose configuration is in its folder.
    Sentinel,
    /// By itself, and takes TLS alone; certificate and key are in its folder.
    Tls { asks_clients: bool },
}

impl RedisServer {
    /// Starts a server, and returns once it accepts connections.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`; the text says how to install one.
    pub fn start() -> Self {
        Self::launch(|| Role::Plain { replica_of: None }, &[])
    }

    /// Starts a server that takes TLS connections alone; from clients that show a certificate of
    /// `authority`, if there is one.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start), and when the server cannot read what it is given, all in PEM.
    pub fn start_tls(certificate: &str, key: &str, authority: Option<&str>) -> Self {
        let asks_clients = authority.is_some();
        let authority = ("authority", authority.unwrap_or(certificate));
        let files = [("certificate", certificate), ("key", key), authority];
        Self::launch(|| Role::Tls { asks_clients }, &files)
    }

    /// Starts a replica of this server, and returns once it holds the same.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    pub fn start_replica(&self) -> Self {
        let replica_of = Some(self.port);
        let replica = Self::launch(|| Role::Plain { replica_of }, &[]);
        replica.await_sync();
        let online = format!("port={},state=online", replica.port);
        eventually("the primary counts on its replica", || {
            let told = self.ask(&["INFO", "replication"]);
            told.is_ok_and(|told| told.contains(&online))
        });
        replica
    }

    fn launch_node() -> Self {
        Self::launch(|| Role::Node { bus: free_port() }, &[])
    }

    fn launch_sentinel(config: &str) -> Self {
        Self::launch(|| Role::Sentinel, &[("config", config)])
    }

    fn launch(role: impl Fn() -> Role, files: &[(&str, &str)]) -> Self {
        for _ in 0..TRIES {
            let port = free_port();
            let name = format!("portcullis-redis-{}-{port}", std::process::id());
            let folder = env::temp_dir().join(name);
            fs::create_dir_all(&folder).expect("the temporary directory can be written");
            for (name, text) in files {
                fs::write(folder.join(name), text).expect("so can a file in it");
            }
            let mut server = Self {
                port,
                role: role(),
                folder,
                process: None,
            };
            if server.spawn() {
                return server;
            }
        }
        panic!("redis-server ended before it was ready, on each of {TRIES} free ports");
    }

    /// Where a client finds the server.
    pub fn url(&self) -> String {
        let scheme = match self.role {
            Role::Tls { .. } => "rediss",
            _ => "redis",
        };
        format!("{scheme}://{}", self.address())
    }

    /// The same, without a scheme.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port that the server listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    fn bus_port(&self) -> u16 {
        match self.role {
            Role::Node { bus } => bus,
            _ => panic!("only a node of a cluster has a bus"),
        }
    }

    /// Sends one command on a connection of its own, and gives the answer as text: the items of a
    /// list one per line.
    ///
    /// # Errors
    ///
    /// When the server is not there, does not answer within 5 s, or answers with an error.
    pub fn ask(&self, words: &[&str]) -> io::Result<String> {
        resp::ask(self.port, words)
    }

    /// Sends one command that has to succeed.
    fn tell(&self, words: &[&str]) {
        if let Err(error) = self.ask(words) {
            panic!("{words:?}: {error}");
        }
    }

    /// Whether the server says that it is a primary.
    pub fn is_primary(&self) -> bool {
        self.ask(&["ROLE"])
            .is_ok_and(|role| role.starts_with("master"))
    }

    /// Waits until this replica holds what its primary does.
    ///
    /// # Panics
    ///
    /// When that takes longer than half a minute.
    pub fn await_sync(&self) {
        eventually("a replica is in step with its primary", || {
            let told = self.ask(&["INFO", "replication"]);
            told.is_ok_and(|told| told.contains("master_link_status:up"))
        });
    }

    /// Kills the server as a crash would; everything in it is gone.
    pub fn stop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // An error means that it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }

    /// Starts the server again on the same port, empty.
    ///
    /// # Panics
    ///
    /// When it does not come up.
    pub fn restart(&mut self) {
        self.stop();
        assert!(self.spawn(), "redis-server does not start again");
    }

    /// Halts the server: it keeps its connections and answers nothing.
    ///
    /// # Panics
    ///
    /// When the server is not running.
    pub fn freeze(&self) {
        self.signal("-STOP");
    }

    /// Lets a frozen server go on.
    ///
    /// # Panics
    ///
    /// When the server is not running.
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    fn signal(&self, signal: &str) {
        let process = self.process.as_ref().expect("the server is running");
        let status = Command::new("kill")
            .args([signal, &process.id().to_string()])
            .status();
        let sent = status.is_ok_and(|status| status.success());
        assert!(sent, "kill {signal} did not reach the server");
    }

    /// Whether the server came up.
    fn spawn(&mut self) -> bool {
        let program = env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut process = Command::new(&program)
            .args(self.role.arguments(self.port, &self.folder))
            .current_dir(&self.folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "{program} does not start ({error}): run `sudo apt-get install redis-server` \
                     on Debian or Ubuntu, `brew install redis` on macOS, or name the program in \
                     REDIS_SERVER"
                )
            });
        let output = process.stdout.take().expect("its output was piped");
        self.process = Some(process);
        becomes_ready(output)
    }
}

impl Role {
    fn arguments(&self, port: u16, folder: &Path) -> Vec<String> {
        let mut words = Vec::new();
        let mut say = |line: &str| words.extend(line.split(' ').map(str::to_owned));
        if matches!(self, Self::Sentinel) {
            say("config --sentinel");
        }
        match self {
            Self::Tls { .. } => say(&format!("--port 0 --tls-port {port}")),
            _ => say(&format!("--port {port}")),
        }
        say("--bind 127.0.0.1");
        match self {
            Self::Node { bus } => {
                say(&format!("--cluster-enabled yes --cluster-port {bus}"));
                say("--cluster-config-file nodes --cluster-node-timeout 2000");
            }
            Self::Plain {
                replica_of: Some(port),
            } => say(&format!("--replicaof 127.0.0.1 {port}")),
            Self::Tls { asks_clients } => {
                say("--tls-cert-file certificate --tls-key-file key");
                let asks = if *asks_clients { "yes" } else { "no" };
                say(&format!(
                    "--tls-ca-cert-file authority --tls-auth-clients {asks}"
                ));
            }
            Self::Plain { replica_of: None } | Self::Sentinel => {}
        }
        if !matches!(self, Self::Sentinel) {
            // A replica is not kept waiting for others that might want to copy as well.
            say("--appendonly no --repl-diskless-sync-delay 0 --save");
            words.push(String::new());
        }
        words.push("--dir".to_owned());
        words.push(folder.to_string_lossy().into_owned());
        words
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.stop();
        // What is left in the temporary directory does no harm.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Reads the server's log until it is ready; false when it ends before.
fn becomes_ready(output: ChildStdout) -> bool {
    let mut lines = BufReader::new(output);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|length| length > 0) {
        if line.contains("Ready to accept connections") || line.contains("+monitor master") {
            // A full pipe would halt the server.
            thread::spawn(move || io::copy(&mut lines, &mut io::sink()));
            return true;
        }
        line.clear();
    }
    false
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("the loopback interface has ports");
    let address = listener
        .local_addr()
        .expect("a bound socket has an address");
    address.port()
}

/// Looks again and again until `it_does`.
fn eventually(what: &str, it_does: impl Fn() -> bool) {
    let until = SystemClock.now() + PATIENCE;
    while !it_does() {
        assert!(SystemClock.now() < until, "not within {PATIENCE:?}: {what}");
        thread::park_timeout(LOOK);
    }
}

//! A Redis server of a test's own.

use std::{
    env, fs,
    io::{self, BufRead, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, ChildStdout, Command, Stdio},
    thread,
};

/// How often another port is tried when somebody else takes the free one first.
const TRIES: usize = 5;

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
/// server.stop();
/// server.restart();
/// ```
#[derive(Debug)]
pub struct RedisServer {
    port: u16,
    folder: PathBuf,
    process: Option<Child>,
}

impl RedisServer {
    /// Starts a server, and returns once it accepts connections.
    ///
    /// # Panics
    ///
    /// When there is no `redis-server`; the text says how to install one.
    pub fn start() -> Self {
        for _ in 0..TRIES {
            let port = free_port();
            let name = format!("portcullis-redis-{}-{port}", std::process::id());
            let folder = env::temp_dir().join(name);
            fs::create_dir_all(&folder).expect("the temporary directory can be written");
            let mut server = Self {
                port,
                folder,
                process: None,
            };
            if server.launch() {
                return server;
            }
        }
        panic!("redis-server ended before it was ready, on each of {TRIES} free ports");
    }

    /// Where a client finds the server.
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
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
        assert!(self.launch(), "redis-server does not start again");
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
    fn launch(&mut self) -> bool {
        let program = env::var("REDIS_SERVER").unwrap_or_else(|_| "redis-server".to_owned());
        let mut process = Command::new(&program)
            .args(["--port", &self.port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no", "--dir"])
            .arg(&self.folder)
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
        if line.contains("Ready to accept connections") {
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

//! The program as a child process that ends with the test.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

fn command(flags: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portcullis-chat"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("PORTCULLIS_") {
            command.env_remove(name);
        }
    }
    command.env_remove("RUST_LOG").args(flags);
    command
}

/// Runs the program to its end, with `environment` beside `flags`.
pub(crate) fn run(flags: &[&str], environment: &[(&str, &str)]) -> Output {
    command(flags)
        .envs(environment.iter().copied())
        .output()
        .unwrap()
}

/// The program, serving on a free port of loopback in development mode.
pub(crate) struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
    banner: String,
}

impl Server {
    /// Starts the program and waits for its banner.
    pub(crate) fn start(flags: &[&str]) -> Self {
        Self::start_logging(flags, Stdio::inherit())
    }

    /// The same, with stderr sent to `log`.
    pub(crate) fn start_logging(flags: &[&str], log: impl Into<Stdio>) -> Self {
        Self::start_in(&[], flags, log)
    }

    /// The same, with `environment` beside `flags`.
    pub(crate) fn start_in(
        environment: &[(&str, &str)],
        flags: &[&str],
        log: impl Into<Stdio>,
    ) -> Self {
        let mut child = command(&["--listen", "127.0.0.1:0"])
            .args(flags)
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut banner = String::new();
        stdout.read_line(&mut banner).unwrap();
        Self {
            child,
            stdout,
            banner,
        }
    }

    /// The line that it printed at its start.
    pub(crate) fn banner(&self) -> &str {
        &self.banner
    }

    /// The URL in the banner, without its final slash.
    pub(crate) fn url(&self) -> &str {
        let url = self
            .banner
            .split_whitespace()
            .find(|word| word.starts_with("http://"));
        url.expect("the banner names the URL").trim_end_matches('/')
    }

    /// Sends SIGTERM.
    pub(crate) fn terminate(&self) {
        let pid = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Waits for its end; gives the exit code and what else it printed.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

//! Runs steps one after the other, says how long each took, and stops at the first that fails.

use std::{
    fmt,
    path::Path,
    process::{Command, ExitCode},
    time::{Duration, Instant},
};

/// A command, and what it is for.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    title: &'static str,
    program: String,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Step {
    /// `cargo` with `arguments`, which are parted by blanks.
    pub(crate) fn cargo(title: &'static str, arguments: &'static str) -> Self {
        // Set by `cargo run`: the same cargo that built us, without another rustup lookup.
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        Self::program(title, cargo, arguments)
    }

    /// `program`, found from the root of the workspace, with `arguments` parted by blanks.
    pub(crate) fn program(
        title: &'static str,
        program: impl Into<String>,
        arguments: &'static str,
    ) -> Self {
        Self {
            title,
            program: program.into(),
            arguments: arguments.split_whitespace().map(str::to_owned).collect(),
            variables: Vec::new(),
        }
    }

    /// Adds `argument`, with its blanks.
    pub(crate) fn with_argument(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Runs with the environment variable `name` set to `value`.
    pub(crate) fn with_variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// What a reader can paste into a shell.
    fn command_line(&self) -> String {
        let name = Path::new(&self.program).file_stem().unwrap_or_default();
        let variables = self
            .variables
            .iter()
            .map(|(name, value)| format!("{name}='{value}'"));
        let words = variables
            .chain([name.to_string_lossy().into_owned()])
            .chain(self.arguments.iter().cloned());
        words.collect::<Vec<_>>().join(" ")
    }

    fn run(&self) -> Result<(), Failure> {
        println!("$ {}", self.command_line());
        let status = Command::new(&self.program)
            .args(&self.arguments)
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .current_dir(root())
            .status()
            .map_err(|error| Failure::new(format!("{} does not start: {error}", self.program)))?;
        if status.success() {
            return Ok(());
        }
        let line = self.command_line();
        Err(Failure::new(format!(
            "{status}; to repeat it alone: {line}"
        )))
    }
}

/// The root of the workspace, wherever the command was typed.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .expect("this package is two levels below the root")
}

/// Why a step failed, in a sentence that says what to do.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Runs steps and remembers what it ran.
#[derive(Debug)]
pub(crate) struct Runner {
    started: Instant,
    current: &'static str,
    passed: Vec<(&'static str, Duration)>,
}

impl Runner {
    pub(crate) fn new() -> Self {
        Self {
            started: now(),
            current: "the start",
            passed: Vec::new(),
        }
    }

    /// Runs `steps` in order.
    pub(crate) fn run_all(&mut self, steps: &[Step]) -> Result<(), Failure> {
        steps
            .iter()
            .try_for_each(|step| self.step(step.title, || step.run()))
    }

    /// Runs one step under its heading.
    pub(crate) fn step(
        &mut self,
        title: &'static str,
        action: impl FnOnce() -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        println!("\n==> {title}");
        self.current = title;
        let start = now();
        action()?;
        let took = start.elapsed();
        println!("<== {title}: {:.1} s", took.as_secs_f64());
        self.passed.push((title, took));
        Ok(())
    }

    /// Prints the last line and turns the outcome into an exit code.
    pub(crate) fn finish(self, outcome: Result<(), Failure>) -> ExitCode {
        let total = self.started.elapsed().as_secs_f64();
        let steps = self.passed.len();
        println!();
        for (title, took) in &self.passed {
            println!("{:>8.1} s  {title}", took.as_secs_f64());
        }
        match outcome {
            Ok(()) => {
                println!("xtask: all {steps} steps passed in {total:.1} s");
                ExitCode::SUCCESS
            }
            Err(failure) => {
                println!(
                    "xtask: FAILED in {:?} after {total:.1} s: {failure}",
                    self.current
                );
                ExitCode::FAILURE
            }
        }
    }
}

#[allow(clippy::disallowed_methods)] // measures how long a build takes; no request depends on it
fn now() -> Instant {
    Instant::now()
}

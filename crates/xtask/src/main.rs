//! The commands of the project, so that a newcomer and the build robot type the same words.
//!
//! | command | does |
//! |---|---|
//! | `cargo xtask test` | gets what the tests need, then runs every test in every feature set |
//! | `cargo xtask test --web` | the browser client and the chat page, in a real browser |
//! | `cargo xtask ci` | formatting, lints and documentation, then all of `test` |
//! | `cargo xtask bench` | measures what the layers cost beside their peers: `docs/performance.md` |
//! | `cargo xtask deny` | licences, bans and sources of all dependencies |
//! | `cargo xtask fuzz` | looks for inputs that break a parser or a decision: `tests/fuzz` |

mod needs;
mod plan;
mod runner;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::runner::{Failure, Runner};

#[derive(Debug, Parser)]
#[command(name = "cargo xtask", about = "The commands of the portcullis project")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure what the layers cost beside their peers
    Bench {
        /// Count instructions with valgrind instead of measuring time
        #[arg(long)]
        instructions: bool,
    },
    /// Check formatting, lints and documentation, then run all of `test`
    Ci,
    /// Check licences, bans and sources of all dependencies; builds cargo-deny the first time
    Deny,
    /// Run the fuzz targets under libFuzzer, with the nightly compiler
    Fuzz {
        /// Only this one
        target: Option<String>,
        /// How long each target runs
        #[arg(long, default_value_t = 60)]
        seconds: u32,
    },
    /// Get what the tests need, then run every test in every feature set
    Test {
        /// Only say what is missing: install nothing
        #[arg(long)]
        no_install: bool,
        /// Only the browser client and the chat page: in a real browser, and before two judges
        #[arg(long)]
        web: bool,
    },
}

fn main() -> ExitCode {
    let mut runner = Runner::new();
    let outcome = match Arguments::parse().command {
        Command::Bench { instructions } => runner.run_all(&plan::bench(instructions)),
        Command::Ci => ci(&mut runner),
        Command::Deny => runner.run_all(&plan::deny()),
        Command::Fuzz { target, seconds } => fuzz(&mut runner, target.as_deref(), seconds),
        Command::Test { no_install, web } if web => test_web(&mut runner, !no_install),
        Command::Test { no_install, .. } => test(&mut runner, !no_install),
    };
    runner.finish(outcome)
}

fn ci(runner: &mut Runner) -> Result<(), Failure> {
    runner.step("what the tests need", || needs::ensure(needs::RUST, true))?;
    runner.run_all(&plan::checks())?;
    runner.run_all(&plan::tests())
}

fn fuzz(runner: &mut Runner, target: Option<&str>, seconds: u32) -> Result<(), Failure> {
    runner.run_all(&plan::fuzz(target, seconds)?)
}

fn test(runner: &mut Runner, install: bool) -> Result<(), Failure> {
    runner.step("what the tests need", || {
        needs::ensure(needs::RUST, install)
    })?;
    runner.run_all(&plan::tests())
}

fn test_web(runner: &mut Runner, install: bool) -> Result<(), Failure> {
    let wanted = [needs::RUST, needs::WEB].concat();
    runner.step("what the tests need", || {
        needs::ensure(&wanted, install)?;
        needs::node_is_new_enough()
    })?;
    if install {
        runner.run_all(&plan::web_packages())?;
    }
    runner.run_all(&plan::web()?)
}

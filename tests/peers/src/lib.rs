//! What the layers of portcullis cost beside their peers, in one process on one machine.
//!
//! Each case sends the same requests through a bare handler and through the handler inside the
//! layer, and reports the difference: thread CPU time, medians over interleaved rounds; or, in a
//! program of its own, allocations. Ratios inside one run are what counts; nothing here fails
//! because it was slow.

// Nanoseconds and counts are far below 2^52.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)]

mod cases;
mod instructions;
mod measure;
mod report;
mod send;
mod tokens;

use clap::Parser;

pub use measure::Counter;

#[derive(Debug, Parser)]
#[command(about = "Costs of portcullis beside its peers")]
struct Arguments {
    /// How often every case is measured
    #[arg(long, default_value_t = 101, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Measure only groups whose title contains this
    #[arg(long, default_value = "")]
    group: String,
    /// Count instructions with valgrind instead of measuring time
    #[arg(long)]
    instructions: bool,
    /// Run one case and print nothing: for a profiler
    #[arg(long, requires = "calls")]
    one: Option<String>,
    /// How many calls `--one` makes
    #[arg(long)]
    calls: Option<usize>,
    /// Let `--one` leave the layer out
    #[arg(long)]
    bare: bool,
}

/// Does what the command line asks for; with a `counter`, counts allocations instead of measuring
/// time, which the counting would lengthen.
pub fn run(counter: Option<Counter>) {
    let arguments = Arguments::parse();
    if let (Some(name), Some(calls)) = (&arguments.one, arguments.calls) {
        return run_one(name, arguments.bare, calls);
    }
    for &(title, build) in cases::GROUPS {
        if !title.contains(&arguments.group) {
            continue;
        }
        let mut group = build();
        if let Some(counter) = counter {
            let costs = measure::allocations(&mut group.cases, counter);
            report::print_allocations(title, &group, &costs);
        } else if !arguments.instructions {
            let costs = measure::times(&mut group.cases, arguments.rounds.into());
            report::print_times(title, &group, &costs);
        } else if title != cases::GROWTH {
            instructions::print(title, &group);
        }
    }
}

fn run_one(name: &str, bare: bool, calls: usize) {
    for &(title, build) in cases::GROUPS {
        if title == cases::GROWTH {
            continue;
        }
        let cases = build().cases;
        let Some(case) = cases.into_iter().find(|case| case.name == name) else {
            continue;
        };
        let mut work = match case.bare {
            Some(work) if bare => work,
            _ => case.work,
        };
        work.prepare();
        return work.run(calls);
    }
    panic!("no case is called {name:?}");
}

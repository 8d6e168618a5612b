//! Counts instructions per call with callgrind, in processes of their own.
//!
//! Counts do not depend on load. Valgrind's CPU has no SHA extensions, so cases that hash look
//! several times dearer than they are: compare those by time.

use std::{env, process::Command};

use crate::{measure::Case, report::Group};

/// The two numbers of calls whose difference is counted; start-up falls out of it.
const CALLS: [usize; 2] = [64, 192];

/// Prints the instructions that each case of `group` adds.
pub(crate) fn print(title: &str, group: &Group) {
    println!("\n### {title}, instructions\n");
    println!("| case | added instructions |\n|---|---:|");
    for case in &group.cases {
        match added(case) {
            Ok(count) => println!("| {} | {count} |", case.name),
            Err(why) => println!("| {} | {why} |", case.name),
        }
    }
}

fn added(case: &Case) -> Result<i64, String> {
    let work = per_call(&case.name, false)?;
    match case.bare {
        Some(_) => Ok(work - per_call(&case.name, true)?),
        None => Ok(work),
    }
}

fn per_call(name: &str, bare: bool) -> Result<i64, String> {
    let [few, many] = CALLS;
    let difference = collected(name, bare, many)? - collected(name, bare, few)?;
    Ok(difference / i64::try_from(many - few).expect("a small constant"))
}

/// All instructions of a process that makes `calls` calls.
fn collected(name: &str, bare: bool, calls: usize) -> Result<i64, String> {
    let program = env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new("valgrind");
    command
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["--one", name, "--calls", &calls.to_string()]);
    if bare {
        command.arg("--bare");
    }
    let output = command
        .output()
        .map_err(|error| format!("valgrind does not start: {error}"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    text.lines()
        .find_map(|line| line.split_once("Collected :")?.1.trim().parse().ok())
        .ok_or_else(|| format!("valgrind did not count: {}", output.status))
}

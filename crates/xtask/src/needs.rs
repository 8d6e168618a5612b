//! Finds what the tests need beside cargo, and installs it where the system lets us.

use std::{env, path::Path, process::Command};

use crate::runner::Failure;

#[cfg(test)]
mod tests;

/// The oldest compiler that builds the workspace: `rust-version` in `Cargo.toml`.
const MIN_RUST: &str = env!("CARGO_PKG_RUST_VERSION");

/// A program that the tests call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// Any one of these on `PATH` will do.
    programs: &'static [&'static str],
    /// The environment variable that names another one, where there is one.
    variable: Option<&'static str>,
    /// Who asks for it.
    why: &'static str,
    /// The Debian package.
    package: &'static str,
    /// What to do on a system without apt-get.
    elsewhere: &'static str,
}

/// What builds and tests the workspace beside the compiler.
pub(crate) const RUST: &[Need] = &[
    Need {
        programs: &["cc", "gcc", "clang"],
        variable: Some("CC"),
        why: "aws-lc-rs and SQLite are C code",
        package: "build-essential",
        elsewhere: "`dnf install gcc`, `apk add build-base` or, on macOS, `xcode-select --install`",
    },
    Need {
        programs: &["redis-server"],
        variable: Some("REDIS_SERVER"),
        why: "the tests of the Redis stores start servers of their own",
        package: "redis-server",
        elsewhere: "`dnf install redis`, `apk add redis` or, on macOS, `brew install redis`",
    },
];

/// What `cargo xtask test --web` calls beside.
pub(crate) const WEB: &[Need] = &[
    Need {
        programs: &["node"],
        variable: None,
        why: "it runs the tests of the chat page and the browser client",
        package: "nodejs",
        elsewhere: "or get it from nodejs.org elsewhere",
    },
    Need {
        programs: &[NPM],
        variable: None,
        why: "it installs what these tests import",
        package: "npm",
        elsewhere: "it comes with Node.js elsewhere",
    },
    Need {
        programs: &["chromium", "chromium-browser", "google-chrome"],
        variable: Some("CHROMIUM"),
        why: "the page and the client are driven in it",
        package: "chromium",
        elsewhere: "`dnf install chromium`, `apk add chromium`",
    },
    Need {
        programs: &["openssl"],
        variable: None,
        why: "it makes the certificate of a test run",
        package: "openssl",
        elsewhere: "`dnf install openssl`, `apk add openssl`",
    },
];

/// npm, as the system calls it.
pub(crate) const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

/// The oldest Node.js that runs these tests: `engines` in `tests/web/package.json`.
const MIN_NODE: u32 = 20;

/// Checks the compiler's version and finds every program, installing what is missing when
/// `install` is set and the system is Debian-like and we are root.
pub(crate) fn ensure(needs: &[Need], install: bool) -> Result<(), Failure> {
    rust_is_new_enough(&output("rustc", &["--version"])?)?;
    if cfg!(windows) {
        return Ok(()); // the compiler that cargo linked us with is the one that builds C
    }
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !found(need)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !(install && Path::new("/etc/debian_version").exists() && is_root()) {
        return Err(Failure::new(advice(&missing)));
    }
    apt_get(&missing)?;
    match missing.into_iter().find(|need| !found(need)) {
        None => Ok(()),
        Some(need) => Err(Failure::new(format!(
            "{} was installed, but none of {:?} is on PATH",
            need.package, need.programs
        ))),
    }
}

fn found(need: &Need) -> bool {
    let named = need.variable.and_then(|name| env::var(name).ok());
    let found = named
        .iter()
        .map(String::as_str)
        .chain(need.programs.iter().copied())
        .find(|program| answers(program));
    match found {
        Some(program) => println!("{program}: found ({})", need.why),
        None => println!("{}: missing ({})", need.programs[0], need.why),
    }
    found.is_some()
}

/// Whether `program` tells its version; openssl 3.0 does without the dashes alone.
fn answers(program: &str) -> bool {
    ["--version", "version"].iter().any(|ask| {
        let output = Command::new(program).arg(ask).output();
        output.is_ok_and(|output| output.status.success())
    })
}

fn is_root() -> bool {
    output("id", &["-u"]).is_ok_and(|id| id.trim() == "0")
}

fn apt_get(missing: &[Need]) -> Result<(), Failure> {
    let update = ["update", "--quiet"];
    let mut install = vec!["install", "--yes", "--quiet", "--no-install-recommends"];
    install.extend(missing.iter().map(|need| need.package));
    for arguments in [&update[..], &install[..]] {
        println!("$ apt-get {}", arguments.join(" "));
        let status = Command::new("apt-get")
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .status()
            .map_err(|error| Failure::new(format!("apt-get does not start: {error}")))?;
        if !status.success() {
            return Err(Failure::new(format!(
                "apt-get {}: {status}; {}",
                arguments[0],
                advice(missing)
            )));
        }
    }
    Ok(())
}

/// What to type, for each missing program.
fn advice(missing: &[Need]) -> String {
    let lines = missing.iter().map(|need| {
        let other = need.variable.map(|name| format!("; or set {name}"));
        format!(
            "{} is missing ({}): run `sudo apt-get install {}` on Debian or Ubuntu, {}{}",
            need.programs[0],
            need.why,
            need.package,
            need.elsewhere,
            other.unwrap_or_default()
        )
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn output(program: &str, arguments: &[&str]) -> Result<String, Failure> {
    let output = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| Failure::new(format!("{program} does not start: {error}")))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Checks a line like `rustc 1.88.0 (6b00bc388 2025-06-23)`.
fn rust_is_new_enough(line: &str) -> Result<(), Failure> {
    let line = line.trim();
    let found = line.split_whitespace().nth(1).and_then(version);
    if found.is_some() && found >= version(MIN_RUST) {
        println!("{line}: new enough (at least {MIN_RUST})");
        return Ok(());
    }
    Err(Failure::new(format!(
        "{line:?} is not Rust {MIN_RUST} or newer: run `rustup update stable`"
    )))
}

/// Checks the version of Node.js: Debian's package may be older than the tests.
pub(crate) fn node_is_new_enough() -> Result<(), Failure> {
    check_node(&output("node", &["--version"])?)
}

/// Checks a line like `v20.20.2`.
fn check_node(line: &str) -> Result<(), Failure> {
    let line = line.trim();
    let found = line.strip_prefix('v').and_then(version);
    if found.is_some_and(|(major, _)| major >= MIN_NODE) {
        println!("Node.js {line}: new enough (at least {MIN_NODE})");
        return Ok(());
    }
    Err(Failure::new(format!(
        "{line:?} is not Node.js {MIN_NODE} or newer: get one from nodejs.org"
    )))
}

/// Major and minor version of `1.88` or `1.88.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

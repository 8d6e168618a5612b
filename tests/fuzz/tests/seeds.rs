//! Every seed, and random changes of it, in every test run.

#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

use std::{fmt, fs, path::PathBuf};

use portcullis_fuzz::{Check, TARGETS};
use proptest::{collection::vec, prelude::*, sample::Index, test_runner::TestRunner};

/// The seeds of `target`, by file name.
fn seeds(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("seeds")
        .join(target);
    let files =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let files = files.map(|file| file.unwrap().path());
    let mut seeds: Vec<_> = files
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap())
        })
        .collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{target} has seeds");
    seeds
}

/// A place, and what is put there instead of how many bytes.
type Change = (Index, u8, Vec<u8>);

fn changed(seed: &[u8], changes: Vec<Change>) -> Vec<u8> {
    let mut data = seed.to_vec();
    for (place, removed, put) in changes {
        let start = place.index(data.len() + 1);
        let end = (start + usize::from(removed)).min(data.len());
        data.splice(start..end, put);
    }
    data
}

#[test]
fn every_seed_holds() {
    for (target, check) in TARGETS {
        for (name, seed) in seeds(target) {
            println!("{target}/{name}");
            check(&seed);
        }
    }
}

#[test]
fn every_change_of_a_seed_holds() {
    for (target, check) in TARGETS {
        for (name, seed) in seeds(target) {
            println!("{target}/{name}");
            change_and_check(&seed, check);
        }
    }
}

/// Shows itself as text, as the seeds are.
struct Input(Vec<u8>);

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

fn change_and_check(seed: &[u8], check: Check) {
    let piece = prop_oneof![
        vec(any::<u8>(), 0..4),
        proptest::sample::select(PIECES).prop_map(|piece| piece.as_bytes().to_vec()),
    ];
    let changes = vec((any::<Index>(), 0_u8..16, piece), 1..5);
    let mut runner = TestRunner::new(ProptestConfig {
        failure_persistence: None, // what fails becomes a seed
        ..ProptestConfig::default()
    });
    let inputs = changes.prop_map(|changes| Input(changed(seed, changes)));
    let outcome = runner.run(&inputs, |Input(data)| {
        check(&data);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
}

/// What means something to one parser or another.
const PIECES: &[&str] = &[
    "\n",
    ";",
    "=",
    ",",
    ".",
    ":",
    "/",
    "%63",
    "+",
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    "null",
    "-1",
    "1e999",
    "https://",
    "http://",
    ":443",
    "::1",
    "10.0.0.1",
    "csrftoken",
    "same-origin",
    "Cookie: ",
    "Origin: ",
    "X-Forwarded-For: ",
    "\r\n",
    "--b",
    "\t",
    "\u{0}",
    "é",
];

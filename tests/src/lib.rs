//! Holds the tests that cross crates; see `tests/all.rs`.

/// Runs the examples of the README as doctests.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

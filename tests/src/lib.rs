//! Holds the tests that cross crates; see `tests/all.rs`. The examples of `README.md` run as its
//! doctests.

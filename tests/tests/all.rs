//! One binary for all that crosses crates: linking is the slow part of a test run.

mod dependencies;
mod house_rules;

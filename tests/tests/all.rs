//! One binary for all that crosses crates: linking is the slow part of a test run.

#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

mod any_body;
mod bare_hyper;
mod composed;
mod dependencies;
mod django_tokens;
mod grpc;
mod house_rules;
mod layers;
mod peer_defects;
mod rate_limits;
mod redis;
mod stacked;
mod streams;
mod support;
mod types;

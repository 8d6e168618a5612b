//! Runs the program itself: what it refuses to start with, and what it serves when it starts.

#![allow(clippy::unwrap_used)] // the helpers of a test are tests too

#[path = "program/browser.rs"]
mod browser;
#[path = "program/harness.rs"]
mod harness;
#[path = "program/logs.rs"]
mod logs;
#[path = "program/refusals.rs"]
mod refusals;
#[path = "program/serving.rs"]
mod serving;
#[path = "program/shared.rs"]
mod shared;
#[path = "program/walk.rs"]
mod walk;

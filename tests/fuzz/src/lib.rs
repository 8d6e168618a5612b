//! What must hold of the decisions and the parsers, whatever they are given.
//!
//! Each module has one function, `check`, that takes any bytes, hands them to a decision or parser
//! of portcullis, and panics when the outcome cannot be right: it compares with a plain second
//! reading of the same bytes, written as simply as possible and sharing no code.
//!
//! | run by | how |
//! |---|---|
//! | `cargo test -p portcullis-fuzz` | the seeds, and random changes of them |
//! | `cargo xtask fuzz` | libFuzzer, which looks for inputs that reach new code |
//!
//! The inputs are text, so that a seed or a finding can be read and edited: see `seeds`.

pub mod clients;
pub mod cookies;
pub mod csrf;
pub mod forms;
pub mod keys;
pub mod names;
mod request;
pub mod tokens;

/// A function that panics when something does not hold of the bytes.
pub type Check = fn(&[u8]);

/// Every target, by the name of its folder of seeds.
pub const TARGETS: [(&str, Check); 7] = [
    ("clients", clients::check),
    ("cookies", cookies::check),
    ("csrf", csrf::check),
    ("forms", forms::check),
    ("keys", keys::check),
    ("names", names::check),
    ("tokens", tokens::check),
];

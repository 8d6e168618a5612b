//! The decisions of portcullis, without I/O, runtime or tower: what the layers are a thin shell
//! round, and what can be called, tested and fuzzed without a server.
//!
//! | module | decides or holds |
//! |---|---|
//! | [`csrf`] | whether an unsafe request may pass |
//! | [`hosts`] | whether a host is one of ours |
//! | [`headers`] | which security headers a response gets |
//! | [`rate`] | whether a request is within its quotas |
//! | [`rotation`] | what a refresh token gets |
//! | [`rejection`], [`respond`] | how a refusal looks |
//! | [`cookie`], [`origin`], [`client`], [`path`] | what a request says about itself |
//! | [`store`], [`clock`], [`audit`] | the ports |
//! | [`memory`] | the stores of one process |
//! | [`keys`], [`secret`], [`random`] | key material |

#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod answer;
pub mod audit;
pub mod client;
pub mod clock;
pub mod cookie;
pub mod csrf;
pub mod headers;
pub mod hosts;
pub mod identity;
pub mod keys;
pub mod memory;
pub mod origin;
pub mod path;
pub mod random;
pub mod rate;
pub mod rejection;
pub mod respond;
pub mod rotation;
pub mod secret;
pub mod store;

pub use answer::Answer;
pub use rejection::Rejection;
pub use secret::Secret;

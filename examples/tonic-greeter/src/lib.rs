//! A gRPC service behind the layers, and its client. No `protoc` is needed: the messages are
//! written by hand, as is the service, which is what `tonic-build` would generate.

pub mod client;
pub mod messages;
pub mod server;

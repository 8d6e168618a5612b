//! The messages of `greeter.proto`, as `tonic-build` would write them:
//!
//! ```proto
//! syntax = "proto3";
//! package greeter;
//!
//! service Greeter {
//!   rpc SayHello (HelloRequest) returns (HelloReply);
//!   rpc SayHelloOften (HelloRequest) returns (stream HelloReply);
//! }
//! message HelloRequest { string name = 1; }
//! message HelloReply { string message = 1; }
//! ```

/// The service's name in paths and reflection.
pub const SERVICE: &str = "greeter.Greeter";
/// The path of the unary call.
pub const SAY_HELLO: &str = "/greeter.Greeter/SayHello";
/// The path of the call that streams its answer.
pub const SAY_HELLO_OFTEN: &str = "/greeter.Greeter/SayHelloOften";

/// Who wants to be greeted.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HelloRequest {
    /// The name to greet.
    #[prost(string, tag = "1")]
    pub name: String,
}

/// A greeting.
#[derive(Clone, PartialEq, prost::Message)]
pub struct HelloReply {
    /// The greeting.
    #[prost(string, tag = "1")]
    pub message: String,
}

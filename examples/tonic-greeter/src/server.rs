//! The greeter as a tower service. It knows nothing of tokens, but it can ask who is calling.

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use futures_util::{
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::{Request, Response};
use portcullis::core::identity::Identity;
use tonic::{Status, body::Body, server::NamedService};
use tonic_prost::ProstCodec;
use tower_service::Service;

use crate::messages::{HelloReply, HelloRequest, SAY_HELLO, SAY_HELLO_OFTEN, SERVICE};

/// How often a streaming call greets.
pub const TIMES: usize = 3;

/// Answers greetings, and says whose token it saw.
#[derive(Clone, Copy, Debug, Default)]
pub struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = SERVICE;
}

impl Service<Request<Body>> for Greeter {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
        match request.uri().path() {
            SAY_HELLO => Box::pin(async move { Ok(grpc.unary(SayHello, request).await) }),
            SAY_HELLO_OFTEN => {
                Box::pin(async move { Ok(grpc.server_streaming(SayHelloOften, request).await) })
            }
            _ => Box::pin(async { Ok(Status::unimplemented("no such method").into_http()) }),
        }
    }
}

fn greeting(request: &tonic::Request<HelloRequest>) -> HelloReply {
    let name = &request.get_ref().name;
    let message = match request.extensions().get::<Identity>() {
        Some(caller) => format!("Hello {name}, says user {}", caller.subject()),
        None => format!("Hello {name}"),
    };
    HelloReply { message }
}

struct SayHello;

impl tonic::server::UnaryService<HelloRequest> for SayHello {
    type Response = HelloReply;
    type Future = BoxFuture<'static, Result<tonic::Response<HelloReply>, Status>>;

    fn call(&mut self, request: tonic::Request<HelloRequest>) -> Self::Future {
        Box::pin(async move { Ok(tonic::Response::new(greeting(&request))) })
    }
}

struct SayHelloOften;

impl tonic::server::ServerStreamingService<HelloRequest> for SayHelloOften {
    type Response = HelloReply;
    type ResponseStream = BoxStream<'static, Result<HelloReply, Status>>;
    type Future = BoxFuture<'static, Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<HelloRequest>) -> Self::Future {
        let reply = greeting(&request);
        let replies = stream::iter(std::iter::repeat_n(Ok(reply), TIMES));
        Box::pin(async move { Ok(tonic::Response::new(Box::pin(replies) as _)) })
    }
}

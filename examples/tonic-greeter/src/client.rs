//! A client that sends its access token as `authorization` metadata.

use http::uri::PathAndQuery;
use tonic::{
    Request, Status, Streaming, client::Grpc, metadata::MetadataValue, transport::Channel,
};
use tonic_prost::ProstCodec;

use crate::messages::{HelloReply, HelloRequest, SAY_HELLO, SAY_HELLO_OFTEN};

/// A client of the greeter.
#[derive(Clone, Debug)]
pub struct GreeterClient {
    grpc: Grpc<Channel>,
    token: Option<String>,
}

impl GreeterClient {
    /// A client over `channel`, which sends `token` with every call when there is one.
    pub fn new(channel: Channel, token: Option<String>) -> Self {
        let grpc = Grpc::new(channel);
        Self { grpc, token }
    }

    /// Asks for one greeting.
    ///
    /// # Errors
    ///
    /// The server's status; `Unauthenticated` (16) without a valid token.
    pub async fn say_hello(&mut self, name: &str) -> Result<HelloReply, Status> {
        let request = self.prepare(name).await?;
        let path = PathAndQuery::from_static(SAY_HELLO);
        let reply = self.grpc.unary(request, path, ProstCodec::default());
        reply.await.map(tonic::Response::into_inner)
    }

    /// Asks for several greetings.
    ///
    /// # Errors
    ///
    /// As [`say_hello`](Self::say_hello).
    pub async fn say_hello_often(&mut self, name: &str) -> Result<Streaming<HelloReply>, Status> {
        let request = self.prepare(name).await?;
        let path = PathAndQuery::from_static(SAY_HELLO_OFTEN);
        let reply = self
            .grpc
            .server_streaming(request, path, ProstCodec::default());
        reply.await.map(tonic::Response::into_inner)
    }

    async fn prepare(&mut self, name: &str) -> Result<Request<HelloRequest>, Status> {
        let ready = self.grpc.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let name = name.to_owned();
        let mut request = Request::new(HelloRequest { name });
        if let Some(token) = &self.token {
            let value = MetadataValue::try_from(format!("Bearer {token}"))
                .map_err(|_| Status::invalid_argument("the token is no header value"))?;
            request.metadata_mut().insert("authorization", value);
        }
        Ok(request)
    }
}

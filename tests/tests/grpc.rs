//! The layers round a gRPC service, called by a tonic client on a real connection.

use tonic::{
    Code,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};
use tonic_greeter::{client::GreeterClient, server::Greeter};

use crate::{layers, support::loopback};

/// A client of a greeter behind `layer`.
async fn greeter(token: Option<String>) -> GreeterClient {
    let (listener, address) = loopback::listener().await;
    let incoming = TcpIncoming::from(listener);
    let server = Server::builder().layer(layers::csrf()).add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(incoming));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel: Channel = endpoint.connect().await.unwrap();
    GreeterClient::new(channel, token)
}

#[tokio::test]
async fn a_refusal_arrives_as_a_status_that_grpc_knows() {
    let refused = greeter(None).await.say_hello("Ada").await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied, "{refused:?}");
    assert_eq!(refused.code() as i32, 7);
}

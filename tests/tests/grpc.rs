//! The layers round a gRPC service, called by a tonic client on a real connection.

use http::Request;
use portcullis::Guarded;
use tonic::{
    Code, Status,
    body::Body,
    transport::{Endpoint, Server, server::TcpIncoming},
};
use tonic_greeter::{client::GreeterClient, server::Greeter};
use tower::Layer;

use crate::{layers, support::loopback};

/// What a client is told by a greeter behind `layer`.
async fn refusal<L, S>(layer: L) -> Status
where
    L: Layer<tonic::service::Routes, Service = S> + Clone + Send + Sync + 'static,
    S: tower::Service<Request<Body>, Response = http::Response<Guarded<Body>>>,
    S: Clone + Send + 'static,
    S::Future: Send,
    S::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send,
{
    let (listener, address) = loopback::listener().await;
    let server = Server::builder().layer(layer).add_service(Greeter);
    tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let mut client = GreeterClient::new(endpoint.connect().await.unwrap(), None);
    match client.say_hello("Ada").await {
        Err(refused) => refused,
        Ok(_) => client.say_hello("Ada").await.unwrap_err(), // the second is one too many
    }
}

/// The code of the rejection, which travels as metadata.
fn reason(refused: &Status) -> &str {
    let code = refused.metadata().get("portcullis-code").unwrap();
    code.to_str().unwrap()
}

#[tokio::test]
async fn a_refusal_arrives_as_a_status_that_grpc_knows() {
    let forged = refusal(layers::csrf()).await;
    assert_eq!(forged.code(), Code::PermissionDenied, "{forged:?}");
    assert_eq!(reason(&forged), "csrf_referer_missing");

    let unknown = refusal(layers::jwt_cookie()).await;
    assert_eq!(unknown.code(), Code::Unauthenticated, "{unknown:?}");
    assert_eq!(reason(&unknown), "token_not_valid");

    let throttled = refusal(layers::rate_limit()).await;
    assert_eq!(throttled.code(), Code::ResourceExhausted, "{throttled:?}");
    assert_eq!(reason(&throttled), "throttled");

    let elsewhere = refusal(layers::allowed_hosts()).await;
    assert_eq!(elsewhere.code(), Code::InvalidArgument, "{elsewhere:?}");
}

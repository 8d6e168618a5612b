//! Real connections on the loopback interface.

use std::{convert::Infallible, error::Error, net::SocketAddr};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tower::Service;

/// A listener on a free port, and its address.
pub(crate) async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Serves `service` over bare hyper until the test's runtime ends.
pub(crate) async fn over_hyper<S, B>(service: S) -> SocketAddr
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let (listener, address) = listener().await;
    tokio::spawn(hyper_plain::serve(listener, service));
    address
}

/// Sends `request` on a connection of its own, with a `Host`, and reads the whole answer.
pub(crate) async fn send(address: SocketAddr, request: Request<&'static str>) -> Response<Bytes> {
    let stream = TcpStream::connect(address).await.unwrap();
    let io = TokioIo::new(stream);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let mut request = request.map(Full::<Bytes>::from);
    let host = address.to_string().parse().unwrap();
    request.headers_mut().entry("host").or_insert(host);
    let (parts, body) = sender.send_request(request).await.unwrap().into_parts();
    Response::from_parts(parts, body.collect().await.unwrap().to_bytes())
}

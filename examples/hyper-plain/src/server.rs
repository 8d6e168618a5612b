//! Serves a tower service over bare hyper, and tells the layers who is calling.

use std::{convert::Infallible, error::Error, io, net::SocketAddr};

use http::{Request, Response};
use http_body::Body;
use hyper::{body::Incoming, server::conn::http1};
use hyper_util::rt::TokioIo;
use portcullis::core::client::PeerAddr;
use tokio::net::{TcpListener, TcpStream};
use tower::{Service, ServiceExt as _};

/// Accepts connections until the listener fails, each served by a clone of `service`.
///
/// Every request gets the address of its connection as [`PeerAddr`], which the rate limits and the
/// https redirect need: hyper does not tell a service who is calling.
///
/// # Errors
///
/// What accepting a connection answers; an error of one connection ends that connection alone.
pub async fn serve<S, B>(listener: TcpListener, service: S) -> io::Result<()>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    loop {
        let (stream, peer) = listener.accept().await?;
        tokio::spawn(serve_connection(stream, peer, service.clone()));
    }
}

async fn serve_connection<S, B>(stream: TcpStream, peer: SocketAddr, service: S)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>,
    S: Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data: Send, Error: Into<Box<dyn Error + Send + Sync>>> + Send + 'static,
{
    let with_peer = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(PeerAddr(peer));
        service.clone().oneshot(request)
    });
    let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), with_peer);
    if let Err(error) = connection.await {
        eprintln!("{peer}: {error}");
    }
}

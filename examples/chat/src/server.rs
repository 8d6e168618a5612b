//! Accepts connections, bounded in number and patience, until the service is told to stop.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
};
use portcullis_core::client::PeerAddr;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};
use tower::ServiceExt as _;

use crate::drain::{Drain, PATIENCE};

#[cfg(test)]
mod tests;

/// How many connections are open at once; the next waits in the system's queue.
const MAX_CONNECTIONS: usize = 4096;

/// How long a client may take to send its request headers.
const HEADERS: Duration = Duration::from_secs(10);

/// How long to wait after an accept that failed, for lack of descriptors mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` on `listener` until `drain` stops, then for at most [`PATIENCE`] to let requests
/// and sockets end.
pub async fn serve(listener: TcpListener, app: Router, drain: Drain) {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64);
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let stop = drain.work();
    loop {
        let (stream, peer) = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = stop.stopping() => break,
        };
        let Ok(place) = places.clone().acquire_owned().await else {
            break; // the semaphore is never closed
        };
        let _ = stream.set_nodelay(true); // a piece of an answer is sent when it is there
        let app = app.clone();
        let service = service_fn(move |request| answer(app.clone(), peer, request));
        let connection = builder.serve_connection_with_upgrades(TokioIo::new(stream), service);
        let connection = graceful.watch(connection.into_owned());
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(error, "a connection ended early");
            }
            drop(place);
        });
    }
    drop((listener, stop));
    let rest = async {
        graceful.shutdown().await;
        drain.idle().await;
    };
    if tokio::time::timeout(PATIENCE, rest).await.is_err() {
        tracing::warn!("some streams were cut off after {} s", PATIENCE.as_secs());
    }
}

async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok(accepted) => return accepted,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

/// Says who is at the other end, for the layers, and asks the router.
async fn answer(
    app: Router,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<http::Response<Body>, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(PeerAddr(peer));
    app.oneshot(request).await
}

//! A stream of events that only its guard ends.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, time::timeout};

/// One event, then nothing for ever.
pub(crate) struct Events(Option<Bytes>);

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.0.take() {
            Some(event) => Poll::Ready(Some(Ok(Frame::data(event)))),
            None => Poll::Pending,
        }
    }
}

/// Answers with [`Events`], the first of which says `hello`.
pub(crate) fn events(_: Request<Incoming>) -> Ready<Result<Response<Events>, Infallible>> {
    let first = Bytes::from_static(b"data: hello\n\n");
    let response = Response::builder().header("content-type", "text/event-stream");
    ready(Ok(response.body(Events(Some(first))).unwrap()))
}

/// Opens the stream at `address` with this access token, and reads its first event.
pub(crate) async fn open(address: SocketAddr, token: &str) -> Incoming {
    let io = TokioIo::new(TcpStream::connect(address).await.unwrap());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/events")
        .header("host", address.to_string())
        .header("cookie", format!("__Host-access_token={token}"))
        .body(Empty::<Bytes>::new())
        .unwrap();
    let response = sender.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    let mut stream = response.into_body();
    let first = stream.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: hello\n\n");
    stream
}

/// What the stream still says before it is over, within a second.
pub(crate) async fn last_words(stream: Incoming) -> String {
    let rest = timeout(Duration::from_secs(1), stream.collect());
    let rest = rest.await.expect("over within a second");
    let rest = rest.expect("an orderly end").to_bytes();
    String::from_utf8(rest.to_vec()).unwrap()
}

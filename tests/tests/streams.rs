//! Streams on real connections end with the session of whoever opened them.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use portcullis::{
    Secret,
    core::{
        clock::{Clock, SystemClock, Timestamp},
        memory::MemorySessions,
        rotation::{NewFamily, RevokeReason, RotationPolicy, SessionId},
        store::FamilyStore,
    },
    jwt::{
        KeyRing, Minter, TokenReader,
        mint::{AccessParams, SessionParams},
    },
    jwt_cookie::{JwtCookieAuthLayer, Revocation, StreamGuard},
};
use portcullis_testkit::ManualClock;
use tokio::{net::TcpStream, time::timeout};
use tower::{Layer, service_fn};

use crate::support::loopback::over_hyper;

/// One event, then nothing for ever.
struct Events(Option<Bytes>);

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

fn events(_: Request<Incoming>) -> Ready<Result<Response<Events>, Infallible>> {
    let first = Bytes::from_static(b"data: hello\n\n");
    let response = Response::builder().header("content-type", "text/event-stream");
    ready(Ok(response.body(Events(Some(first))).unwrap()))
}

/// A logged-in user with an open stream.
struct Watching {
    store: Arc<MemorySessions>,
    sid: SessionId,
    ends: Timestamp,
    stream: Incoming,
}

async fn watch(clock: Arc<dyn Clock>) -> Watching {
    let store = Arc::new(MemorySessions::new(clock.clone()));
    let sid = SessionId::random().unwrap();
    let family = NewFamily {
        subject: "42",
        sid: &sid,
        key_version: 1,
        label: None,
    };
    let opened = store.open(&family, &RotationPolicy::default());
    let opened = opened.into_now().unwrap().unwrap();

    let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    let params = AccessParams {
        subject: "42",
        jti: "j",
        issued_at: clock.now(),
        expires: clock.now() + Duration::from_secs(300),
        session: Some(SessionParams {
            sid: sid.as_str(),
            started: opened.created,
            ends: opened.absolute_end,
        }),
        extra: None,
    };
    let token = Minter::new(keys.clone()).mint_access(&params).unwrap();
    let layer = JwtCookieAuthLayer::<()>::new(TokenReader::new(keys))
        .with_clock(clock)
        .with_revocation(Revocation::Local(store.clone()))
        .and_then(|layer| layer.with_stream_guard(StreamGuard::new()))
        .unwrap();
    let address = over_hyper(layer.layer(service_fn(events))).await;
    let mut stream = open(address, &token).await;
    let first = stream.frame().await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "data: hello\n\n");
    Watching {
        store,
        sid,
        ends: opened.absolute_end,
        stream,
    }
}

async fn open(address: SocketAddr, token: &str) -> Incoming {
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
    response.into_body()
}

/// What the stream still says before it is over, within a second.
async fn last_words(stream: Incoming) -> Bytes {
    let rest = timeout(Duration::from_secs(1), stream.collect());
    let rest = rest.await.expect("over within a second");
    rest.expect("an orderly end").to_bytes()
}

#[tokio::test]
async fn an_open_stream_is_over_within_a_second_of_the_logout() {
    let Watching {
        store, sid, stream, ..
    } = watch(Arc::new(SystemClock)).await;
    let policy = RotationPolicy::default();
    let revoked = store.revoke("42", sid.as_str(), RevokeReason::Logout, &policy);
    let _ = revoked.into_now().unwrap().unwrap();
    let last = last_words(stream).await;
    let last = std::str::from_utf8(&last).unwrap();
    assert!(last.contains("event: session-ended\n"), "{last}");
}

#[tokio::test]
async fn an_open_stream_is_over_at_the_end_of_its_session() {
    let clock = ManualClock::default();
    let watching = watch(Arc::new(clock.clone())).await;
    clock.set(watching.ends);
    let last = last_words(watching.stream).await;
    let last = std::str::from_utf8(&last).unwrap();
    assert!(last.contains("event: session-ended\n"), "{last}");
}

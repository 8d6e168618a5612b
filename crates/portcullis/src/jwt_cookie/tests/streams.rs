//! Streams and sockets end with their session.

use std::pin::pin;

use http_body::{Body as _, Frame};
use http_body_util::StreamBody;

use super::*;

type Stream = StreamBody<BoxStream>;
type BoxStream =
    std::pin::Pin<Box<dyn futures_util::Stream<Item = Result<Frame<Bytes>, &'static str>> + Send>>;

/// Says one word, then nothing for ever.
fn silent_after_one_word() -> Stream {
    use futures_util::StreamExt as _;
    let word = futures_util::stream::iter([Ok(Frame::data(Bytes::from_static(b"word")))]);
    StreamBody::new(Box::pin(word.chain(futures_util::stream::pending())))
}

/// Never stops talking.
fn endless() -> Stream {
    let words = std::iter::repeat_with(|| Ok(Frame::data(Bytes::from_static(b"word"))));
    StreamBody::new(Box::pin(futures_util::stream::iter(words)))
}

struct Setup {
    clock: ManualClock,
    store: Store,
    layer: JwtCookieAuthLayer,
}

fn guarded(guard: StreamGuard) -> Setup {
    let (clock, store) = (ManualClock::at(NOW), Store::default());
    let layer = layer_at(&clock)
        .with_revocation(Revocation::Local(Arc::new(store.clone())))
        .unwrap()
        .with_stream_guard(guard)
        .unwrap();
    Setup {
        clock,
        store,
        layer,
    }
}

#[track_caller]
fn open(
    setup: &Setup,
    token: &str,
    content_type: &str,
    body: Stream,
) -> (Guarded<Stream>, SessionEnded) {
    let (mut service, mut handle) =
        mock::spawn_layer::<_, Response<Stream>, _>(setup.layer.clone());
    assert_ready!(service.poll_ready()).unwrap();
    let line = format!("Bearer {token}");
    let mut response = task::spawn(service.call(request(&[("authorization", &line)])));
    assert!(response.poll().is_pending());
    let (seen, answer) = assert_ready!(handle.poll_request()).unwrap();
    let inner = Response::builder().header("content-type", content_type);
    answer.send_response(inner.body(body).unwrap());
    let response = assert_ready!(response.poll()).unwrap();
    let ended = SessionEnded::of(seen.extensions()).unwrap();
    (response.into_body(), ended)
}

/// The stream says its word; after `end` it is woken, says `last` and is over.
#[track_caller]
fn ends(setup: &Setup, token: &str, content_type: &str, last: Option<&str>, end: impl FnOnce()) {
    let (body, _) = open(setup, token, content_type, silent_after_one_word());
    let mut body = task::spawn(body);
    let poll = |body: &mut task::Spawn<Guarded<Stream>>| body.enter(|cx, body| body.poll_frame(cx));
    let word = assert_ready!(poll(&mut body)).unwrap().unwrap();
    assert_eq!(word.into_data().unwrap(), "word");
    assert_pending!(poll(&mut body));
    end();
    assert!(body.is_woken(), "a silent stream is woken");
    if let Some(last) = last {
        let frame = assert_ready!(poll(&mut body)).unwrap().unwrap();
        let text = match frame.into_data() {
            Ok(data) => String::from_utf8_lossy(&data).into_owned(),
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap();
                format!("grpc-status:{}", trailers["grpc-status"].to_str().unwrap())
            }
        };
        assert!(text.contains(last), "{text:?}");
    }
    assert!(assert_ready!(poll(&mut body)).is_none());
    assert!(body.is_end_stream());
}

#[test]
fn a_stream_ends_with_a_logout_and_says_so() {
    for (content_type, last) in [
        ("text/event-stream", Some("event: session-ended\n")),
        (
            "Text/Event-Stream; charset=utf-8",
            Some("event: session-ended\n"),
        ),
        ("application/x-ndjson", None),
        ("application/grpc", Some("grpc-status:16")),
        ("application/grpc+proto", Some("grpc-status:16")),
        ("application/grpc-web+proto", Some("grpc-status:16")),
        ("application/grpc-web-text", None),
    ] {
        let setup = guarded(StreamGuard::new());
        let store = setup.store.clone();
        ends(&setup, &access("42"), content_type, last, || {
            store.revoke("jti-42");
        });
    }
}

#[test]
fn a_stream_ends_with_its_session_and_outlives_its_token() {
    let setup = guarded(StreamGuard::new());
    let clock = setup.clock.clone();
    ends(&setup, &access("42"), "application/x-ndjson", None, || {
        clock.set(END);
    });

    let setup = guarded(StreamGuard::new());
    let (body, ended) = open(&setup, &access("42"), "text/event-stream", endless());
    setup.clock.advance(Duration::from_secs(900));
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(
        body.as_mut().poll_frame(&mut cx),
        Poll::Ready(Some(Ok(_)))
    ));
    assert_pending!(task::spawn(ended.into_future()).poll());
}

#[test]
fn a_stream_ends_with_its_token_where_that_is_wanted_or_all_there_is() {
    let expiry = NOW + Duration::from_secs(300);
    let setup = guarded(StreamGuard::new().until_token_expiry());
    let clock = setup.clock.clone();
    ends(&setup, &access("42"), "application/x-ndjson", None, || {
        clock.set(expiry);
    });

    let setup = guarded(StreamGuard::new());
    let clock = setup.clock.clone();
    let django = mint("42", None, None);
    ends(&setup, &django, "application/x-ndjson", None, || {
        clock.set(expiry);
    });
}

#[test]
fn a_stream_that_never_pauses_gets_nothing_through_after_its_end() {
    let setup = guarded(StreamGuard::new());
    let (body, _) = open(&setup, &access("42"), "application/x-ndjson", endless());
    let mut body = pin!(body);
    let mut cx = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(matches!(
            body.as_mut().poll_frame(&mut cx),
            Poll::Ready(Some(Ok(_)))
        ));
    }
    setup.clock.set(END);
    assert!(matches!(
        body.as_mut().poll_frame(&mut cx),
        Poll::Ready(None)
    ));
    assert!(matches!(
        body.as_mut().poll_frame(&mut cx),
        Poll::Ready(None)
    ));
}

#[test]
fn what_is_no_stream_is_left_alone() {
    for content_type in ["application/json", "text/html", "text/event-streaming"] {
        let setup = guarded(StreamGuard::new());
        let (body, _) = open(&setup, &access("42"), content_type, endless());
        setup.store.revoke("jti-42");
        let mut body = pin!(body);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(matches!(
            body.as_mut().poll_frame(&mut cx),
            Poll::Ready(Some(Ok(_)))
        ));
    }
}

#[test]
fn a_socket_hears_of_a_logout_and_of_the_end() {
    let setup = guarded(StreamGuard::new());
    let (_, ended) = open(&setup, &access("42"), "application/json", endless());
    let mut socket = task::spawn(ended.clone().into_future());
    assert_pending!(socket.poll());
    setup.store.revoke("jti-42");
    assert!(socket.is_woken());
    assert_ready!(socket.poll());

    let setup = guarded(StreamGuard::new());
    let (_, ended) = open(&setup, &access("42"), "application/json", endless());
    let mut socket = task::spawn(ended.into_future());
    assert_pending!(socket.poll());
    setup.clock.set(END);
    assert!(socket.is_woken());
    assert_ready!(socket.poll());
}

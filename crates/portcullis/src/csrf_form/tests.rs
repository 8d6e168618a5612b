use std::{collections::VecDeque, pin::Pin};

use http::{HeaderMap, Response};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use portcullis_core::csrf::CsrfFormField;
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task};
use tower::limit::ConcurrencyLimitLayer;
use tower_test::mock;

use super::*;

/// A body of the given steps.
#[derive(Debug)]
struct Frames(VecDeque<Step>);

#[derive(Debug)]
enum Step {
    Frame(Result<Frame<Bytes>, &'static str>),
    Wait,
}

impl Body for Frames {
    type Data = Bytes;
    type Error = &'static str;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, &'static str>>> {
        match self.0.pop_front() {
            Some(Step::Wait) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Some(Step::Frame(frame)) => Poll::Ready(Some(frame)),
            None => Poll::Ready(None),
        }
    }

    fn size_hint(&self) -> SizeHint {
        let len = |step: &Step| match step {
            Step::Frame(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len),
            Step::Frame(Err(_)) | Step::Wait => 0,
        };
        SizeHint::with_exact(self.0.iter().map(len).sum::<usize>() as u64)
    }
}

type Read = FormBody<Frames, &'static str>;
type Mock = mock::Mock<Request<Read>, Response<()>>;

fn data(text: &str) -> Step {
    Step::Frame(Ok(Frame::data(Bytes::from(text.to_owned()))))
}

fn post(steps: impl IntoIterator<Item = Step>) -> Request<Frames> {
    Request::post("/")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Frames(steps.into_iter().collect()))
        .unwrap()
}

/// The request that reaches the inner service.
fn forwarded(request: Request<Frames>) -> Request<Read> {
    let (mut service, mut handle) =
        mock::spawn_with(|inner: Mock| CsrfFormLayer::new().layer(inner));
    assert_ready_ok!(service.poll_ready());
    let mut response = task::spawn(service.call(request));
    while response.poll().is_pending() && response.is_woken() {}
    let (request, send) = assert_ready!(task::spawn(handle.next_request()).poll()).unwrap();
    send.send_response(Response::new(()));
    assert_ready_ok!(response.poll());
    request
}

fn field(request: &Request<Read>) -> Option<&CsrfFormField> {
    request.extensions().get()
}

#[test]
fn the_field_is_read_and_the_body_replayed() {
    let mut trailers = HeaderMap::new();
    trailers.insert("x-sum", http::HeaderValue::from_static("1"));
    let request = forwarded(post([
        data("a=1&csrfmiddle"),
        Step::Wait,
        data("waretoken=x"),
        Step::Frame(Ok(Frame::trailers(trailers.clone()))),
    ]));
    assert!(field(&request).is_some());
    assert_eq!(request.body().size_hint().exact(), Some(25));
    let body = tokio_test::block_on(request.into_body().collect()).unwrap();
    assert_eq!(body.trailers(), Some(&trailers));
    assert_eq!(body.to_bytes(), "a=1&csrfmiddlewaretoken=x");
}

#[test]
fn what_is_no_form_post_is_not_read() {
    let mut put = post([data("csrfmiddlewaretoken=x")]);
    *put.method_mut() = Method::PUT;
    let mut json = post([data("csrfmiddlewaretoken=x")]);
    let value = http::HeaderValue::from_static("application/json");
    json.headers_mut().insert("content-type", value);
    for request in [put, json] {
        let request = forwarded(request);
        assert!(field(&request).is_none());
        let body = tokio_test::block_on(request.into_body().collect()).unwrap();
        assert_eq!(body.to_bytes(), "csrfmiddlewaretoken=x");
    }
}

#[test]
fn s36_no_more_than_the_bound_is_held_and_the_rest_flows_through() {
    let chunk = "x".repeat(16 * 1024);
    let token = "csrfmiddlewaretoken=x&a=";
    let mut frames = vec![data(token)];
    frames.extend((0..20).map(|_| data(&chunk)));
    let request = forwarded(post(frames));
    assert!(field(&request).is_some(), "it stands at the start");
    let whole = token.len() + 20 * chunk.len();
    assert_eq!(request.body().size_hint().exact(), Some(whole as u64));
    let held = assert_ready!(task::spawn(request.into_body().frame()).poll());
    let held = held.unwrap().unwrap().into_data().unwrap();
    assert!(
        held.len() < CsrfFormType::MAX_BYTES + chunk.len(),
        "{}",
        held.len()
    );
}

#[test]
fn a_body_that_breaks_off_breaks_off_for_the_service_too() {
    let request = forwarded(post([
        data("a=1&csrfmiddlewaretoken=x"),
        Step::Frame(Err("reset")),
    ]));
    assert!(
        field(&request).is_none(),
        "it may not have been the whole value"
    );
    let mut body = request.into_body();
    let first = tokio_test::block_on(body.frame()).unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "a=1&csrfmiddlewaretoken=x");
    assert_eq!(
        tokio_test::block_on(body.frame()).unwrap().unwrap_err(),
        "reset"
    );
    assert!(tokio_test::block_on(body.frame()).is_none());
}

#[test]
fn a_request_given_up_while_reading_gives_its_permit_back() {
    let limit = ConcurrencyLimitLayer::new(1);
    let (mut service, mut handle) =
        mock::spawn_with(|inner: Mock| CsrfFormLayer::new().layer(limit.layer(inner)));
    let mut other = mock::Spawn::new(service.get_ref().clone());
    assert_ready_ok!(service.poll_ready());
    assert_pending!(other.poll_ready());
    let mut response = task::spawn(service.call(post([Step::Wait, Step::Wait])));
    assert_pending!(response.poll());
    drop(response);
    assert_ready_ok!(other.poll_ready());
    assert_pending!(
        task::spawn(handle.next_request()).poll(),
        "the service was called"
    );
}

#[test]
fn the_types_can_be_shared_and_moved() {
    fn shared<T: Send + Sync + Unpin + Clone>() {}
    fn sent<T: Send>() {}
    shared::<CsrfFormLayer>();
    shared::<CsrfForm<()>>();
    sent::<Read>();
    sent::<ResponseFuture<(), std::future::Ready<()>, Frames>>();
}

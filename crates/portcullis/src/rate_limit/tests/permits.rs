//! Readiness: the service that was polled ready is called, and a refusal gives its permit back.

use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task::spawn};
use tower::{buffer::Buffer, limit::ConcurrencyLimit};

use super::*;

/// Panics when it is called without having been polled ready; a clone is not ready.
struct Wary {
    ready: bool,
}

impl Clone for Wary {
    fn clone(&self) -> Self {
        Self { ready: false }
    }
}

impl Service<Request<()>> for Wary {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(
            std::mem::take(&mut self.ready),
            "called without being ready"
        );
        ready(Ok(Response::new(())))
    }
}

#[test]
fn the_service_that_was_polled_ready_is_called() {
    for store in [away::Away::memory(), away::Away::answering()] {
        let layer = away::layer_over(store, limit::OnStoreFailure::Reject);
        let mut service = spawn_service(layer.layer(Wary { ready: false }));
        for _ in 0..7 {
            assert_ready_ok!(service.poll_ready());
            let mut response = spawn(service.call(from(HOME)));
            assert_ready_ok!(response.poll());
        }
    }
}

fn spawn_service<S>(service: S) -> tower_test::mock::Spawn<S> {
    tower_test::mock::Spawn::new(service)
}

#[test]
fn a_refused_request_never_reaches_the_mock() {
    let rule = RateRule::by_address(strict("address", 1));
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(layer(rule));
    handle.allow(2);
    assert_ready_ok!(service.poll_ready());
    let mut first = spawn(service.call(from(HOME)));
    let (_, answer) = tokio_test::block_on(handle.next_request()).unwrap();
    answer.send_response(Response::new(()));
    assert_ready_ok!(first.poll());

    assert_ready_ok!(service.poll_ready());
    let mut refused = spawn(service.call(from(HOME)));
    let response = assert_ready!(refused.poll()).unwrap();
    assert_eq!(response.status(), 429);
    assert!(response.extensions().get::<Rejection>().is_some());
    assert_pending!(spawn(handle.next_request()).poll());
}

#[test]
fn a_refusal_gives_the_only_permit_back() {
    for store in [away::Away::memory(), away::Away::answering()] {
        let layer = away::layer_over(store, limit::OnStoreFailure::Reject);
        let inner = Inner {
            calls: Arc::default(),
            answer: |_| Response::new(()),
        };
        let limited = layer.layer(ConcurrencyLimit::new(inner, 1));
        let (mut one, mut two) = (spawn_service(limited.clone()), spawn_service(limited));
        for _ in 0..20 {
            assert_ready_ok!(one.poll_ready(), "the other gave its permit back");
            drop(assert_ready!(spawn(one.call(from(HOME))).poll()));
            assert_ready_ok!(two.poll_ready(), "the other gave its permit back");
            drop(assert_ready!(spawn(two.call(from(HOME))).poll()));
        }
    }
}

#[tokio::test]
async fn it_works_over_a_buffer_of_one() {
    let inner = Inner {
        calls: Arc::default(),
        answer: |_| Response::new(()),
    };
    let calls = inner.calls.clone();
    let layer = layer(RateRule::by_address(strict("address", 3)));
    let service = layer.layer(Buffer::new(inner, 1));
    for _ in 0..10 {
        service.clone().oneshot(from(HOME)).await.unwrap();
    }
    assert_eq!(calls.load(Ordering::SeqCst), 3);
}

#[test]
fn an_error_of_the_inner_service_passes_through_and_keeps_the_charge() {
    let rule = RateRule::by_address(strict("login", 1)).failures_only();
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(layer(rule));
    handle.allow(2);
    assert_ready_ok!(service.poll_ready());
    let mut first = spawn(service.call(from(HOME)));
    let (_, answer) = tokio_test::block_on(handle.next_request()).unwrap();
    answer.send_error("broken");
    assert_eq!(
        assert_ready!(first.poll()).unwrap_err().to_string(),
        "broken"
    );
    assert_ready_ok!(service.poll_ready());
    let mut second = spawn(service.call(from(HOME)));
    assert_eq!(assert_ready!(second.poll()).unwrap().status(), 429);
}

//! Counting failures only: reserve before the handler, refund after a success.

use super::*;

fn guarded() -> RateLimitLayer {
    layer(RateRule::by_address(strict("login", 2)).failures_only())
}

/// Answers with the status that the path names.
fn by_path(request: &Request<()>) -> Response<()> {
    let status = request.uri().path()[1..].parse().unwrap_or(StatusCode::OK);
    Response::builder().status(status).body(()).unwrap()
}

#[track_caller]
fn check(status: &str, is_counted: bool) {
    let setup = Setup::answering(&guarded(), by_path);
    let attempt = || to(HOME, &Method::POST, &format!("/{status}"));
    for _ in 0..2 {
        assert!(setup.passes(attempt()));
    }
    assert_eq!(!setup.passes(attempt()), is_counted, "{status}");
}

#[test]
fn only_a_success_gives_its_charge_back() {
    for success in ["200", "204", "302"] {
        check(success, false);
    }
    for failure in ["400", "401", "403", "404", "422", "500", "503"] {
        check(failure, true);
    }
}

#[test]
fn a_grpc_status_counts_before_the_http_status() {
    let setup = Setup::answering(&guarded(), |_| {
        let answer = Response::builder().header("grpc-status", "16");
        answer.body(()).unwrap()
    });
    assert!(setup.passes(from(HOME)) && setup.passes(from(HOME)));
    assert!(!setup.passes(from(HOME)));
}

#[test]
fn a_handler_may_know_better_than_its_status() {
    let setup = Setup::answering(&guarded(), |_| {
        let mut form_again = Response::new(());
        form_again.extensions_mut().insert(Attempt::Failed);
        form_again
    });
    assert!(setup.passes(from(HOME)) && setup.passes(from(HOME)));
    assert!(!setup.passes(from(HOME)));
}

#[test]
fn a_classifier_may_read_it_otherwise() {
    let layer = guarded().with_classify(|status, _| match status {
        StatusCode::NOT_FOUND => Attempt::Succeeded,
        _ => Attempt::Failed,
    });
    let setup = Setup::answering(&layer, by_path);
    for _ in 0..5 {
        assert!(setup.passes(to(HOME, &Method::GET, "/404")));
    }
    assert!(setup.passes(to(HOME, &Method::GET, "/200")));
    assert!(setup.passes(to(HOME, &Method::GET, "/200")));
    assert!(!setup.passes(to(HOME, &Method::GET, "/200")));
}

#[test]
fn giving_up_midway_is_no_free_guess() {
    let (mut service, mut handle) =
        tower_test::mock::spawn_layer::<Request<()>, Response<()>, _>(guarded());
    for _ in 0..2 {
        handle.allow(1);
        tokio_test::assert_ready_ok!(service.poll_ready());
        let mut response = tokio_test::task::spawn(service.call(from(HOME)));
        tokio_test::assert_pending!(response.poll());
        drop(response);
        drop(tokio_test::block_on(handle.next_request()));
    }
    handle.allow(1);
    tokio_test::assert_ready_ok!(service.poll_ready());
    let response = tokio_test::block_on(service.call(from(HOME))).unwrap();
    assert_eq!(response.status(), 429);
}

#[test]
fn a_rule_beside_it_keeps_its_charge() {
    let layer = guarded()
        .add_rule(RateRule::global(strict("all", 3)))
        .unwrap();
    let setup = Setup::new(&layer);
    for _ in 0..3 {
        assert!(setup.passes(from(HOME)));
    }
    assert!(
        !setup.passes(from(HOME)),
        "every request counts for this one"
    );
}

#[test]
fn a_thousand_parallel_wrong_logins_reach_the_handler_as_often_as_the_quota_says() {
    let rule = RateRule::by_address(strict("login", 5)).failures_only();
    let setup = Setup::answering(&layer(rule), |_| {
        Response::builder().status(401).body(()).unwrap()
    });
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..250 {
                    let sent = setup.service.clone().oneshot(from(HOME));
                    let response = tokio_test::task::spawn(sent).poll();
                    assert!(response.is_ready(), "a memory store answers at once");
                }
            });
        }
    });
    assert_eq!(setup.calls.load(Ordering::SeqCst), 5);
}

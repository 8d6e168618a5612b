//! The service that was polled ready is the one called, and what a refusal did not use goes back.

use tower::{ServiceBuilder, ServiceExt as _, limit::ConcurrencyLimitLayer, service_fn};

use super::*;

async fn ok(_: Request<()>) -> Result<Response<Full<Bytes>>, std::convert::Infallible> {
    Ok(Response::new(Full::default()))
}

#[tokio::test]
async fn a_refusal_gives_its_permit_back() {
    for store in [Store::default(), Store::later()] {
        store.revoke("jti-42");
        let revoking = layer()
            .with_revocation(Revocation::Remote(Arc::new(store)))
            .unwrap();
        let service = ServiceBuilder::new()
            .layer(revoking)
            .layer(ConcurrencyLimitLayer::new(1))
            .service_fn(ok);
        let mut kept = Vec::new();
        let cookie = format!("access_token={}", access("42"));
        for headers in [vec![], vec![("cookie", cookie.as_str())]] {
            let mut clone = service.clone();
            let response = clone
                .ready()
                .await
                .unwrap()
                .call(request(&headers))
                .await
                .unwrap();
            assert_eq!(response.status(), 401);
            kept.push(clone); // alive, as in a server that keeps connections
        }
        let bearer = format!("Bearer {}", access("7"));
        let response = service
            .oneshot(request(&[("authorization", &bearer)]))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
    }
}

#[tokio::test]
async fn it_works_over_a_buffer() {
    let service = ServiceBuilder::new()
        .layer(layer())
        .buffer(1)
        .service_fn(ok);
    let bearer = format!("Bearer {}", access("42"));
    let mut kept = Vec::new();
    for _ in 0..4 {
        let mut clone = service.clone();
        let refused = clone
            .ready()
            .await
            .unwrap()
            .call(request(&[]))
            .await
            .unwrap();
        assert_eq!(refused.status(), 401);
        kept.push(clone);
        let passed = service
            .clone()
            .oneshot(request(&[("authorization", &bearer)]));
        assert_eq!(passed.await.unwrap().status(), 200);
    }
}

/// Panics when called without having been polled ready.
#[derive(Debug, Default)]
struct Strict {
    ready: bool,
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Service<Request<()>> for Strict {
    type Response = Response<Full<Bytes>>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        assert!(mem::take(&mut self.ready), "called without being ready");
        std::future::ready(Ok(Response::new(Full::default())))
    }
}

#[tokio::test]
async fn the_ready_service_is_the_one_called() {
    for store in [Store::default(), Store::later()] {
        let asking = layer()
            .with_revocation(Revocation::Remote(Arc::new(store)))
            .unwrap();
        let mut service = asking.layer(Strict::default());
        let bearer = format!("Bearer {}", access("42"));
        for headers in [vec![("authorization", bearer.as_str())], vec![]] {
            for _ in 0..2 {
                let called = service.ready().await.unwrap().call(request(&headers));
                called.await.unwrap();
            }
        }
    }
}

#[tokio::test]
async fn inner_errors_pass_unchanged() {
    let failing = service_fn(|_: Request<()>| async { Err::<Response<Full<Bytes>>, _>("broken") });
    let bearer = format!("Bearer {}", access("42"));
    let service = layer().layer(failing);
    let error = service
        .oneshot(request(&[("authorization", &bearer)]))
        .await
        .unwrap_err();
    assert_eq!(error, "broken");
}

#[test]
fn types_are_sent_and_shared_between_threads() {
    fn check<T: Send + Sync + Unpin>() {}
    check::<JwtCookieAuthLayer>();
    check::<JwtCookie<Inner>>();
    check::<Authenticated<String>>();
    check::<SessionEnded>();
}

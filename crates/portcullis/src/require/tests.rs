use std::sync::Arc;

use bytes::Bytes;
use http_body_util::Full;
use portcullis_core::{Secret, clock::Timestamp};
use portcullis_jwt::{ExtraClaims, KeyRing, Minter, TokenReader, mint::AccessParams};
use portcullis_testkit::ManualClock;
use tokio_test::{assert_pending, assert_ready, task};
use tower::{ServiceBuilder, ServiceExt as _, limit::ConcurrencyLimitLayer};
use tower_test::mock;

use super::*;
use crate::jwt_cookie::JwtCookieAuthLayer;

type Claims = std::collections::BTreeMap<String, String>;

fn staff(user: &Authenticated<Claims>) -> bool {
    user.custom()
        .get("role")
        .is_some_and(|role| role == "staff")
}

fn request(role: &str) -> Request<()> {
    let extra = ExtraClaims::new(&Claims::from([("role".into(), role.into())])).unwrap();
    let params = AccessParams {
        subject: "42",
        jti: "j",
        issued_at: Timestamp::from_secs(1_700_000_000),
        expires: Timestamp::from_secs(1_700_000_300),
        session: None,
        extra: Some(&extra),
    };
    let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    let token = Minter::new(keys).mint_access(&params).unwrap();
    let request = Request::builder().header("authorization", format!("Bearer {token}"));
    request.body(()).unwrap()
}

fn authenticate() -> JwtCookieAuthLayer<Claims> {
    let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    JwtCookieAuthLayer::new(TokenReader::new(keys)).with_clock(Arc::new(ManualClock::default()))
}

#[track_caller]
fn check(request: Request<()>, behind_authentication: bool, want: u16) {
    let layer = RequireLayer::new(staff);
    let (mut service, mut handle) =
        mock::spawn_with(|inner: mock::Mock<_, Response<Full<Bytes>>>| {
            let inner = layer.layer(inner);
            if behind_authentication {
                let both = authenticate().layer(inner);
                tower::util::Either::Left(tower::util::MapResponse::new(
                    both,
                    |response: Response<Guarded<Guarded<_>>>| response.map(Guarded::flatten),
                ))
            } else {
                tower::util::Either::Right(inner)
            }
        });
    assert_ready!(service.poll_ready()).unwrap();
    let mut response = task::spawn(service.call(request));
    if want == 200 {
        assert_pending!(response.poll());
        let (_, answer) = assert_ready!(handle.poll_request()).unwrap();
        answer.send_response(Response::new(Full::default()));
    }
    let response = assert_ready!(response.poll()).unwrap();
    assert_eq!(response.status(), want);
    assert_eq!(response.body().is_refusal(), want != 200);
    if want != 200 {
        assert_pending!(handle.poll_request(), "the inner service was called");
        let rejection = response.extensions().get::<Rejection>().unwrap();
        assert_eq!(rejection.status(), want);
    }
}

#[test]
fn a_sender_without_the_role_is_forbidden_and_nobody_is_unauthenticated() {
    check(request("staff"), true, 200);
    check(request("student"), true, 403);
    check(Request::new(()), true, 401);
    check(request("staff"), false, 401);
}

#[tokio::test]
async fn a_refusal_gives_its_permit_back() {
    let service = ServiceBuilder::new()
        .layer(RequireLayer::new(staff))
        .layer(ConcurrencyLimitLayer::new(1))
        .service_fn(|_: Request<()>| async {
            Ok::<_, std::convert::Infallible>(Response::new(Full::<Bytes>::default()))
        });
    let mut first = service.clone();
    let refused = first
        .ready()
        .await
        .unwrap()
        .call(Request::new(()))
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    let mut second = service.clone();
    assert_eq!(
        second
            .ready()
            .await
            .unwrap()
            .call(Request::new(()))
            .await
            .unwrap()
            .status(),
        401
    );
    drop(first);
}

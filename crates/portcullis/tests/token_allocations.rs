//! What an authenticated request allocates: its extension, and nothing else once its token is
//! known, but for the `Cookie` line without the token where other cookies stand in it.

#![cfg(feature = "jwt")]
#![allow(clippy::unwrap_used)] // clippy.toml excuses functions marked `#[test]`, not their helpers

use std::{
    convert::Infallible,
    future::{Future as _, Ready, ready},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Waker},
    time::Duration,
};

use http::{Extensions, Request, Response};
use portcullis::{
    Secret,
    core::{clock::Timestamp, identity::Identity},
    jwt::{
        KeyRing, Minter, TokenReader,
        mint::{AccessParams, SessionParams},
    },
    jwt_cookie::{Authenticated, JwtCookieAuthLayer},
};
use portcullis_testkit::ManualClock;
use tower_layer::Layer;
use tower_service::Service;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Answers at once, and gives the request's extensions back.
#[derive(Clone)]
struct Handler;

impl Service<Request<()>> for Handler {
    type Response = Response<()>;
    type Error = Infallible;
    type Future = Ready<Result<Response<()>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<()>) -> Self::Future {
        let mut response = Response::new(());
        *response.extensions_mut() = std::mem::take(request.extensions_mut());
        ready(Ok(response))
    }
}

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new([7; 32])).unwrap()
}

fn token(number: usize, sid: Option<&str>) -> String {
    let params = AccessParams {
        subject: "42",
        jti: &format!("{number:032x}"),
        issued_at: NOW,
        expires: NOW + Duration::from_secs(300),
        session: sid.map(|sid| SessionParams {
            sid,
            started: NOW,
            ends: NOW + Duration::from_secs(86_400),
        }),
        extra: None,
    };
    Minter::new(keys()).mint_access(&params).unwrap()
}

fn with_cookie(token: &str) -> Request<()> {
    let cookie = format!("__Host-access_token={token}");
    Request::get("/").header("cookie", cookie).body(()).unwrap()
}

fn with_bearer(token: &str) -> Request<()> {
    let bearer = format!("Bearer {token}");
    Request::get("/")
        .header("authorization", bearer)
        .body(())
        .unwrap()
}

/// How many allocations `layer` makes for `request`, and the extensions it left.
fn count(layer: &JwtCookieAuthLayer, request: Request<()>) -> (u64, Extensions) {
    let mut service = layer.layer(Handler);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(service.poll_ready(&mut cx).is_ready());
    let mut answer = None;
    let counted = allocation_counter::measure(|| {
        answer = match pin!(service.call(request)).poll(&mut cx) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        };
    });
    let Some(Ok(response)) = answer else {
        panic!("the handler answers at once");
    };
    assert_eq!(response.status(), 200);
    (counted.count_total, response.into_parts().0.extensions)
}

/// What it costs to put the same extension into a request that has none.
fn inserts(left: &Extensions) -> u64 {
    assert!(Authenticated::<()>::of(left).is_some());
    let identity = left.get::<Identity>().unwrap().clone();
    let mut empty = Extensions::new();
    allocation_counter::measure(|| drop(empty.insert(identity))).count_total
}

fn layer() -> JwtCookieAuthLayer {
    let clock = Arc::new(ManualClock::at(NOW));
    JwtCookieAuthLayer::new(TokenReader::new(keys())).with_clock(clock)
}

#[test]
fn a_token_seen_before_costs_the_extension_alone() {
    let layer = layer();
    for sid in [None, Some("the-session")] {
        let token = token(1, sid);
        for request in [with_cookie, with_bearer] {
            count(&layer, request(&token));
            let (counted, left) = count(&layer, request(&token));
            let inserts = inserts(&left);
            assert_eq!(
                counted, inserts,
                "{counted} allocations, {inserts} of the extension"
            );
        }
    }
}

#[test]
fn other_cookies_cost_one_allocation_more() {
    let layer = layer();
    let token = token(1, Some("the-session"));
    let request = || {
        let cookies = format!("theme=dark; __Host-access_token={token}; lang=en");
        Request::get("/")
            .header("cookie", cookies)
            .body(())
            .unwrap()
    };
    count(&layer, request());
    let (counted, left) = count(&layer, request());
    assert_eq!(counted, inserts(&left) + 1);
}

/// The most that first sight of an HS256 token may add, beside the extension: the texts of its
/// claims, the claims themselves, and the token in the cache.
const FIRST_SIGHT: u64 = 3;

#[test]
fn first_sight_of_a_token_costs_its_claims_and_its_place_in_the_cache() {
    let layer = layer();
    for sid in [None, Some("the-session")] {
        // The tables of the cache grow now and then: enough of them first, then the median.
        for number in 0..2_000 {
            count(&layer, with_bearer(&token(number, sid)));
        }
        let mut costs: Vec<u64> = (2_000..2_101)
            .map(|number| {
                let (counted, left) = count(&layer, with_bearer(&token(number, sid)));
                counted - inserts(&left)
            })
            .collect();
        costs.sort_unstable();
        let median = costs[costs.len() / 2];
        assert_eq!(median, FIRST_SIGHT, "{costs:?}");
    }
}

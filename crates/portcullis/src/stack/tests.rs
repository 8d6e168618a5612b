//! The stack as a whole: the order of its layers, and what each refuses first.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll},
};

use http::{Request, Response};
use portcullis_core::{
    Answer, Rejection, Secret,
    client::PeerAddr,
    clock::{Clock as _, Timestamp},
    identity::{Identity, Source},
    keys::RotationKeys,
    rate::{Limiter, Quota},
};
use portcullis_jwt::{KeyRing, Minter, mint::AccessParams};
use portcullis_testkit::ManualClock;
use tower::{Layer as _, Service, ServiceExt};

use super::*;
use crate::{
    Guarded,
    refresh::{Authenticator, AuthenticatorError, Login, LoginOutcome, Stores, User},
};

struct Nobody;

impl Authenticator for Nobody {
    fn log_in(&self, _: &Login) -> Answer<Result<LoginOutcome, AuthenticatorError>> {
        Answer::now(Ok(LoginOutcome::Refused { subject: None }))
    }

    fn active_user(&self, _: &str) -> Answer<Result<Option<User>, AuthenticatorError>> {
        Answer::now(Ok(None))
    }
}

/// A handler that counts its calls and says whom it saw.
#[derive(Clone, Default)]
struct Handler(Arc<AtomicU32>);

/// A body that is neither `Default` nor made from anything.
#[derive(Debug)]
struct Odd;

impl<B> Service<Request<B>> for Handler {
    type Response = Response<Odd>;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<Response<Odd>, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        let mut response = Response::new(Odd);
        if let Some(identity) = request.extensions().get::<Identity>() {
            response.extensions_mut().insert(identity.clone());
        }
        assert!(
            !request.headers().contains_key("authorization"),
            "tokens stay outside"
        );
        std::future::ready(Ok(response))
    }
}

struct World {
    stack: Stack,
    handler: Handler,
    clock: ManualClock,
}

const KEY: [u8; 32] = [1; 32];

fn world(change: impl FnOnce(StackBuilder) -> StackBuilder) -> World {
    let clock = ManualClock::default();
    let signing = KeyRing::hs256(Secret::new(KEY)).unwrap();
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    let stores = Stores::memory(Arc::new(clock.clone()));
    let client = portcullis_core::client::ClientPolicy::direct()
        .with_direct_scheme(portcullis_core::origin::Scheme::Https);
    let builder = Portcullis::builder(signing, rotation, stores, Nobody)
        .add_own_origin("https://chat.example".parse().unwrap())
        .with_client_policy(client)
        .with_clock(Arc::new(clock.clone()));
    World {
        stack: change(builder).build().unwrap(),
        handler: Handler::default(),
        clock,
    }
}

fn bearer(now: Timestamp) -> String {
    let token = Minter::new(KeyRing::hs256(Secret::new(KEY)).unwrap()).mint_access(&AccessParams {
        subject: "42",
        jti: "0123456789abcdef0123456789abcdef",
        issued_at: now,
        expires: now + std::time::Duration::from_secs(300),
        session: None,
        extra: None,
    });
    format!("Bearer {}", token.unwrap())
}

impl World {
    fn request(&self, method: &str) -> Request<()> {
        Request::builder()
            .method(method)
            .uri("/chat")
            .header("host", "chat.example")
            .header("authorization", bearer(self.clock.now()))
            .extension(PeerAddr::from(([192, 0, 2, 1], 50_000)))
            .body(())
            .unwrap()
    }

    fn send(&self, request: Request<()>) -> Response<Guarded<Odd>> {
        let service = self.stack.layer().layer(self.handler.clone());
        tokio_test::block_on(service.oneshot(request)).unwrap()
    }

    /// Sends a request that must be refused, and says how.
    #[track_caller]
    fn refused(&self, request: Request<()>) -> Rejection {
        let before = self.handler.0.load(Ordering::Relaxed);
        let response = self.send(request);
        assert!(response.body().is_refusal());
        assert_eq!(
            self.handler.0.load(Ordering::Relaxed),
            before,
            "the handler was not called"
        );
        assert_eq!(
            response.headers()["x-content-type-options"],
            "nosniff",
            "headers on refusals"
        );
        *response.extensions().get().expect("the rejection is told")
    }
}

#[test]
fn a_request_with_a_token_reaches_the_handler_with_its_identity() {
    let world = world(|builder| builder);
    let response = world.send(world.request("POST"));
    assert_eq!(response.status(), 200);
    let identity = response.extensions().get::<Identity>().unwrap();
    assert_eq!(
        (identity.subject(), identity.source()),
        ("42", Source::Bearer)
    );
    assert!(response.headers().contains_key("strict-transport-security"));
}

#[test]
fn each_layer_refuses_in_its_turn() {
    let world = world(|builder| builder);

    let mut request = world.request("GET");
    request
        .headers_mut()
        .insert("host", "evil.example".parse().unwrap());
    assert_eq!(world.refused(request).status(), 400);

    let mut request = world.request("GET");
    request.headers_mut().remove("authorization");
    assert_eq!(world.refused(request).code(), "token_not_valid");

    let mut request = world.request("POST");
    let token = request.headers_mut().remove("authorization").unwrap();
    let cookie = token
        .to_str()
        .unwrap()
        .replace("Bearer ", "__Host-access_token=");
    request
        .headers_mut()
        .insert("cookie", cookie.parse().unwrap());
    request
        .headers_mut()
        .insert("origin", "https://evil.example".parse().unwrap());
    assert_eq!(world.refused(request).code(), "csrf_origin_untrusted");
}

#[test]
fn the_limit_by_address_comes_before_the_token_is_looked_at() {
    let world = world(|builder| builder.with_address_quota(Quota::per_minute(2).unwrap()));
    for _ in 0..2 {
        let mut request = world.request("GET");
        request
            .headers_mut()
            .insert("authorization", "Bearer x".parse().unwrap());
        assert_eq!(world.refused(request).status(), 401);
    }
    assert_eq!(world.refused(world.request("GET")).status(), 429);
}

#[test]
fn both_limits_are_told_how_to_ask_their_store() {
    let told = Arc::new(AtomicU32::new(0));
    let count = told.clone();
    let tell = move |limiter: Limiter| {
        count.fetch_add(1, Ordering::Relaxed);
        limiter.with_expected_nodes(2)
    };
    let world = world(|builder| builder.with_limiter(tell));
    assert_eq!(told.load(Ordering::Relaxed), 2);
    assert_eq!(world.send(world.request("GET")).status(), 200);
}

#[test]
fn the_limit_by_user_follows_the_user_from_address_to_address() {
    let world = world(|builder| builder.with_subject_quota(Quota::per_minute(2).unwrap()));
    for host in 1..=3_u8 {
        let mut request = world.request("GET");
        request
            .extensions_mut()
            .insert(PeerAddr::from(([192, 0, 2, host], 50_000)));
        if host < 3 {
            assert_eq!(world.send(request).status(), 200);
        } else {
            assert_eq!(world.refused(request).status(), 429);
        }
    }
}

#[test]
fn optional_and_public_layers_let_strangers_in_and_keep_the_headers() {
    let world = world(|builder| builder);
    let stranger = || {
        let mut request = world.request("GET");
        request.headers_mut().remove("authorization");
        request
    };
    let optional = world.stack.optional_layer().layer(world.handler.clone());
    let response = tokio_test::block_on(optional.oneshot(stranger())).unwrap();
    assert_eq!(response.status(), 200);
    let public = world.stack.public_layer().layer(world.handler.clone());
    let response = tokio_test::block_on(public.oneshot(stranger())).unwrap();
    assert_eq!(response.headers()["x-content-type-options"], "nosniff");
}

#[test]
fn plain_http_goes_to_https_unless_the_own_origin_is_plain() {
    let over_http = |builder: StackBuilder| {
        builder.with_client_policy(portcullis_core::client::ClientPolicy::direct())
    };
    let world_with_https = world(over_http);
    assert_eq!(
        world_with_https
            .send(world_with_https.request("GET"))
            .status(),
        308
    );

    let signing = KeyRing::hs256(Secret::new(KEY)).unwrap();
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    let clock = ManualClock::default();
    let stack = Portcullis::builder(
        signing,
        rotation,
        Stores::memory(Arc::new(clock.clone())),
        Nobody,
    )
    .add_own_origin("http://chat.example".parse().unwrap())
    .with_clock(Arc::new(clock.clone()))
    .build()
    .unwrap();
    let plain = World {
        stack,
        handler: Handler::default(),
        clock,
    };
    assert_eq!(plain.send(plain.request("GET")).status(), 200);
}

#[test]
fn a_stack_without_an_own_origin_is_refused() {
    let signing = KeyRing::hs256(Secret::new(KEY)).unwrap();
    let rotation = RotationKeys::new(1, &Secret::new([2; 32])).unwrap();
    let stores = Stores::memory(Arc::new(ManualClock::default()));
    let error = Portcullis::builder(signing, rotation, stores, Nobody)
        .build()
        .unwrap_err();
    assert!(error.to_string().contains("add_own_origin"), "{error}");
}

#[test]
fn a_refusal_gives_its_permit_back() {
    let world = world(|builder| builder);
    let limited = tower::limit::ConcurrencyLimit::new(world.handler.clone(), 1);
    let mut first = world.stack.layer().layer(limited);
    let mut second = first.clone();
    tokio_test::block_on(async {
        let mut stranger = world.request("GET");
        stranger.headers_mut().remove("authorization");
        let ready = ServiceExt::<Request<()>>::ready(&mut first).await.unwrap();
        let refused = ready.call(stranger).await.unwrap();
        assert_eq!(refused.status(), 401);
        // `first` is alive and has polled for a permit: it must not keep it.
        let ready = ServiceExt::<Request<()>>::ready(&mut second).await.unwrap();
        let passed = ready.call(world.request("GET")).await.unwrap();
        assert_eq!(passed.status(), 200);
    });
    drop(first);
}

//! Rate limits over a real Redis: layers, login services, and what happens when it goes away.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use http::{Request, Response};
use portcullis::{
    Guarded, Secret,
    core::{
        client::{ClientPolicy, PeerAddr},
        keys::{DerivedKey, Purpose},
        memory::MemoryRateStore,
        rate::{Limit, Limiter, OnStoreFailure, Quota, RateStore},
    },
    rate_limit::{RateLimit, RateLimitLayer, RateRule},
};
use portcullis_redis::{RedisConfig, RedisRateStore};
use portcullis_testkit::{ManualClock, RedisServer};
use tower::{Layer as _, Service, ServiceExt as _};

mod fields;
mod logins;

pub(crate) const HOUR: Duration = Duration::from_secs(3_600);

/// Counts its calls.
#[derive(Clone, Debug, Default)]
pub(crate) struct Handler(Arc<AtomicUsize>);

impl Service<Request<()>> for Handler {
    type Response = Response<String>;
    type Error = Infallible;
    type Future = std::future::Ready<Result<Response<String>, Infallible>>;

    fn poll_ready(
        &mut self,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Result<(), Infallible>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<()>) -> Self::Future {
        self.0.fetch_add(1, Ordering::Relaxed);
        std::future::ready(Ok(Response::new(String::new())))
    }
}

/// One limit by address, before a handler.
pub(crate) struct Limited {
    pub(crate) service: RateLimit<Handler>,
    handler: Handler,
}

pub(crate) fn limiter(store: Arc<dyn RateStore>, clock: &ManualClock) -> Limiter {
    let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32])).unwrap();
    Limiter::new(store, key).with_clock(Arc::new(clock.clone()))
}

pub(crate) fn strict(name: &str, count: u32) -> Limit {
    Limit::new(name, Quota::strict(count, HOUR).unwrap()).unwrap()
}

impl Limited {
    pub(crate) fn new(layer: &RateLimitLayer) -> Self {
        let handler = Handler::default();
        Self {
            service: layer.layer(handler.clone()),
            handler,
        }
    }

    pub(crate) fn by_address(limiter: Limiter, limit: Limit) -> Self {
        let layer = RateLimitLayer::new(limiter, ClientPolicy::direct());
        Self::new(&layer.add_rule(RateRule::by_address(limit)).unwrap())
    }

    pub(crate) async fn send(&self, peer: [u8; 4]) -> Response<Guarded<String>> {
        let mut request = Request::new(());
        request.extensions_mut().insert(PeerAddr::from((peer, 80)));
        self.service.clone().oneshot(request).await.unwrap()
    }

    pub(crate) async fn status(&self, peer: [u8; 4]) -> u16 {
        self.send(peer).await.status().as_u16()
    }

    pub(crate) fn calls(&self) -> usize {
        self.handler.0.load(Ordering::Relaxed)
    }
}

/// A store with connections of its own, which a busy machine does not make late by chance.
pub(crate) async fn store(server: &RedisServer) -> Arc<RedisRateStore> {
    let config = RedisConfig::from_url(&server.url()).unwrap();
    let config = config.with_deadline(RedisConfig::MAX_DEADLINE).unwrap();
    Arc::new(RedisRateStore::new(&config.connect().await.unwrap()))
}

/// How often the server was asked to run a script.
fn trips(server: &RedisServer) -> u64 {
    let stats = server.ask(&["INFO", "commandstats"]).unwrap();
    let calls = |line: &str| -> Option<u64> {
        let (_, rest) = line.split_once(":calls=")?;
        rest.split(',').next()?.parse().ok()
    };
    let scripts = stats
        .lines()
        .filter(|line| line.starts_with("cmdstat_eval"));
    scripts.filter_map(calls).sum()
}

const HOME: [u8; 4] = [192, 0, 2, 7];

#[tokio::test]
async fn a_hundred_thousand_denied_requests_cost_one_trip_a_second() {
    let server = RedisServer::start();
    let clock = ManualClock::default();
    let limited = Limited::by_address(limiter(store(&server).await, &clock), strict("address", 1));
    assert_eq!(limited.status(HOME).await, 200);
    let before = trips(&server);
    for _ in 0..100_000 {
        assert_eq!(limited.status(HOME).await, 429);
        clock.advance(Duration::from_micros(100));
    }
    // Ten seconds, and the memory of a refusal is believed for one.
    let made = trips(&server) - before;
    assert!((10..=11).contains(&made), "{made} trips");
    assert_eq!(limited.calls(), 1);
}

/// Sends requests while the server is gone, then until it decides again.
async fn outage(on_failure: OnStoreFailure) -> (Vec<u16>, Limited, RedisServer) {
    let mut server = RedisServer::start();
    let clock = ManualClock::default();
    let one_of_two = limiter(store(&server).await, &clock)
        .with_on_store_failure(on_failure)
        .with_expected_nodes(2);
    let limited = Limited::by_address(one_of_two, strict("address", 8));
    assert_eq!(limited.status(HOME).await, 200);
    server.stop();
    let mut seen = Vec::new();
    for _ in 0..200 {
        seen.push(limited.status(HOME).await);
    }
    server.restart();
    while trips(&server) == 0 {
        clock.advance(Duration::from_secs(1));
        limited.status([198, 51, 100, 1]).await;
    }
    (seen, limited, server)
}

#[tokio::test]
async fn while_redis_is_dead_each_policy_holds_and_a_restart_needs_nothing_else() {
    let (seen, limited, _server) = outage(OnStoreFailure::Reject).await;
    assert_eq!(seen, [503; 200]);
    assert_eq!(limited.status(HOME).await, 200, "decided by Redis again");

    let (seen, _, _server) = outage(OnStoreFailure::Admit).await;
    assert_eq!(seen, [200; 200]);

    let (seen, limited, _server) = outage(OnStoreFailure::LocalFallback).await;
    let (admitted, refused) = seen.split_at(4);
    assert_eq!(admitted, [200; 4], "one of two nodes: half of the quota");
    assert_eq!(refused, [429; 196]);
    assert_eq!(limited.status(HOME).await, 200, "decided by Redis again");
}

#[tokio::test]
async fn scripts_that_are_flushed_under_traffic_cost_no_request() {
    let server = RedisServer::start();
    let clock = ManualClock::default();
    let limited = Limited::by_address(limiter(store(&server).await, &clock), strict("address", 30));
    for number in 0..60 {
        if number % 7 == 0 {
            server.ask(&["SCRIPT", "FLUSH"]).unwrap();
        }
        let wanted = if number < 30 { 200 } else { 429 };
        assert_eq!(limited.status(HOME).await, wanted, "request {number}");
    }
}

#[tokio::test]
async fn a_wait_that_a_client_honours_once_is_enough() {
    let clock = ManualClock::default();
    let store = Arc::new(MemoryRateStore::new(Arc::new(clock.clone())));
    for quota in [
        Quota::per_second(50),
        Quota::per(7, Duration::from_secs(60)),
        Quota::strict(3, Duration::from_millis(1_500)),
    ] {
        let quota = quota.unwrap();
        let limit = Limit::new("address", quota).unwrap();
        let limited = Limited::by_address(limiter(store.clone(), &clock), limit);
        for _ in 0..20 {
            let response = limited.send(HOME).await;
            if response.status() == 200 {
                continue;
            }
            let wait = response.headers()["retry-after"].to_str().unwrap();
            let wait: u64 = wait.parse().unwrap();
            assert!(wait >= 1);
            clock.advance(Duration::from_secs(wait));
            assert_eq!(limited.status(HOME).await, 200, "{quota:?}");
        }
    }
}

//! One limit by client address, in memory: a request within it, and one beyond it.

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{body::Body, extract::ConnectInfo};
use governor::middleware::NoOpMiddleware;
use http::{Method, Response, StatusCode, request};
use portcullis::{
    core::{
        client::{ClientPolicy, PeerAddr},
        clock::SystemClock,
        keys::{DerivedKey, Purpose},
        memory::MemoryRateStore,
    },
    rate_limit::{
        RateLimitLayer, RateRule,
        limit::{Limit, Limiter, Quota},
    },
};
use tower_governor::{
    GovernorLayer,
    governor::GovernorConfigBuilder,
    key_extractor::{KeyExtractor, PeerIpKeyExtractor, SmartIpKeyExtractor},
};
use tower_layer::Layer as _;
use tower_service::Service;

use super::{bare, browser, finish, passing, secret};
use crate::{
    measure::Case,
    report::{Bar, Group},
    send::{Handler, Incoming, Sending, send},
};

const PEER: &str = "portcullis rate limit by peer, allowed";
const PROXY: &str = "portcullis rate limit behind a proxy, allowed";
const DENIED: &str = "portcullis rate limit by peer, denied";
const GOVERNOR_PEER: &str = "tower_governor 0.8 PeerIp, allowed";
const GOVERNOR_SMART: &str = "tower_governor 0.8 SmartIp, allowed";
const GOVERNOR_DENIED: &str = "tower_governor 0.8 PeerIp, denied";

pub(super) fn group() -> Group {
    let proxy = ClientPolicy::direct().add_trusted_proxy("192.0.2.0/24".parse().expect("a CIDR"));
    let forwarded = || finish(from_peer().header("x-forwarded-for", "203.0.113.9"));
    let direct = || finish(from_peer());
    let once = Quota::per(1, Duration::from_secs(86_400)).expect("one a day");
    Group {
        cases: vec![
            passing(
                PEER,
                ours(ClientPolicy::direct(), plenty()).layer(Handler),
                direct(),
            ),
            passing(PROXY, ours(proxy, plenty()).layer(Handler), forwarded()),
            passing(
                GOVERNOR_PEER,
                governed(PeerIpKeyExtractor).layer(Handler),
                direct(),
            ),
            passing(
                GOVERNOR_SMART,
                governed(SmartIpKeyExtractor).layer(Handler),
                forwarded(),
            ),
            denied(DENIED, ours(ClientPolicy::direct(), once).layer(Handler)),
            denied(GOVERNOR_DENIED, governed_once().layer(Handler)),
        ],
        bars: vec![
            Bar::new(PEER, GOVERNOR_PEER).allocations(0),
            Bar::new(PROXY, GOVERNOR_SMART).times(1.3).allocations(0),
            Bar::new(PEER, GOVERNOR_SMART).times(1.3).allocations(0),
            Bar::new(DENIED, GOVERNOR_DENIED).times(20.0),
            Bar::new(DENIED, PEER),
        ],
    }
}

/// More than any loop can use up.
pub(super) fn plenty() -> Quota {
    Quota::per_second(1_000_000)
        .and_then(|quota| quota.with_burst(u32::MAX))
        .expect("refills in 72 minutes")
}

pub(super) fn ours(client: ClientPolicy, quota: Quota) -> RateLimitLayer {
    let store = MemoryRateStore::new(Arc::new(SystemClock)).with_capacity(16_000_000);
    let key = DerivedKey::from_secret(Purpose::Limiter, &secret(7)).expect("32 bytes");
    let limit = Limit::new("address", quota).expect("a short name");
    RateLimitLayer::new(Limiter::new(Arc::new(store), key), client)
        .add_rule(RateRule::by_address(limit))
        .expect("the first rule")
}

pub(super) fn governed<K: KeyExtractor>(by: K) -> GovernorLayer<K, NoOpMiddleware, Body>
where
    K::Key: 'static,
{
    let config = GovernorConfigBuilder::default()
        .per_nanosecond(1)
        .burst_size(u32::MAX)
        .key_extractor(by)
        .finish()
        .expect("neither is zero");
    GovernorLayer::new(config)
}

fn governed_once() -> GovernorLayer<PeerIpKeyExtractor, NoOpMiddleware, Body> {
    let config = GovernorConfigBuilder::default()
        .per_second(86_400)
        .burst_size(1)
        .finish()
        .expect("neither is zero");
    GovernorLayer::new(config)
}

/// A request with the peer's address where either layer looks for it.
pub(super) fn from_peer() -> request::Builder {
    let peer = SocketAddr::from(([192, 0, 2, 1], 50_000));
    browser(Method::GET)
        .extension(PeerAddr::from(peer))
        .extension(ConnectInfo(peer))
}

/// What a refusal by `service` costs more than the bare handler.
fn denied<S, B>(name: &str, mut service: S) -> Case
where
    S: Service<Incoming, Response = Response<B>, Error = Infallible> + 'static,
    B: 'static,
{
    let request = finish(from_peer());
    let first = send(&mut service, request.clone());
    assert_eq!(first.status(), StatusCode::OK, "uses up the quota");
    let requests = vec![request.clone()];
    let refused = Sending::new(service, requests, StatusCode::TOO_MANY_REQUESTS);
    Case::added(name, bare(vec![request]), refused)
}

//! One limit by client address, with ever more addresses that are alive.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use axum::extract::ConnectInfo;
use http::{Response, StatusCode};
use portcullis::{
    core::client::{ClientPolicy, PeerAddr},
    rate_limit::limit::Quota,
};
use tower_governor::key_extractor::PeerIpKeyExtractor;
use tower_layer::Layer as _;
use tower_service::Service;

use super::{
    finish,
    rate::{from_peer, governed, ours},
};
use crate::{
    measure::Case,
    report::{Bar, Group},
    send::{Handler, Incoming, Work, send},
};

const OURS: [&str; 5] = [
    "portcullis, 10^3 live keys",
    "portcullis, 10^4 live keys",
    "portcullis, 10^5 live keys",
    "portcullis, 10^6 live keys",
    "portcullis, 10^7 live keys",
];
const GOVERNOR: [&str; 5] = [
    "tower_governor, 10^3 live keys",
    "tower_governor, 10^4 live keys",
    "tower_governor, 10^5 live keys",
    "tower_governor, 10^6 live keys",
    "tower_governor, 10^7 live keys",
];
const KEYS: [u32; 5] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];

pub(super) fn group() -> Group {
    let mut cases = Vec::new();
    for (index, keys) in KEYS.into_iter().enumerate() {
        cases.push(spread(
            OURS[index],
            keys,
            ours(ClientPolicy::direct(), slow()).layer(Handler),
        ));
        let governor = governed(PeerIpKeyExtractor);
        cases.push(spread(GOVERNOR[index], keys, governor.layer(Handler)));
    }
    let beside = OURS.into_iter().zip(GOVERNOR);
    Group {
        cases,
        bars: beside
            .map(|(ours, peer)| Bar::new(ours, peer).allocations(0))
            .chain([
                Bar::new(OURS[4], OURS[0]),
                Bar::new(GOVERNOR[4], GOVERNOR[0]),
            ])
            .collect(),
    }
}

/// Each request keeps its key alive for ten minutes, longer than a run.
fn slow() -> Quota {
    Quota::per(1, Duration::from_secs(600))
        .and_then(|quota| quota.with_burst(4_000))
        .expect("refills in 28 days")
}

/// What `service` costs when `keys` addresses, all alive, send in no order.
fn spread<S, B>(name: &str, keys: u32, mut service: S) -> Case
where
    S: Service<Incoming, Response = Response<B>, Error = Infallible> + 'static,
    B: 'static,
{
    let request = finish(from_peer());
    for key in 0..keys {
        send(&mut service, addressed(&request, key));
    }
    let bare = Spread::new(Handler, keys, request.clone());
    Case::added(name, bare, Spread::new(service, keys, request))
}

/// Sends from one address after the other.
struct Spread<S> {
    service: S,
    keys: u32,
    request: Incoming,
    state: u32,
}

impl<S> Spread<S> {
    const fn new(service: S, keys: u32, request: Incoming) -> Self {
        Self {
            service,
            keys,
            request,
            state: 1,
        }
    }
}

impl<S, B> Work for Spread<S>
where
    S: Service<Incoming, Response = Response<B>, Error = Infallible>,
{
    fn run(&mut self, count: usize) {
        for _ in 0..count {
            // A linear congruential generator of full period (Knuth, TAOCP 2, 3.3.4).
            self.state = self
                .state
                .wrapping_mul(1_664_525)
                .wrapping_add(1_013_904_223);
            let key = ((u64::from(self.state) * u64::from(self.keys)) >> 32) as u32;
            let response = send(&mut self.service, addressed(&self.request, key));
            assert_eq!(response.status(), StatusCode::OK);
        }
    }
}

/// `request`, coming from address number `key`.
fn addressed(request: &Incoming, key: u32) -> Incoming {
    let peer = SocketAddr::from((Ipv4Addr::from_bits(0x0a00_0000 | key), 50_000));
    let mut request = request.clone();
    request.extensions_mut().insert(PeerAddr::from(peer));
    request.extensions_mut().insert(ConnectInfo(peer));
    request
}

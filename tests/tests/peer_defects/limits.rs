//! S19 to S24, and what rate limiters elsewhere get wrong again and again.

use std::time::Duration;

use http::StatusCode;
use portcullis::{
    core::{
        client::{ClientPolicy, PeerAddr},
        keys::{DerivedKey, Purpose},
        memory::MemoryRateStore,
        rate::{Limit, Limiter, Quota},
    },
    rate_limit::{MissingPeerAddr, RateLimitLayer, RateRule},
};
use portcullis_testkit::ManualClock;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// Limits in a store that is full at `capacity`, on a clock that stands still.
struct Limits {
    clock: ManualClock,
    store: Arc<MemoryRateStore>,
    proxies: ClientPolicy,
}

impl Limits {
    fn new() -> Self {
        Self::with_capacity(MemoryRateStore::DEFAULT_CAPACITY)
    }

    fn with_capacity(capacity: usize) -> Self {
        let clock = ManualClock::default();
        let store = MemoryRateStore::new(Arc::new(clock.clone())).with_capacity(capacity);
        Self {
            clock,
            store: Arc::new(store),
            proxies: ClientPolicy::direct().add_trusted_proxy("10.0.0.0/8".parse().unwrap()),
        }
    }

    fn layer(&self, rule: RateRule) -> RateLimitLayer {
        let key = DerivedKey::from_secret(Purpose::Limiter, &Secret::new([7; 32])).unwrap();
        let limiter = Limiter::new(self.store.clone(), key);
        let layer = RateLimitLayer::new(limiter, self.proxies.clone());
        layer.add_rule(rule).unwrap()
    }

    /// `count` a minute by address, exactly.
    fn by_address(&self, count: u32) -> RateLimitLayer {
        self.layer(RateRule::by_address(strict("address", count)))
    }
}

fn strict(name: &str, count: u32) -> Limit {
    Limit::new(name, Quota::strict(count, MINUTE).unwrap()).unwrap()
}

fn from(peer: &str) -> Builder {
    let address: std::net::IpAddr = peer.parse().unwrap();
    Request::builder().extension(PeerAddr::from((address, 50_000)))
}

#[track_caller]
fn passes(layer: &RateLimitLayer, request: Builder) -> bool {
    let handler = Handler::default();
    let status = handler.ask(layer, request).status();
    assert_eq!(handler.calls(), u32::from(status == StatusCode::OK));
    status == StatusCode::OK
}

#[test]
fn s19_a_client_cannot_choose_its_address() {
    let limits = Limits::new();
    let layer = limits.by_address(1);
    assert!(passes(&layer, from("198.51.100.9")));
    for forged in ["203.0.113.9", "10.0.0.1", "unknown", "[2001:db8::1]:80"] {
        for header in ["x-forwarded-for", "forwarded", "x-real-ip"] {
            let request = from("198.51.100.9").header(header, forged);
            assert!(!passes(&layer, request), "{header}: {forged}");
        }
    }
}

#[test]
fn s19_behind_a_proxy_the_last_hop_that_is_not_ours_is_the_client() {
    let long = "203.0.113.1, ".repeat(800);
    for junk in [
        "6.6.6.6, 203.0.113.9",
        "203.0.113.9:4711",
        "::ffff:203.0.113.9",
        "garbage, 203.0.113.9, 10.0.0.2",
        "\"203.0.113.9, 203.0.113.9",
        &format!("{long}203.0.113.9"),
    ] {
        let limits = Limits::new();
        let layer = limits.by_address(1);
        let first = from("10.0.0.1").header("x-forwarded-for", "203.0.113.9");
        assert!(passes(&layer, first));
        let request = from("10.0.0.1").header("x-forwarded-for", junk);
        assert!(!passes(&layer, request), "{}", &junk[..junk.len().min(60)]);
    }
    let limits = Limits::new();
    let layer = limits.by_address(1);
    let lines = from("10.0.0.1").header("x-forwarded-for", "6.6.6.6");
    assert!(passes(
        &layer,
        lines.header("x-forwarded-for", "203.0.113.9")
    ));
    let other = from("10.0.0.1").header("x-forwarded-for", "6.6.6.7");
    let again = other.header("x-forwarded-for", "203.0.113.9");
    assert!(!passes(&layer, again), "the lines are one list");
}

#[test]
fn s20_one_ipv6_network_is_one_client() {
    let limits = Limits::new();
    let layer = limits.by_address(5);
    let hosts = (1..=50).map(|host| format!("2001:db8:0:1::{host:x}"));
    assert_eq!(hosts.filter(|host| passes(&layer, from(host))).count(), 5);
    assert!(passes(&layer, from("2001:db8:0:2::1")));
}

#[test]
fn s20_mapped_addresses_do_not_collapse_into_one() {
    let limits = Limits::new();
    let layer = limits.by_address(1);
    assert!(passes(&layer, from("::ffff:203.0.113.9")));
    assert!(passes(&layer, from("::ffff:203.0.113.8")), "another client");
    assert!(!passes(&layer, from("203.0.113.9")), "the same client");
}

#[test]
fn s21_a_wait_is_at_least_a_second_and_long_enough() {
    let limits = Limits::new();
    let fast = Limit::new("fast", Quota::per_second(10).unwrap()).unwrap();
    let layer = limits.layer(RateRule::by_address(fast));
    let mut passed = 0;
    while passes(&layer, from("192.0.2.7")) {
        passed += 1;
    }
    assert_eq!(passed, 10, "ten a second are ten in a second");
    let refused = Handler::default().ask(&layer, from("192.0.2.7"));
    assert_eq!(refused.headers()["retry-after"], "1", "not 0, for 100 ms");
    limits.clock.advance(Duration::from_secs(1));
    assert!(passes(&layer, from("192.0.2.7")));
}

#[test]
fn s21_a_missing_peer_is_no_500_and_no_shared_bucket() {
    let limits = Limits::new();
    let layer = limits.by_address(1);
    for _ in 0..3 {
        let refused = Handler::default().ask(&layer, Request::builder());
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert!(refused.extensions().get::<MissingPeerAddr>().is_some());
    }
    assert_eq!(limits.store.entries(), 0);
}

#[test]
fn s22_a_flood_of_keys_is_bounded_and_frees_nobody() {
    let limits = Limits::with_capacity(4_096);
    let layer = limits.by_address(5);
    let mut guesses = 0;
    for round in 0..20_u32 {
        for _ in 0..20 {
            guesses += u32::from(passes(&layer, from("192.0.2.7")));
        }
        for number in 0..2_000 {
            let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + round * 2_000 + number);
            passes(&layer, from(&address.to_string()));
        }
        assert!(
            limits.store.entries() <= 4_096,
            "{}",
            limits.store.entries()
        );
    }
    assert_eq!(guesses, 5, "a lawful minute");
}

#[test]
fn s22_a_refused_request_leaves_nothing_behind() {
    let limits = Limits::new();
    let all = Limit::new("all", Quota::strict(3, MINUTE).unwrap()).unwrap();
    let layer = limits
        .by_address(5)
        .add_rule(RateRule::global(all))
        .unwrap();
    for number in 0..1_000_u32 {
        let address = std::net::Ipv4Addr::from_bits(0x0b00_0000 + number);
        passes(&layer, from(&address.to_string()));
    }
    assert_eq!(limits.store.entries(), 4, "three clients and everyone");
}

#[test]
fn s23_the_edge_of_a_window_gives_no_second_quota() {
    let limits = Limits::new();
    let layer = limits.by_address(5);
    limits.clock.advance(Duration::from_secs(59));
    let mut passed = 0;
    for _ in 0..20 {
        passed += u32::from(passes(&layer, from("192.0.2.7")));
        limits.clock.advance(Duration::from_millis(100));
    }
    assert_eq!(passed, 5);
}

#[test]
fn s24_what_is_left_of_a_hidden_limit_is_not_shown() {
    let limits = Limits::new();
    let layer = limits
        .layer(RateRule::by_header(
            "x-account".parse().unwrap(),
            strict("account", 1),
        ))
        .with_rate_limit_fields();
    for _ in 0..2 {
        let request = from("192.0.2.7").header("x-account", "ann");
        let response = Handler::default().ask(&layer, request);
        assert!(!response.headers().contains_key("ratelimit"));
        assert!(!response.headers().contains_key("ratelimit-policy"));
    }
}

#[test]
fn a_limit_that_refuses_charges_no_other() {
    let limits = Limits::new();
    let rule = RateRule::global(strict("all", 3));
    let layer = limits.by_address(1).add_rule(rule).unwrap();
    assert!(passes(&layer, from("192.0.2.7")));
    for _ in 0..10 {
        assert!(!passes(&layer, from("192.0.2.7")));
    }
    assert!(passes(&layer, from("192.0.2.8")) && passes(&layer, from("192.0.2.9")));
}

#[test]
fn a_refused_request_does_not_lengthen_its_own_wait() {
    let limits = Limits::new();
    let layer = limits.by_address(1);
    assert!(passes(&layer, from("192.0.2.7")));
    for _ in 0..59 {
        limits.clock.advance(Duration::from_secs(1));
        assert!(!passes(&layer, from("192.0.2.7")));
    }
    limits.clock.advance(Duration::from_secs(1));
    assert!(passes(&layer, from("192.0.2.7")));
}

#[test]
fn a_rate_of_nothing_is_an_error_of_the_configuration() {
    for quota in [
        Quota::per(0, MINUTE),
        Quota::per(1, Duration::ZERO),
        Quota::strict(0, MINUTE),
        Quota::per_second(2_000_000),
    ] {
        assert!(quota.is_err());
    }
}

//! Whom a request is counted under.

use super::*;
use crate::rate_limit::limit::Charge;

#[test]
fn without_an_address_it_is_refused_loudly_and_never_counted_together() {
    let clock = ManualClock::default();
    let audit = Arc::new(MemoryAudit::default());
    let layer = layer_at(&clock, RateRule::by_address(strict("address", 5)))
        .with_audit(audit.clone(), Arc::new(clock));
    let setup = Setup::new(&layer);
    let refused = setup.send(Request::new(()));
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(refused.extensions().get::<MissingPeerAddr>().is_some());
    assert!(refused.headers().contains_key("retry-after"));
    let reason = audit.events()[0].reason.clone().unwrap();
    assert!(reason.contains("PeerAddr"), "{reason}");
}

#[test]
fn fifty_addresses_of_one_ipv6_network_share_a_limit() {
    let setup = Setup::new(&layer(RateRule::by_address(strict("address", 5))));
    let from_host = |host| from(&format!("2001:db8:0:1::{host:x}"));
    let passed = (1..=50).filter(|&host| setup.passes(from_host(host)));
    assert_eq!(passed.count(), 5);
    assert!(
        setup.passes(from("2001:db8:0:2::1")),
        "the next network is another"
    );
}

#[test]
fn a_rotating_site_is_bounded_by_the_wide_limit() {
    let layer = layer(RateRule::by_address(strict("address", 1)))
        .add_rule(RateRule::by_wide_network(strict("site", 4)))
        .unwrap();
    let setup = Setup::new(&layer);
    let from_network = |network| from(&format!("2001:db8:0:{network:x}::1"));
    let passed = (1..=50).filter(|&network| setup.passes(from_network(network)));
    assert_eq!(passed.count(), 4);
}

#[test]
fn a_mapped_address_is_the_address_and_no_other() {
    let setup = Setup::new(&layer(RateRule::by_address(strict("address", 1))));
    assert!(setup.passes(from("203.0.113.9")));
    assert!(!setup.passes(from("::ffff:203.0.113.9")), "the same client");
    assert!(
        setup.passes(from("::ffff:203.0.113.8")),
        "not the same client"
    );
}

#[test]
fn a_forwarding_header_moves_nobody_into_another_bucket() {
    let rule = RateRule::by_address(strict("address", 1));
    let policy = ClientPolicy::direct().add_trusted_proxy("10.0.0.0/8".parse().unwrap());
    let layer = RateLimitLayer::new(limiter(&ManualClock::default()), policy)
        .add_rule(rule)
        .unwrap();
    let setup = Setup::new(&layer);
    let spoofed = |peer: &str, value: &str| with_header(from(peer), "x-forwarded-for", value);
    assert!(setup.passes(spoofed(HOME, "6.6.6.1")));
    assert!(
        !setup.passes(spoofed(HOME, "6.6.6.2")),
        "an undeclared peer"
    );
    assert!(setup.passes(spoofed("10.0.0.1", "6.6.6.3, 203.0.113.9")));
    assert!(!setup.passes(spoofed("10.0.0.1", "6.6.6.4, 203.0.113.9")));
    assert!(
        setup.passes(spoofed("10.0.0.1", "203.0.113.10")),
        "another client"
    );
}

#[test]
fn a_user_is_counted_wherever_he_comes_from() {
    let setup = Setup::new(&layer(RateRule::by_subject(strict("user", 1))));
    let signed_in = |peer: &str, subject: &str| {
        let mut request = from(peer);
        let identity = Identity::new(subject, None, Source::Cookie);
        request.extensions_mut().insert(identity);
        request
    };
    assert!(setup.passes(signed_in(HOME, "alice")));
    assert!(!setup.passes(signed_in("198.51.100.1", "alice")));
    assert!(setup.passes(signed_in(HOME, "bob")));
    assert!(setup.passes(from(HOME)), "nobody is counted by address");
    assert!(!setup.passes(from(HOME)));
}

#[test]
fn a_header_key_counts_by_value_and_without_one_by_address() {
    let name = HeaderName::from_static("x-api-key");
    let setup = Setup::new(&layer(RateRule::by_header(name, strict("key", 1))));
    let keyed = |value: &str| with_header(from(HOME), "x-api-key", value);
    assert!(setup.passes(keyed("one")));
    assert!(!setup.passes(keyed("one")));
    assert!(setup.passes(keyed("two")));
    assert!(setup.passes(with_header(keyed("three"), "x-api-key", "four")));
    assert!(
        !setup.passes(with_header(keyed("five"), "x-api-key", "six")),
        "by address"
    );
}

#[test]
fn a_function_names_the_key_or_leaves_the_request_out() {
    let rule = RateRule::by(
        |request| {
            let tenant = request.headers.get("x-tenant")?;
            Some(Cow::Owned(tenant.as_bytes().to_ascii_lowercase()))
        },
        strict("tenant", 1),
    );
    let setup = Setup::new(&layer(rule));
    let of = |tenant: &str| with_header(from(HOME), "x-tenant", tenant);
    assert!(setup.passes(of("Acme")));
    assert!(!setup.passes(of("ACME")));
    assert!(
        setup.passes(from(HOME)) && setup.passes(from(HOME)),
        "left out"
    );
}

#[test]
fn a_global_limit_counts_everyone_and_needs_no_address() {
    let setup = Setup::new(&layer(RateRule::global(strict("all", 2))));
    assert!(setup.passes(Request::new(())));
    assert!(setup.passes(from(HOME)));
    assert!(!setup.passes(from("198.51.100.1")));
}

#[test]
fn a_refusal_by_one_rule_charges_no_other() {
    let clock = ManualClock::default();
    let limiter = limiter(&clock);
    let (address, all) = (strict("address", 1), strict("all", 3));
    let layer = RateLimitLayer::new(limiter.clone(), ClientPolicy::direct())
        .add_rule(RateRule::by_address(address))
        .unwrap()
        .add_rule(RateRule::global(all.clone()))
        .unwrap();
    let setup = Setup::new(&layer);
    assert!(setup.passes(from(HOME)));
    for _ in 0..10 {
        assert!(!setup.passes(from(HOME)));
    }
    assert!(
        setup.passes(from("198.51.100.1")),
        "ten refusals cost the others nothing"
    );
    // The programmatic API and the layer count in the same place.
    let parts: [&[u8]; 2] = [b"everyone", b""];
    let reserve = || {
        limiter
            .reserve(&[Charge::new(&all, &parts)])
            .into_now()
            .unwrap()
            .unwrap()
    };
    assert!(matches!(reserve(), limit::Outcome::Admitted(_)));
    assert!(matches!(reserve(), limit::Outcome::Refused { .. }));
}

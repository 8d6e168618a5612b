//! A store that has to be waited for, and that may fail.

use portcullis_core::{
    Answer,
    rate::{Counted, OnStoreFailure, RateKey, Refund, Take, Taken},
    store::StoreError,
};
use tokio_test::{assert_pending, assert_ready, assert_ready_ok, task::spawn};

use super::*;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Mood {
    Answers,
    AtOnce,
    Fails,
    Hangs,
}

/// A memory store behind a network of changing mood.
#[derive(Debug)]
pub(super) struct Away {
    store: MemoryRateStore,
    clock: ManualClock,
    mood: Mood,
}

impl Away {
    fn of(mood: Mood) -> Arc<Self> {
        let clock = ManualClock::default();
        Arc::new(Self {
            store: MemoryRateStore::new(Arc::new(clock.clone())),
            clock,
            mood,
        })
    }

    pub(super) fn answering() -> Arc<Self> {
        Self::of(Mood::Answers)
    }

    pub(super) fn memory() -> Arc<Self> {
        Self::of(Mood::AtOnce)
    }

    fn send<T: Send + 'static>(
        &self,
        answer: Answer<Result<T, StoreError>>,
    ) -> Answer<Result<T, StoreError>> {
        match self.mood {
            Mood::Answers => Answer::later(answer),
            Mood::AtOnce => answer,
            Mood::Fails => Answer::later(ready(Err(StoreError::plain("connection reset")))),
            Mood::Hangs => Answer::later(std::future::pending()),
        }
    }
}

impl RateStore for Away {
    fn take(&self, takes: &[Take]) -> Answer<Result<Taken, StoreError>> {
        self.send(self.store.take(takes))
    }

    fn refund(&self, refunds: &[Refund]) -> Answer<Result<(), StoreError>> {
        self.send(self.store.refund(refunds))
    }

    fn failures(&self, key: &RateKey) -> Answer<Result<u32, StoreError>> {
        self.send(self.store.failures(key))
    }

    fn record_failure(
        &self,
        key: &RateKey,
        cap: u32,
        ttl: Duration,
    ) -> Answer<Result<Counted, StoreError>> {
        self.send(self.store.record_failure(key, cap, ttl))
    }

    fn clear(&self, keys: &[RateKey]) -> Answer<Result<(), StoreError>> {
        self.send(self.store.clear(keys))
    }
}

/// Seven in a minute, by address.
pub(super) fn layer_over(store: Arc<Away>, on_failure: OnStoreFailure) -> RateLimitLayer {
    let clock = store.clock.clone();
    let limiter = over(store, &clock).with_on_store_failure(on_failure);
    RateLimitLayer::new(limiter, ClientPolicy::direct())
        .add_rule(RateRule::by_address(strict("address", 7)))
        .unwrap()
}

#[test]
fn a_decision_that_has_to_be_waited_for_is_the_same() {
    let setup = Setup::new(&layer_over(Away::answering(), OnStoreFailure::Reject));
    for _ in 0..7 {
        assert!(setup.passes(from(HOME)));
    }
    assert!(!setup.passes(from(HOME)));
    assert!(!setup.passes(from(HOME)), "from memory");
}

#[test]
fn a_refund_that_has_to_be_waited_for_is_made_before_the_response() {
    let store = Away::answering();
    let limiter = over(store.clone(), &store.clock);
    let rule = RateRule::by_address(strict("login", 1)).failures_only();
    let layer = RateLimitLayer::new(limiter, ClientPolicy::direct())
        .add_rule(rule)
        .unwrap();
    let setup = Setup::new(&layer);
    for _ in 0..5 {
        assert!(setup.passes(from(HOME)));
    }
}

#[test]
fn a_dead_store_is_what_was_chosen() {
    let reject = Setup::new(&layer_over(Away::of(Mood::Fails), OnStoreFailure::Reject));
    for _ in 0..10 {
        let refused = reject.send(from(HOME));
        assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
        let wait: u32 = refused.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        assert!((1..=5).contains(&wait));
    }
    let admit = Setup::new(&layer_over(Away::of(Mood::Fails), OnStoreFailure::Admit));
    assert!((0..20).all(|_| admit.passes(from(HOME))));

    let local = Setup::new(&layer_over(
        Away::of(Mood::Fails),
        OnStoreFailure::LocalFallback,
    ));
    let passed = (0..20).filter(|_| local.passes(from(HOME)));
    assert_eq!(passed.count(), 7);
}

#[test]
fn a_hanging_store_holds_a_request_for_the_deadline_and_then_none() {
    let store = Away::of(Mood::Hangs);
    let clock = store.clock.clone();
    let setup = Setup::new(&layer_over(store, OnStoreFailure::Reject));
    for _ in 0..5 {
        let mut response = spawn(setup.service.clone().oneshot(from(HOME)));
        assert_pending!(response.poll());
        clock.advance(Duration::from_millis(50));
        assert!(response.is_woken());
        assert_eq!(assert_ready_ok!(response.poll()).status(), 503);
    }
    let refused = assert_ready!(spawn(setup.service.clone().oneshot(from(HOME))).poll());
    assert_eq!(
        refused.unwrap().status(),
        503,
        "the breaker is open: at once"
    );
    assert_eq!(setup.calls.load(Ordering::SeqCst), 0);
}

#[test]
fn degraded_fields_are_left_out() {
    let store = Away::of(Mood::Fails);
    let clock = store.clock.clone();
    let limiter = over(store, &clock);
    let layer = RateLimitLayer::new(limiter, ClientPolicy::direct())
        .add_rule(RateRule::by_address(strict("address", 1).exposed()))
        .unwrap()
        .with_rate_limit_fields();
    let setup = Setup::new(&layer);
    for _ in 0..2 {
        let response = setup.send(from(HOME));
        assert!(!response.headers().contains_key("ratelimit"));
        assert!(!response.headers().contains_key("ratelimit-policy"));
    }
}

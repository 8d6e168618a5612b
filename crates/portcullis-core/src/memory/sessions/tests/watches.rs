use std::{
    sync::atomic::AtomicUsize,
    task::{Context, Poll, Wake},
};

use super::*;

#[derive(Default)]
struct Counter(AtomicUsize);

impl Wake for Counter {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// A watch that has been polled once, and how often it was woken.
struct Waiting {
    watch: BoxFuture<()>,
    woken: Arc<Counter>,
}

impl Waiting {
    fn on(test: &Fixture, token: &TokenFacts<'_>) -> Self {
        Self {
            watch: test.store.watch(token).expect("memory tells"),
            woken: Arc::default(),
        }
    }

    fn is_over(&mut self) -> bool {
        let waker = Waker::from(self.woken.clone());
        self.watch.as_mut().poll(&mut Context::from_waker(&waker)) == Poll::Ready(())
    }

    /// Checks that `end` wakes the watch before it returns.
    #[track_caller]
    fn ends_within(mut self, end: impl FnOnce()) {
        assert!(!self.is_over());
        end();
        assert_eq!(self.woken.0.load(Ordering::Relaxed), 1);
        assert!(self.is_over());
    }
}

#[test]
fn every_revocation_wakes_its_watch_before_it_answers() {
    let test = Fixture::new();
    for sid in ["a", "b", "c"] {
        test.open("ann", sid);
    }
    Waiting::on(&test, &token("ann", "a", 0)).ends_within(|| {
        let _ = test.revoke("ann", "a").expect("known");
    });
    Waiting::on(&test, &token("ann", "b", 0)).ends_within(|| {
        test.rotate("ann", "b", 2);
        test.rotate("ann", "b", 0);
    });
    Waiting::on(&test, &token("ann", "c", 0)).ends_within(|| {
        let _ = test.revoke_all("ann").expect("there is room");
    });
    Waiting::on(&test, &django_token("bob", 0)).ends_within(|| {
        let until = Timestamp::from_millis(START + 300_000);
        let _ = taken(test.store.deny("bob", "django-jti", until)).expect("there is room");
    });
    assert_eq!(test.store.locked().watches.len(), 0);
}

#[test]
fn an_eviction_wakes_the_watch_of_the_oldest_session() {
    let test = Fixture::new();
    for (at, sid) in [(0, "a"), (1, "b"), (2, "c")] {
        test.at(at).open("ann", sid);
    }
    Waiting::on(&test, &token("ann", "a", 0)).ends_within(|| {
        test.at(3).open("ann", "d");
    });
}

#[test]
fn a_watch_sleeps_through_what_concerns_others() {
    let test = Fixture::new();
    for sid in ["a", "b"] {
        test.open("ann", sid);
    }
    let mut waiting = Waiting::on(&test, &token("ann", "a", 0));
    assert!(!waiting.is_over());
    let _ = test.revoke("ann", "b").expect("known");
    let _ = test.revoke_all("bob").expect("there is room");
    test.rotate("ann", "a", 0);
    assert_eq!(waiting.woken.0.load(Ordering::Relaxed), 0);
    assert!(!waiting.is_over());
}

#[test]
fn a_watch_on_a_revoked_token_is_over_at_once() {
    let test = Fixture::new();
    test.open("ann", "a");
    let _ = test.revoke("ann", "a").expect("known");
    assert!(Waiting::on(&test, &token("ann", "a", 0)).is_over());
}

#[test]
fn a_dropped_watch_leaves_nothing() {
    let test = Fixture::new();
    test.open("ann", "a");
    for _ in 0..100 {
        let mut waiting = Waiting::on(&test, &token("ann", "a", 0));
        assert!(!waiting.is_over());
    }
    drop(test.store.watch(&token("bob", "b", 0)));
    assert_eq!(test.store.locked().watches.len(), 0);
    assert_eq!(test.store.entries(), 1);
}

#[test]
fn a_watch_too_many_ends_at_once() {
    let mut test = Fixture::new();
    test.store = test.store.with_max_watches(1);
    let mut first = Waiting::on(&test, &token("ann", "a", 0));
    assert!(!first.is_over());
    assert!(Waiting::on(&test, &token("ann", "b", 0)).is_over());
    drop(first);
    assert!(!Waiting::on(&test, &token("ann", "b", 0)).is_over());
}

/// A task that uses the store as it is woken, as a server's may.
struct Nested(Arc<MemorySessions>);

impl Wake for Nested {
    fn wake(self: Arc<Self>) {
        assert!(taken(self.0.is_revoked(&token("ann", "a", 0))).expect("memory answers"));
    }
}

#[test]
fn a_woken_task_may_use_the_store() {
    let test = Fixture::new();
    test.open("ann", "a");
    let store = Arc::new(test.store);
    let mut watch = store.watch(&token("ann", "a", 0)).expect("memory tells");
    let waker = Waker::from(Arc::new(Nested(store.clone())));
    assert!(
        watch
            .as_mut()
            .poll(&mut Context::from_waker(&waker))
            .is_pending()
    );
    let _ = taken(store.revoke("ann", "a", RevokeReason::Logout, &POLICY)).expect("known");
}

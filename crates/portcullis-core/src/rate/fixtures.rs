//! What the tests of limits share: a clock moved by hand, a store far away.

use std::{
    future::{Future, pending, poll_fn},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Counted, RateKey, RateStore, Refund, Take, Taken};
use crate::{
    answer::{Answer, BoxFuture},
    clock::{Clock, Timestamp},
    memory::MemoryRateStore,
    store::StoreError,
};

/// A clock that stands where a test puts it. Sleepers end when they are polled past their time.
#[derive(Clone, Debug)]
pub(crate) struct Hands(Arc<AtomicU64>);

impl Hands {
    pub(crate) const START: Timestamp = Timestamp::from_secs(1_700_000_000);

    pub(crate) fn new() -> Self {
        Self(Arc::new(AtomicU64::new(Self::START.as_micros())))
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.set(self.now() + span);
    }

    pub(crate) fn set(&self, now: Timestamp) {
        self.0.store(now.as_micros(), Ordering::SeqCst);
    }

    pub(crate) fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
}

impl Clock for Hands {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    fn sleep_until(&self, deadline: Timestamp) -> BoxFuture<()> {
        let clock = self.clone();
        Box::pin(poll_fn(move |_| {
            if clock.now() >= deadline {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }))
    }
}

/// The value of an answer that must not be pending.
#[track_caller]
pub(crate) fn now<T>(answer: Answer<T>) -> T {
    answer
        .into_now()
        .unwrap_or_else(|_| panic!("a memory store answers at once"))
}

/// Polls `future` once.
pub(crate) fn poll_once<T>(future: impl Future<Output = T>) -> Poll<T> {
    pin!(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// The value of an answer that a store gives after one round trip.
#[track_caller]
pub(crate) fn told<T>(answer: Answer<T>) -> T {
    match poll_once(answer) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("still pending"),
    }
}

/// How a [`Remote`] behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Mood {
    Answers,
    Fails,
    Hangs,
}

/// A memory store behind a network: every answer has to be polled for.
#[derive(Debug)]
pub(crate) struct Remote {
    store: MemoryRateStore,
    mood: Mutex<Mood>,
    trips: AtomicU32,
}

impl Remote {
    pub(crate) fn new(clock: &Hands) -> Arc<Self> {
        Arc::new(Self {
            store: MemoryRateStore::new(clock.shared()),
            mood: Mutex::new(Mood::Answers),
            trips: AtomicU32::new(0),
        })
    }

    pub(crate) fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How often the store has been asked.
    pub(crate) fn trips(&self) -> u32 {
        self.trips.load(Ordering::SeqCst)
    }

    fn send<T: Send + 'static>(
        &self,
        answer: Answer<Result<T, StoreError>>,
    ) -> Answer<Result<T, StoreError>> {
        self.trips.fetch_add(1, Ordering::SeqCst);
        match *self.mood.lock().unwrap() {
            Mood::Answers => Answer::later(answer),
            Mood::Fails => Answer::later(async { Err(StoreError::plain("connection reset")) }),
            Mood::Hangs => Answer::later(pending()),
        }
    }
}

impl RateStore for Remote {
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

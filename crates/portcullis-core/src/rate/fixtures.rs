//! What the tests of limits share: a clock moved by hand.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crate::{
    answer::{Answer, BoxFuture},
    clock::{Clock, Timestamp},
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
        Box::pin(std::future::poll_fn(move |_| {
            if clock.now() >= deadline {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
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

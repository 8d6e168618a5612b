//! What a store shows to the suites that test it.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::Thread,
};

use portcullis_core::{
    Answer,
    clock::{Clock, Timestamp},
    memory::MemorySessions,
    rotation::Verdict,
    store::{Blacklist, FamilyStore, Revocations},
};

use crate::ManualClock;

/// A fresh, empty store, and the hand on its clock.
///
/// The three ports are those of one store: what one writes, the others see.
pub trait Harness {
    /// The refresh families.
    fn families(&self) -> &dyn FamilyStore;

    /// The revocations.
    fn revocations(&self) -> &dyn Revocations;

    /// The blacklist.
    fn blacklist(&self) -> &dyn Blacklist;

    /// The store's present.
    fn now(&self) -> Timestamp;

    /// Sets the store's clock, which may go back; ends once the store shows that time, and has
    /// forgotten what expired before it.
    fn set(&self, now: Timestamp) -> Answer<()>;

    /// Whether the store's verdict is as good as the model's. Equal, unless the store says of
    /// itself that it may give another reason.
    fn agrees(&self, store: &Verdict, model: &Verdict) -> bool {
        store == model
    }

    /// Keeps a copy of all that the store holds, instead of an earlier copy; false from a store
    /// that cannot, as one in memory, which nothing rolls back.
    fn save(&self) -> Answer<bool> {
        Answer::now(false)
    }

    /// Puts the copy in the place of all that the store holds, as a failover to a late replica
    /// does; the clock stays. To be called after a [`save`](Self::save) that told true.
    fn roll_back(&self) -> Answer<()> {
        Answer::now(())
    }
}

/// The memory store on a [`ManualClock`].
///
/// # Example
///
/// ```
/// use portcullis_testkit::{Harness, MemoryHarness};
/// use std::time::Duration;
///
/// let memory = MemoryHarness::new();
/// let later = memory.now() + Duration::from_secs(5);
/// memory.set(later).into_now().unwrap();
/// assert_eq!(memory.now(), later);
/// ```
#[derive(Debug)]
pub struct MemoryHarness {
    clock: ManualClock,
    store: MemorySessions,
}

impl MemoryHarness {
    /// An empty store.
    pub fn new() -> Self {
        let clock = ManualClock::default();
        Self {
            store: MemorySessions::new(Arc::new(clock.clone())),
            clock,
        }
    }

    /// The store itself.
    pub const fn store(&self) -> &MemorySessions {
        &self.store
    }
}

impl Default for MemoryHarness {
    fn default() -> Self {
        Self::new()
    }
}

impl Harness for MemoryHarness {
    fn families(&self) -> &dyn FamilyStore {
        &self.store
    }

    fn revocations(&self) -> &dyn Revocations {
        &self.store
    }

    fn blacklist(&self) -> &dyn Blacklist {
        &self.store
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn set(&self, now: Timestamp) -> Answer<()> {
        self.clock.set(now);
        // The store forgets a few entries per step: take steps until it has come to rest.
        loop {
            let before = self.store.entries();
            drop(self.store.list("nobody").into_now());
            if self.store.entries() == before {
                return Answer::now(());
            }
        }
    }
}

/// Runs `future` to its end on this thread.
///
/// For futures that need no runtime: those of memory stores.
///
/// ```
/// assert_eq!(portcullis_testkit::block_on(async { 7 }), 7);
/// ```
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => std::thread::park(),
        }
    }
}

/// Runs `answers` side by side, and gives their values in order.
pub(crate) async fn join<T>(answers: Vec<Answer<T>>) -> Vec<T> {
    let mut running: Vec<Result<T, Answer<T>>> = answers.into_iter().map(Err).collect();
    poll_fn(|context| {
        for slot in &mut running {
            if let Err(answer) = slot
                && let Poll::Ready(value) = pin!(answer).poll(context)
            {
                *slot = Ok(value);
            }
        }
        if running.iter().any(Result::is_err) {
            return Poll::Pending;
        }
        Poll::Ready(running.drain(..).filter_map(Result::ok).collect())
    })
    .await
}

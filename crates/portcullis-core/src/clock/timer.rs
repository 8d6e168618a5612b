//! Wakes sleepers from one thread, so that the core needs no async runtime.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    future::Future,
    pin::Pin,
    sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    time::Duration,
};

use super::{Clock, SystemClock, Timestamp};

/// The longest wait before the thread looks at the clock again: a system clock that was set
/// forward (or a machine that slept) is noticed within this time.
const RECHECK: Duration = Duration::from_millis(500);

/// A future that ends at a deadline.
pub(super) struct Sleep {
    deadline: Timestamp,
    /// Shared with the timer thread; dropped by it once the deadline has passed.
    waker: Option<Arc<Mutex<Option<Waker>>>>,
}

impl Sleep {
    pub(super) fn new(deadline: Timestamp) -> Self {
        Self {
            deadline,
            waker: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if SystemClock.now() >= self.deadline {
            return Poll::Ready(());
        }
        let deadline = self.deadline;
        if let Some(slot) = &self.waker {
            *lock(slot) = Some(cx.waker().clone());
        } else {
            let slot = Arc::new(Mutex::new(Some(cx.waker().clone())));
            self.waker = Some(slot.clone());
            Timer::get().add(deadline, slot);
        }
        // The deadline may have passed, and the thread may have looked, before the waker was there.
        if SystemClock.now() >= deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(slot) = &self.waker {
            // The entry stays in the heap until a sweep or its time, but holds no task alive.
            lock(slot).take();
        }
    }
}

struct Timer {
    entries: Mutex<Entries>,
    added: Condvar,
}

#[derive(Default)]
struct Entries {
    heap: BinaryHeap<Reverse<Entry>>,
    /// The size at which entries of dropped sleepers are swept out next.
    sweep_at: usize,
}

impl Entries {
    /// Adds an entry; now and then drops those whose sleeper is gone, so that a million short
    /// streams with far deadlines leave nothing behind.
    fn push(&mut self, entry: Entry) {
        if self.heap.len() >= self.sweep_at {
            self.heap
                .retain(|Reverse(entry)| Arc::strong_count(&entry.slot) > 1);
            self.sweep_at = (self.heap.len() * 2).max(64);
        }
        self.heap.push(Reverse(entry));
    }
}

struct Entry {
    deadline: Timestamp,
    slot: Arc<Mutex<Option<Waker>>>,
}

impl Timer {
    fn get() -> &'static Self {
        static TIMER: OnceLock<Timer> = OnceLock::new();
        static THREAD: OnceLock<()> = OnceLock::new();
        let timer = TIMER.get_or_init(|| Timer {
            entries: Mutex::new(Entries::default()),
            added: Condvar::new(),
        });
        THREAD.get_or_init(|| {
            std::thread::Builder::new()
                .name("portcullis-timer".into())
                .spawn(|| timer.run())
                .expect("the system refuses to start a thread");
        });
        timer
    }

    fn add(&self, deadline: Timestamp, slot: Arc<Mutex<Option<Waker>>>) {
        lock(&self.entries).push(Entry { deadline, slot });
        self.added.notify_one();
    }

    fn run(&self) {
        let mut entries = lock(&self.entries);
        loop {
            let now = SystemClock.now();
            while entries
                .heap
                .peek()
                .is_some_and(|Reverse(entry)| entry.deadline <= now)
            {
                let Some(Reverse(entry)) = entries.heap.pop() else {
                    break;
                };
                if let Some(waker) = lock(&entry.slot).take() {
                    waker.wake();
                }
            }
            let wait = entries
                .heap
                .peek()
                .map(|Reverse(entry)| entry.deadline.since(now).min(RECHECK));
            entries = match wait {
                Some(wait) => {
                    self.added
                        .wait_timeout(entries, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
                None => self
                    .added
                    .wait(entries)
                    .unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// A waker that panics must not take every other sleeper with it.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.deadline.cmp(&other.deadline)
    }
}

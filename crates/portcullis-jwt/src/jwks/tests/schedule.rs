//! When fetches start, by the task's own account: no server, and so no waiting for one.

use std::{collections::VecDeque, sync::Mutex};

use tokio::time::Instant;

use super::*;
use crate::jwks::fetch::Fetch;

/// Answers at once with what is next in line, then with the same good document for ever.
#[derive(Clone, Default)]
struct Script {
    started: Arc<Mutex<Vec<Instant>>>,
    answers: Arc<Mutex<VecDeque<FetchError>>>,
}

impl Fetch for Script {
    async fn fetch(&self) -> Result<Vec<u8>, FetchError> {
        self.started.lock().unwrap().push(Instant::now());
        let failure = self.answers.lock().unwrap().pop_front();
        failure.map_or_else(|| Ok(document(ed("a")).into_bytes()), Err)
    }
}

/// A task under way, and a reader whose tokens tell it of unknown names.
struct Run {
    script: Script,
    reader: TokenReader,
    began: Instant,
    task: JoinHandle<()>,
}

impl Run {
    async fn new(failures: impl IntoIterator<Item = FetchError>) -> Self {
        let script = Script::default();
        script.answers.lock().unwrap().extend(failures);
        let ring = KeyRing::new(KeySet::empty());
        let task = Task {
            fetcher: script.clone(),
            ring: ring.clone(),
            rsa: Algorithm::Rs256,
            interval: Duration::from_secs(300),
            audit: None,
            progress: watch::channel(Progress::default()).0,
            good: None,
        };
        let run = Self {
            script,
            reader: TokenReader::new(ring),
            began: Instant::now(),
            task: tokio::spawn(task.run()),
        };
        settle().await;
        run
    }

    /// Lets `secs` pass, a second at a time, with `flood` unknown names in each of them.
    async fn pass(&self, secs: u64, flood: usize) {
        for second in 0..secs {
            for n in 0..flood {
                let stranger = token_named(&format!("{second}-{n}"));
                let read = self.reader.read_access::<()>(stranger.as_bytes(), NOW);
                assert!(read.is_err());
            }
            settle().await;
            advance(Duration::from_secs(1)).await;
            settle().await;
        }
    }

    /// When the fetches started, in seconds.
    fn started(&self) -> Vec<u64> {
        let started = self.script.started.lock().unwrap();
        let seconds = started.iter().map(|at| (*at - self.began).as_secs());
        seconds.collect()
    }
}

/// Gives the task the few turns that it takes to wake up, fetch and wait again.
async fn settle() {
    for _ in 0..8 {
        tokio::task::yield_now().await;
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test(start_paused = true)]
async fn without_unknown_names_the_interval_alone_counts() {
    let run = Run::new([]).await;
    run.pass(620, 0).await;
    assert_eq!(run.started(), [0, 300, 600]);
}

#[tokio::test(start_paused = true)]
async fn unknown_names_never_bring_two_fetches_within_thirty_seconds() {
    let run = Run::new([]).await;
    run.pass(301, 40).await;
    let started = run.started();
    assert_eq!(started.len(), 11, "{started:?}");
    for pair in started.windows(2) {
        let gap = pair[1] - pair[0];
        assert!((30..=31).contains(&gap), "{started:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn one_unknown_name_is_asked_for_as_soon_as_the_gap_allows_and_not_again() {
    let run = Run::new([]).await;
    run.pass(100, 0).await;
    run.pass(1, 1).await;
    run.pass(250, 0).await;
    assert_eq!(
        run.started(),
        [0, 100],
        "the next one is 300 s after the second"
    );
    run.pass(50, 0).await;
    assert_eq!(run.started(), [0, 100, 400]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_tried_again_after_the_gap() {
    let run = Run::new([FetchError::Deadline, FetchError::Status(503)]).await;
    run.pass(361, 0).await;
    assert_eq!(run.started(), [0, 30, 60, 360]);
}

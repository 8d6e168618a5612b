//! Lets what is under way come to its end when the service stops.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;

/// How long streams may go on after a stop was asked for.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Tells everybody that the service stops, and waits for their work.
#[derive(Clone, Debug)]
pub struct Drain(Arc<watch::Sender<bool>>);

/// A piece of work that a stop waits for, until it is dropped.
#[derive(Clone, Debug)]
pub struct Work(watch::Receiver<bool>);

impl Drain {
    /// A service that goes on.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// A piece of work to wait for.
    pub fn work(&self) -> Work {
        Work(self.0.subscribe())
    }

    /// Tells everybody to come to an end.
    pub fn stop(&self) {
        self.0.send_replace(true);
    }

    /// Ends when no work is left.
    pub async fn idle(&self) {
        self.0.closed().await;
    }
}

impl Default for Drain {
    fn default() -> Self {
        Self::new()
    }
}

impl Work {
    /// Ends when the service stops.
    pub async fn stopping(&self) {
        let mut receiver = self.0.clone();
        let _ = receiver.wait_for(|stopping| *stopping).await; // gone is stopped too
    }
}

//! Fetches the keys that another server publishes, and keeps them fresh in the background.
//!
//! | the server | what happens |
//! |---|---|
//! | answers with a JWKS document | its keys replace the last ones |
//! | is slow, gone, redirects, sends too much | the last good keys stay; the next try is in 30 s |
//! | sends a set that cannot be trusted | the whole set is refused, the last good keys stay |
//! | has sent no good set for 24 hours | the keys are dropped: every token is refused |
//!
//! No request waits for any of this. A token that names an unknown key is refused at once, and
//! the set is fetched then, but never sooner than 30 s after the fetch before: whoever invents
//! names makes us ask twice a minute at most, and within those 30 s the last answer, that there is
//! no such key, stands for every name. A server that publishes a key a refresh interval before it
//! signs with it never has a token refused.
//!
//! Time is tokio's, which counts on when somebody sets the clock of the system.
//!
//! # Example
//!
//! ```
//! use portcullis_jwt::jwks::RemoteJwks;
//! use std::time::Duration;
//!
//! let remote = RemoteJwks::new("https://login.example/.well-known/jwks.json")?
//!     .with_refresh_interval(Duration::from_secs(600))?;
//!
//! let plain = RemoteJwks::new("http://login.example/.well-known/jwks.json");
//! assert!(plain.is_err(), "anybody on the way could choose the keys");
//! # Ok::<_, portcullis_jwt::jwks::JwksError>(())
//! ```
//!
//! Running, until the handle is dropped:
//!
//! ```no_run
//! use portcullis_jwt::{TokenReader, jwks::RemoteJwks};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let keys = RemoteJwks::new("https://login.example/.well-known/jwks.json")?.start()?;
//! keys.ready().await?; // or go on without: tokens are refused until there are keys
//! let reader = TokenReader::new(keys.keys().clone());
//! # Ok(()) }
//! ```

use std::{fmt, sync::Arc, time::Duration};

use portcullis_core::{audit::AuditSink, clock::Clock};
use reqwest::Certificate;
use tokio::{runtime::Handle, sync::watch, task::JoinHandle};

use crate::{
    algorithm::Algorithm,
    ring::{KeyRing, KeySet},
};

mod address;
mod error;
mod fetch;
mod task;
#[cfg(test)]
mod tests;

use address::Address;
pub use error::{FetchError, JwksError};
use fetch::Fetcher;
use task::{Audit, Progress, Task};

/// How far apart two fetches start, whatever the tokens name.
pub const MIN_GAP: Duration = Duration::from_secs(30);

/// How long the last good keys serve while no fetch succeeds.
pub const MAX_STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long one fetch may take, from the name lookup to the last byte.
pub const DEADLINE: Duration = Duration::from_secs(5);

const MAX_INTERVAL: Duration = Duration::from_secs(12 * 60 * 60);

/// A JWKS document on another server, not fetched yet.
///
/// See the [module docs](self) for an example.
#[derive(Clone)]
#[must_use]
pub struct RemoteJwks {
    address: Address,
    rsa: Algorithm,
    interval: Duration,
    roots: Vec<Certificate>,
    audit: Option<Audit>,
}

impl RemoteJwks {
    /// The document at `address`, fetched every five minutes; RSA keys that name no algorithm are
    /// for RS256.
    ///
    /// No proxy is used, whatever the environment says, and no redirect is followed.
    ///
    /// # Errors
    ///
    /// [`JwksError`] unless `address` is `https://…`, or `http://…` on a loopback address, without
    /// credentials and fragment.
    pub fn new(address: &str) -> Result<Self, JwksError> {
        Ok(Self {
            address: Address::parse(address)?,
            rsa: Algorithm::Rs256,
            interval: Duration::from_secs(300),
            roots: Vec::new(),
            audit: None,
        })
    }

    /// Takes RSA keys that name no algorithm for keys of `algorithm`.
    ///
    /// # Errors
    ///
    /// [`JwksError`] for what is neither RS256, RS384, RS512 nor PS256, PS384, PS512.
    pub fn with_rsa_algorithm(self, algorithm: Algorithm) -> Result<Self, JwksError> {
        match algorithm.name().as_bytes() {
            [b'R' | b'P', b'S', ..] => Ok(Self {
                rsa: algorithm,
                ..self
            }),
            _ => Err(JwksError::new(
                "algorithm of RSA keys",
                algorithm.name(),
                "RS256, RS384, RS512, PS256, PS384 or PS512",
            )),
        }
    }

    /// Fetches the document once every `interval`.
    ///
    /// # Errors
    ///
    /// [`JwksError`] unless `interval` is from 30 seconds to 12 hours.
    pub fn with_refresh_interval(self, interval: Duration) -> Result<Self, JwksError> {
        if (MIN_GAP..=MAX_INTERVAL).contains(&interval) {
            Ok(Self { interval, ..self })
        } else {
            Err(JwksError::new(
                "refresh interval",
                format_args!("{interval:?}"),
                "30 s to 12 h",
            ))
        }
    }

    /// Trusts the certificates in `pem`, and no others, to vouch for the server.
    ///
    /// For a server whose certificate comes from an authority of your own. Without it the system's
    /// authorities are trusted.
    ///
    /// # Errors
    ///
    /// [`JwksError`] unless `pem` holds at least one certificate (RFC 7468).
    ///
    /// ```
    /// use portcullis_jwt::jwks::RemoteJwks;
    ///
    /// let remote = RemoteJwks::new("https://login.example/.well-known/jwks.json")?;
    /// let refused = remote.with_root_certificates(b"not a certificate").unwrap_err();
    /// assert!(refused.to_string().contains("BEGIN CERTIFICATE"));
    /// # Ok::<_, portcullis_jwt::jwks::JwksError>(())
    /// ```
    pub fn with_root_certificates(self, pem: &[u8]) -> Result<Self, JwksError> {
        match Certificate::from_pem_bundle(pem) {
            Ok(roots) if !roots.is_empty() => Ok(Self { roots, ..self }),
            _ => Err(JwksError::new(
                "root certificates",
                "no certificate",
                "PEM with -----BEGIN CERTIFICATE-----",
            )),
        }
    }

    /// Reports changed keys and failed fetches to `sink`, with the time of `clock`.
    pub fn with_audit(self, sink: Arc<dyn AuditSink>, clock: Arc<dyn Clock>) -> Self {
        Self {
            audit: Some(Audit { sink, clock }),
            ..self
        }
    }

    /// Starts fetching, on the tokio runtime of the caller, until the handle is dropped.
    ///
    /// The ring of the handle has no keys before the first fetch has succeeded.
    ///
    /// # Errors
    ///
    /// [`JwksError`] outside a tokio runtime, and when the root certificates cannot be used.
    pub fn start(self) -> Result<JwksRefresh, JwksError> {
        let runtime = Handle::try_current()
            .map_err(|_| JwksError::new("place of the call", "no runtime", "a tokio runtime"))?;
        let keys = KeyRing::new(KeySet::empty());
        let (report, progress) = watch::channel(Progress::default());
        let task = Task {
            fetcher: Fetcher::new(self.address, self.roots)?,
            ring: keys.clone(),
            rsa: self.rsa,
            interval: self.interval,
            audit: self.audit,
            progress: report,
            good: None,
        };
        Ok(JwksRefresh {
            keys,
            progress,
            task: runtime.spawn(task.run()),
        })
    }
}

impl fmt::Debug for RemoteJwks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteJwks")
            .field("address", &self.address)
            .field("rsa", &self.rsa)
            .field("interval", &self.interval)
            .finish_non_exhaustive()
    }
}

/// A running refresh. Dropping it ends the refresh and drops the keys.
///
/// # Security
///
/// Nobody vouches for keys that are no longer fetched, so without the handle every token is
/// refused: keep it as long as the server runs.
#[must_use]
pub struct JwksRefresh {
    keys: KeyRing,
    progress: watch::Receiver<Progress>,
    task: JoinHandle<()>,
}

impl JwksRefresh {
    /// The ring that is kept fresh, for a [`TokenReader`](crate::TokenReader).
    pub const fn keys(&self) -> &KeyRing {
        &self.keys
    }

    /// Waits for the first fetch, at most its five seconds.
    ///
    /// # Errors
    ///
    /// [`FetchError`] when there are no keys after it. The refresh goes on all the same.
    pub async fn ready(&self) -> Result<(), FetchError> {
        let mut progress = self.progress.clone();
        let first = progress.wait_for(|progress| progress.attempts > 0).await;
        let progress = first.map_err(|_| FetchError::Stopped)?;
        match &progress.failure {
            Some(failure) if !progress.has_keys => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// Why the last fetch failed; `None` when it did not, for a health check.
    pub fn last_failure(&self) -> Option<FetchError> {
        self.progress.borrow().failure.clone()
    }

    /// Ends the refresh, drops the keys, and returns when that is done.
    pub async fn stop(mut self) {
        self.task.abort();
        // An error says that it was ended, which is what was asked for.
        (&mut self.task).await.unwrap_or_default();
    }
}

impl Drop for JwksRefresh {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for JwksRefresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwksRefresh")
            .field("keys", &self.keys)
            .field("progress", &*self.progress.borrow())
            .finish_non_exhaustive()
    }
}

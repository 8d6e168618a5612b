//! Hashes and verifies passwords, on few threads and in a time that does not tell who exists.
//!
//! New hashes are Argon2id, written as Django writes them. `pbkdf2_sha256$…` and `argon2$…` from
//! Django verify too. For a name that nobody has, a hash is computed all the same: which scheme
//! and cost is drawn by a keyed hash of the name from those that occur among the users, so that a
//! name keeps its cost from one try to the next, like a real one.

use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use hmac::{Hmac, KeyInit, Mac};
use portcullis_core::{Secret, random::RandomError};
use sha2::Sha256;
use tokio::sync::{Semaphore, TryAcquireError};

mod encoded;

#[cfg(test)]
mod tests;

use encoded::{Cost, Encoded};

/// The longest password, in bytes: no hash is computed for a longer one.
pub const MAX_BYTES: usize = 1024;

/// How many may wait for a hash besides those being computed.
const MAX_WAITING: usize = 64;

/// The pool of hashing threads, and the costs that occur among the users.
#[derive(Clone, Debug)]
pub struct Passwords(Arc<Inner>);

struct Inner {
    key: Hmac<Sha256>,
    costs: RwLock<Vec<Cost>>,
    admitted: Arc<Semaphore>,
    running: Arc<Semaphore>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Passwords").finish_non_exhaustive()
    }
}

/// Why no verdict was reached.
#[derive(Debug)]
#[non_exhaustive]
pub enum PasswordError {
    /// Too many are waiting already: 503.
    Busy,
    /// A password longer than [`MAX_BYTES`], or a hashing thread that died.
    Failed,
    /// No random salt was to be had.
    Random(RandomError),
}

impl fmt::Display for PasswordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Busy => f.write_str("too many passwords are being checked"),
            Self::Failed => f.write_str("the password could not be hashed"),
            Self::Random(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PasswordError {}

impl Passwords {
    /// A pool with one place for each processor. `key` decides the costs of names that nobody
    /// has: processes that serve the same users share it.
    pub fn new(key: &Secret) -> Self {
        let places = std::thread::available_parallelism().map_or(1, usize::from);
        Self::with_places(key, places)
    }

    fn with_places(key: &Secret, places: usize) -> Self {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(key.expose()).expect("HMAC takes a key of any length");
        mac.update(b"portcullis-chat/v1/unknown-user\0");
        Self(Arc::new(Inner {
            key: mac,
            costs: RwLock::new(Vec::new()),
            admitted: Arc::new(Semaphore::new(places + MAX_WAITING)),
            running: Arc::new(Semaphore::new(places)),
        }))
    }

    /// Learns the costs that occur among `hashes`, the encoded hashes of all users.
    pub fn learn_costs<'a>(&self, hashes: impl IntoIterator<Item = &'a str>) {
        let mut costs: Vec<Cost> = hashes
            .into_iter()
            .filter_map(Encoded::parse)
            .map(|encoded| encoded.cost)
            .collect();
        costs.sort_unstable();
        *self.0.costs.write().unwrap_or_else(PoisonError::into_inner) = costs;
    }

    /// The encoded Argon2id hash of `password`, with a random salt.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when the pool is full, the password too long, or no salt to be had.
    pub async fn hash(&self, password: &Secret) -> Result<String, PasswordError> {
        if password.expose().len() > MAX_BYTES {
            return Err(PasswordError::Failed);
        }
        let mut salt = [0; 16];
        portcullis_core::random::fill(&mut salt).map_err(PasswordError::Random)?;
        let password = password.clone();
        self.on_a_thread(move || Cost::NEW.derive(password.expose(), &salt, Cost::LEN))
            .await?
            .map(|digest| encoded::write(&salt, &digest))
            .ok_or(PasswordError::Failed)
    }

    /// Whether `password` is the one that `stored` was made from; always `false`, and as slow, when
    /// `stored` is none or nobody's (Django's `!…`).
    ///
    /// `name` is the login name tried.
    ///
    /// # Errors
    ///
    /// [`PasswordError`] when the pool is full. The answer depends on the password alone when it
    /// is longer than [`MAX_BYTES`]: `false`, without a hash.
    pub async fn verify(
        &self,
        name: &str,
        stored: Option<&str>,
        password: &Secret,
    ) -> Result<bool, PasswordError> {
        if password.expose().len() > MAX_BYTES {
            return Ok(false);
        }
        let known = stored.and_then(Encoded::parse);
        let decoy = Encoded::decoy(self.cost_of(name));
        let exists = known.is_some();
        let encoded = known.unwrap_or(decoy);
        let password = password.clone();
        let equal = self
            .on_a_thread(move || encoded.verify(password.expose()))
            .await?;
        Ok(equal && exists)
    }

    /// The cost of a name that nobody has: each in proportion to the users who have it.
    fn cost_of(&self, name: &str) -> Cost {
        let mut mac = self.0.key.clone();
        mac.update(name.as_bytes());
        let digest = mac.finalize().into_bytes();
        let mut draw = [0; 8];
        draw.copy_from_slice(&digest[..8]);
        let costs = self.0.costs.read().unwrap_or_else(PoisonError::into_inner);
        // The position in the sorted list, so that one user more moves few names.
        let place = (u128::from(u64::from_be_bytes(draw)) * costs.len() as u128) >> 64;
        let place = usize::try_from(place).expect("less than the length of the list");
        costs.get(place).copied().unwrap_or(Cost::NEW)
    }

    async fn on_a_thread<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let admitted =
            self.0
                .admitted
                .clone()
                .try_acquire_owned()
                .map_err(|error| match error {
                    TryAcquireError::Closed => PasswordError::Failed,
                    TryAcquireError::NoPermits => PasswordError::Busy,
                })?;
        let running = self.0.running.clone().acquire_owned().await;
        let running = running.map_err(|_| PasswordError::Failed)?;
        // The permits go with the work: a client that hangs up does not make room for another.
        let permits = (admitted, running);
        let done = tokio::task::spawn_blocking(move || {
            let result = work();
            drop(permits);
            result
        });
        done.await.map_err(|_| PasswordError::Failed)
    }
}

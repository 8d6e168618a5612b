//! Remembers tokens that were verified, so that the same token again costs a lookup.
//!
//! A verification is found by the whole token, never by a digest alone, and is forgotten at `exp`,
//! at the end of the session, and when the keys change. Revocation is none of its business: who
//! uses it asks about that on every request.

use std::{
    collections::{HashMap, hash_map::RandomState},
    fmt,
    hash::{BuildHasher, Hasher},
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Duration,
};

use foldhash::{SharedSeed, quality::SeedableRandomState};
use portcullis_core::clock::{Clock, Timestamp};
use serde::de::DeserializeOwned;

use crate::{claims::AccessClaims, reader::TokenReader, rejection::TokenRejection};

#[cfg(test)]
mod tests;

/// How much memory the verifications of one reader may take, estimated from the tokens' lengths.
pub const MAX_CACHE_BYTES: usize = 16 * 1024 * 1024;

const SHARDS: usize = 64;

/// How many tokens a generation holds before its table has to grow: 1.5 KiB.
const ROOM: usize = 28;

/// More than a clock's cheaper instant is old.
const LAG: Duration = Duration::from_secs(1);

/// A generation of a shard: two of them, so half of its share.
const MAX_GENERATION_BYTES: usize = MAX_CACHE_BYTES / SHARDS / 2;

/// What every cache of the process hashes with, beside a seed of its own.
static SHARED_SEED: LazyLock<SharedSeed> = LazyLock::new(|| SharedSeed::from_u64(system_seed()));

/// Reads access tokens, each only once. Cloning is a counter, and clones share what they have read.
///
/// # Example
///
/// ```
/// use portcullis_core::{Secret, clock::Timestamp};
/// use portcullis_jwt::{CachedReader, KeyRing, Minter, TokenReader, TokenRejection};
/// use portcullis_jwt::mint::AccessParams;
/// use std::sync::Arc;
///
/// let keys = KeyRing::hs256(Secret::new([7; 32]))?;
/// let token = Minter::new(keys.clone()).mint_access(&AccessParams {
///     subject: "42",
///     jti: "0123456789abcdef0123456789abcdef",
///     issued_at: Timestamp::from_secs(1_700_000_000),
///     expires: Timestamp::from_secs(1_700_000_300),
///     session: None,
///     extra: None,
/// })?;
/// let reader = CachedReader::<()>::new(TokenReader::new(keys));
///
/// let first = reader.read(token.as_bytes(), Timestamp::from_secs(1_700_000_000))?;
/// let again = reader.read(token.as_bytes(), Timestamp::from_secs(1_700_000_299))?;
/// assert!(Arc::ptr_eq(&first, &again));
///
/// let late = reader.read(token.as_bytes(), Timestamp::from_secs(1_700_000_300));
/// assert_eq!(late.unwrap_err(), TokenRejection::Expired);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct CachedReader<C> {
    reader: TokenReader,
    cache: Option<Arc<Cache<C>>>,
}

struct Cache<C> {
    /// Seeded anew for every cache, so that nobody can choose tokens that meet in one slot.
    hasher: SeedableRandomState,
    shards: Box<[Mutex<Shard<C>>]>,
}

/// Two generations: the young one fills up, then replaces the old one, which is dropped whole.
struct Shard<C> {
    young: Generation<C>,
    old: Generation<C>,
}

struct Generation<C> {
    entries: HashMap<u64, Entry<C>, ByItself>,
    bytes: usize,
}

struct Entry<C> {
    token: Box<[u8]>,
    claims: Arc<AccessClaims<C>>,
    epoch: u64,
}

impl<C: DeserializeOwned> CachedReader<C> {
    /// Reads with `reader`, and remembers what it accepted.
    pub fn new(reader: TokenReader) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect();
        Self {
            reader,
            cache: Some(Arc::new(Cache {
                hasher: SeedableRandomState::with_seed(system_seed(), &SHARED_SEED),
                shards,
            })),
        }
    }

    /// Reads with `reader` every time.
    pub const fn uncached(reader: TokenReader) -> Self {
        Self {
            reader,
            cache: None,
        }
    }

    /// Reads an access token, as [`TokenReader::read_access`] does.
    ///
    /// # Errors
    ///
    /// [`TokenRejection`]; a refused token is not remembered.
    pub fn read(
        &self,
        token: &[u8],
        now: Timestamp,
    ) -> Result<Arc<AccessClaims<C>>, TokenRejection> {
        let Some(cache) = &self.cache else {
            return self.reader.read_access(token, now).map(Arc::new);
        };
        let hash = cache.hasher.hash_one(token);
        if let Some(claims) = cache.get(hash, token, self.reader.keys().epoch())
            && self.is_alive(&claims, now)
        {
            return Ok(claims);
        }
        let epoch = self.reader.keys().load();
        let claims = Arc::new(self.reader.read_access_with(&epoch, token, now)?);
        cache.put(hash, token, &claims, epoch.number);
        Ok(claims)
    }

    /// Reads an access token at the present instant of `clock`, which is asked for its cheaper,
    /// slightly older instant first: that decides unless a second more could make a difference.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read) at [`Clock::now`].
    ///
    /// ```
    /// # use portcullis_core::{Secret, clock::SystemClock};
    /// # use portcullis_jwt::{CachedReader, KeyRing, TokenReader, TokenRejection};
    /// # let keys = KeyRing::hs256(Secret::new([7; 32])).unwrap();
    /// let reader = CachedReader::<()>::new(TokenReader::new(keys));
    /// let refused = reader.read_by(b"no token", &SystemClock).unwrap_err();
    /// assert_eq!(refused, TokenRejection::Segments);
    /// ```
    pub fn read_by(
        &self,
        token: &[u8],
        clock: &dyn Clock,
    ) -> Result<Arc<AccessClaims<C>>, TokenRejection> {
        let recent = clock.now_coarse();
        match self.read(token, recent) {
            Ok(claims) if self.is_alive(&claims, recent + LAG) => Ok(claims),
            // Only who has a key gets here: nobody else can have a signature verified twice.
            Ok(_) | Err(TokenRejection::IssuedInFuture | TokenRejection::NotYetValid) => {
                self.read(token, clock.now())
            }
            Err(refused) => Err(refused),
        }
    }

    fn is_alive(&self, claims: &AccessClaims<C>, now: Timestamp) -> bool {
        let base = claims.base();
        now < base.expires_at() + self.reader.leeway()
            && base.session().is_none_or(|session| now < session.ends_at())
    }
}

/// A seed that the standard library made from the system's randomness.
fn system_seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

impl<C> Cache<C> {
    fn get(&self, hash: u64, token: &[u8], epoch: u64) -> Option<Arc<AccessClaims<C>>> {
        let mut shard = self
            .shard(hash)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let claims_of = |entry: &Entry<C>| {
            (entry.epoch == epoch && *entry.token == *token).then(|| entry.claims.clone())
        };
        if let Some(entry) = shard.young.entries.get(&hash) {
            return claims_of(entry);
        }
        let entry = shard.old.remove(hash)?;
        let claims = claims_of(&entry);
        shard.put(hash, entry);
        claims
    }

    fn put(&self, hash: u64, token: &[u8], claims: &Arc<AccessClaims<C>>, epoch: u64) {
        let entry = Entry {
            token: token.into(),
            claims: claims.clone(),
            epoch,
        };
        let mut shard = self
            .shard(hash)
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        shard.put(hash, entry);
    }

    fn shard(&self, hash: u64) -> &Mutex<Shard<C>> {
        // The map takes bits at both ends, so the shard takes those in the middle.
        &self.shards[(hash >> 32) as usize % SHARDS]
    }
}

impl<C> Shard<C> {
    fn new() -> Self {
        Self {
            young: Generation::default(),
            old: Generation::default(),
        }
    }

    fn put(&mut self, hash: u64, entry: Entry<C>) {
        if self.young.bytes + entry.weight() > MAX_GENERATION_BYTES {
            self.old = std::mem::take(&mut self.young);
        }
        self.old.remove(hash);
        self.young.bytes += entry.weight();
        if let Some(replaced) = self.young.entries.insert(hash, entry) {
            self.young.bytes -= replaced.weight();
        }
    }
}

impl<C> Generation<C> {
    fn remove(&mut self, hash: u64) -> Option<Entry<C>> {
        let entry = self.entries.remove(&hash)?;
        self.bytes -= entry.weight();
        Some(entry)
    }
}

impl<C> Default for Generation<C> {
    fn default() -> Self {
        Self {
            entries: HashMap::with_capacity_and_hasher(ROOM, ByItself::default()),
            bytes: 0,
        }
    }
}

impl<C> Entry<C> {
    /// The token, its claims (whose text is part of it, in at most as many bytes again), and the
    /// slot with its spare room.
    fn weight(&self) -> usize {
        2 * self.token.len() + 256 + size_of::<C>()
    }
}

/// Takes a `u64` that is a keyed hash already as its own hash.
#[derive(Clone, Copy, Default)]
struct ByItself(u64);

impl BuildHasher for ByItself {
    type Hasher = Self;

    fn build_hasher(&self) -> Self {
        *self
    }
}

impl Hasher for ByItself {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn write(&mut self, _: &[u8]) {
        unreachable!("the keys are u64");
    }
}

impl<C> Clone for CachedReader<C> {
    fn clone(&self) -> Self {
        Self {
            reader: self.reader.clone(),
            cache: self.cache.clone(),
        }
    }
}

impl<C> fmt::Debug for CachedReader<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CachedReader")
            .field("reader", &self.reader)
            .field("cached", &self.cache.is_some())
            .finish()
    }
}

//! Keeps the keys in use, and swaps all of them at once without a lock on the request path.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use arc_swap::{ArcSwap, Guard};
use portcullis_core::Secret;

use crate::{
    key::{KeyError, Kind, SigningKey, VerifyingKey},
    rejection::TokenRejection,
};

/// The most keys of one set.
pub const MAX_KEYS: usize = 32;

/// Keys that are used together: at most one signs, all verify.
///
/// A token is verified by the key that its `kid` names, or, without one, by the one key that
/// accepts such tokens. No second key is tried.
///
/// # Example
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_jwt::{KeySet, SigningKey};
///
/// // Django's tokens have no kid; the new key's have one.
/// let django = SigningKey::hs256(&Secret::new([1; 32]))?;
/// let new = SigningKey::hs256(&Secret::new([2; 32]))?.with_kid("b")?;
/// let keys = KeySet::new(new).with_verifying(django.verifying_key())?;
///
/// assert!(keys.with_verifying(django.verifying_key()).is_err(), "two keys without a kid");
/// # Ok::<_, portcullis_jwt::KeyError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct KeySet {
    signing: Option<SigningKey>,
    verifying: Vec<VerifyingKey>,
}

impl KeySet {
    /// A set in which `key` signs and verifies.
    pub fn new(key: SigningKey) -> Self {
        Self {
            verifying: vec![key.verifying_key()],
            signing: Some(key),
        }
    }

    /// A set that mints nothing, for a service behind another issuer.
    pub fn verifying_only(key: VerifyingKey) -> Self {
        Self {
            signing: None,
            verifying: vec![key],
        }
    }

    /// A set by which nothing verifies.
    #[cfg(feature = "jwks")]
    pub(crate) const fn empty() -> Self {
        Self {
            signing: None,
            verifying: Vec::new(),
        }
    }

    /// Also verifies with `key`.
    ///
    /// # Errors
    ///
    /// [`KeyError`] when another key has the same `kid`, or accepts tokens without one too, or
    /// the set has 32 keys.
    pub fn with_verifying(mut self, key: VerifyingKey) -> Result<Self, KeyError> {
        if self.verifying.len() == MAX_KEYS {
            return Err(KeyError::new(Kind::TooMany { most: MAX_KEYS }));
        }
        for other in &self.verifying {
            if key.kid().is_some() && other.kid() == key.kid() {
                let kid = key.kid().map(str::to_owned);
                return Err(KeyError::new(Kind::DuplicateKid { kid }));
            }
            if key.accepts_no_kid() && other.accepts_no_kid() {
                return Err(KeyError::new(Kind::DuplicateKid { kid: None }));
            }
        }
        self.verifying.push(key);
        Ok(self)
    }

    /// The key that signs.
    pub const fn signing(&self) -> Option<&SigningKey> {
        self.signing.as_ref()
    }

    /// Every key, the signing one first.
    pub fn verifying(&self) -> &[VerifyingKey] {
        &self.verifying
    }

    pub(crate) fn by_header(&self, header: &[u8]) -> Option<&VerifyingKey> {
        self.verifying.iter().find(|key| key.knows_header(header))
    }

    pub(crate) fn by_kid(&self, kid: Option<&str>) -> Result<&VerifyingKey, TokenRejection> {
        self.verifying
            .iter()
            .find(|key| match kid {
                Some(kid) => key.kid() == Some(kid),
                None => key.accepts_no_kid(),
            })
            .ok_or(TokenRejection::KidUnknown)
    }
}

/// The keys in use, shared by readers and minters. Clones see every change.
///
/// # Example
///
/// ```
/// use portcullis_core::Secret;
/// use portcullis_jwt::{KeyRing, KeySet, SigningKey};
///
/// let old = SigningKey::hs256(&Secret::new([1; 32]))?.with_kid("a")?;
/// let keys = KeyRing::new(KeySet::new(old.clone()));
///
/// // Rotation: the new key signs, the old one verifies until its last token is dead.
/// let new = SigningKey::hs256(&Secret::new([2; 32]))?.with_kid("b")?;
/// keys.replace(KeySet::new(new).with_verifying(old.verifying_key())?);
///
/// assert!(KeyRing::hs256(Secret::new(*b"secret")).is_err(), "shorter than the hash");
/// # Ok::<_, portcullis_jwt::KeyError>(())
/// ```
#[derive(Clone)]
pub struct KeyRing(Arc<Shared>);

struct Shared {
    epoch: ArcSwap<Epoch>,
    /// The number of `epoch`: all that a reader wants of it which has verified a token before.
    number: AtomicU64,
    /// Held while the two above change, so that they end up as one.
    replacing: Mutex<()>,
    /// Keeps one permit from the first unknown `kid` until it is taken.
    #[cfg(feature = "jwks")]
    unknown_kid: tokio::sync::Notify,
}

/// A key set, and a number that no other key set of the process has.
pub(crate) struct Epoch {
    pub(crate) keys: KeySet,
    pub(crate) number: u64,
}

impl Epoch {
    fn new(keys: KeySet) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            keys,
            number: NEXT.fetch_add(1, Ordering::Relaxed),
        })
    }
}

impl KeyRing {
    /// A ring that uses `keys`.
    pub fn new(keys: KeySet) -> Self {
        let epoch = Epoch::new(keys);
        Self(Arc::new(Shared {
            number: AtomicU64::new(epoch.number),
            epoch: ArcSwap::new(epoch),
            replacing: Mutex::new(()),
            #[cfg(feature = "jwks")]
            unknown_kid: tokio::sync::Notify::new(),
        }))
    }

    /// One HS256 key without a `kid`: what a Django site has.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs256`].
    #[allow(clippy::needless_pass_by_value)] // a secret handed over is a secret not kept
    pub fn hs256(secret: Secret) -> Result<Self, KeyError> {
        Ok(Self::new(KeySet::new(SigningKey::hs256(&secret)?)))
    }

    /// One HS384 key without a `kid`.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs384`].
    #[allow(clippy::needless_pass_by_value)] // as for `hs256`
    pub fn hs384(secret: Secret) -> Result<Self, KeyError> {
        Ok(Self::new(KeySet::new(SigningKey::hs384(&secret)?)))
    }

    /// One HS512 key without a `kid`.
    ///
    /// # Errors
    ///
    /// As [`SigningKey::hs512`].
    #[allow(clippy::needless_pass_by_value)] // as for `hs256`
    pub fn hs512(secret: Secret) -> Result<Self, KeyError> {
        Ok(Self::new(KeySet::new(SigningKey::hs512(&secret)?)))
    }

    /// Uses `keys` from the next token on, in every clone; drops every cached verification.
    pub fn replace(&self, keys: KeySet) {
        let _replacing = self
            .0
            .replacing
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let epoch = Epoch::new(keys);
        let number = epoch.number;
        self.0.epoch.store(epoch);
        self.0.number.store(number, Ordering::Release);
    }

    /// The number of the keys in use; until [`replace`](Self::replace) returns, of those before.
    pub(crate) fn epoch(&self) -> u64 {
        self.0.number.load(Ordering::Acquire)
    }

    pub(crate) fn load(&self) -> Guard<Arc<Epoch>> {
        self.0.epoch.load()
    }

    /// The key for `kid` out of `epoch`; whoever refreshes the ring hears of an unknown name.
    #[cfg_attr(not(feature = "jwks"), allow(clippy::unused_self))] // then nobody refreshes it
    pub(crate) fn find<'e>(
        &self,
        epoch: &'e Epoch,
        kid: Option<&str>,
    ) -> Result<&'e VerifyingKey, TokenRejection> {
        let found = epoch.keys.by_kid(kid);
        #[cfg(feature = "jwks")]
        if found.is_err() && kid.is_some() {
            self.0.unknown_kid.notify_one();
        }
        found
    }

    /// Waits until a token has named an unknown key, or remembers that one did.
    #[cfg(feature = "jwks")]
    pub(crate) async fn unknown_kid(&self) {
        self.0.unknown_kid.notified().await;
    }

    /// Forgets the unknown names so far.
    #[cfg(feature = "jwks")]
    pub(crate) fn forget_unknown_kid(&self) {
        let permit = std::pin::pin!(self.0.unknown_kid.notified());
        permit.enable();
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.load().keys).finish()
    }
}

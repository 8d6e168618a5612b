//! Turns whom a limit counts into the key that a store sees.

use std::{
    fmt,
    hash::{BuildHasher, DefaultHasher, Hasher, RandomState},
    sync::OnceLock,
};

use hmac::Mac;

use super::{
    address::{AddressKey, KINDS},
    store::RateKey,
};
use crate::keys::DerivedKey;

#[cfg(test)]
mod tests;

/// Names a limit within the message that is hashed: always 16 bytes, however long its name.
pub(super) type LimitId = [u8; 16];

/// From this length on, a part is announced by this mark and eight bytes.
const LONG: u16 = u16::MAX - 1;

/// Stands where the length of the first part would, and says that an address follows.
const ADDRESS: u16 = u16::MAX;

/// Whom a limit counts.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// An address alone, which most requests are charged to.
    Address(AddressKey),
    /// Whatever these name together.
    Parts(&'a [&'a [u8]]),
}

/// How keys are hashed: 128 bits that nobody outside can foresee, find two messages for, or read
/// a message from.
#[derive(Clone)]
pub(super) enum KeyHash {
    /// For a store in this process: SipHash under keys that the process draws and never shows.
    Local(Box<Seeded>),
    /// For a store that all processes share: the first half of an HMAC-SHA-256.
    Shared(DerivedKey),
}

impl KeyHash {
    /// Hashes for a store that is in this process or not. `key` tells limiters apart either way.
    pub(super) fn new(key: DerivedKey, is_local: bool) -> Self {
        if is_local {
            Self::Local(Box::new(Seeded::new(&key.mac(&[b"local"]))))
        } else {
            Self::Shared(key)
        }
    }

    /// The key of `subject` under the limit `id`; no two subjects give one message.
    pub(super) fn key(&self, id: &LimitId, subject: Subject<'_>) -> RateKey {
        let mut hash = [0; 16];
        match self {
            Self::Local(seeded) => {
                let [first, second] = seeded.hash(id, subject);
                hash[..8].copy_from_slice(&first.to_le_bytes());
                hash[8..].copy_from_slice(&second.to_le_bytes());
            }
            Self::Shared(key) => {
                let mut mac = key.begin();
                match subject {
                    Subject::Address(key) => {
                        mac.update(id);
                        mac.update(&ADDRESS.to_be_bytes());
                        mac.update(&key.to_bytes());
                    }
                    Subject::Parts(parts) => message(id, parts, |bytes| mac.update(bytes)),
                }
                hash.copy_from_slice(&mac.finalize().into_bytes()[..16]);
            }
        }
        RateKey::from_hash(hash)
    }
}

/// The keys, and hashers that have read what is the same for every message.
#[derive(Clone)]
pub(super) struct Seeded {
    drawn: RandomState,
    /// One word for each kind of network, as secret as the keys.
    salts: [u64; KINDS],
    mask: u64,
    parts: [DefaultHasher; 2],
}

impl Seeded {
    /// `domain` tells limiters apart that share a store, as the key of an HMAC would.
    fn new(domain: &[u8; 32]) -> Self {
        static DRAWN: OnceLock<RandomState> = OnceLock::new();
        let drawn = DRAWN.get_or_init(RandomState::new);
        let seeded = |purpose: u64| {
            let mut hasher = drawn.build_hasher();
            hasher.write(domain);
            hasher.write(&purpose.to_le_bytes());
            hasher
        };
        Self {
            drawn: drawn.clone(),
            salts: [seeded(0), seeded(1), seeded(2)].map(|hasher| hasher.finish()),
            mask: seeded(3).finish(),
            parts: [seeded(4), seeded(5)],
        }
    }

    /// One half of an address's key is a hash of all of it, the other its network under a mask: two
    /// networks never meet, and one under two limits, or as two kinds, only where two hashes of 64
    /// bits meet that nobody outside can foresee. What is hashed is one word, the network combined
    /// with its limit and kind: where two of them give one word, the other halves differ.
    fn hash(&self, id: &LimitId, subject: Subject<'_>) -> [u64; 2] {
        match subject {
            Subject::Address(key) => {
                let (network, kind) = key.network_and_kind();
                let hash = self.drawn.hash_one(network ^ tag(id) ^ self.salts[kind]);
                [hash, network ^ self.mask]
            }
            Subject::Parts(parts) => {
                let [mut first, mut second] = self.parts.clone();
                message(id, parts, |bytes| {
                    first.write(bytes);
                    second.write(bytes);
                });
                [first.finish(), second.finish()]
            }
        }
    }
}

/// What tells limits apart within one word; no peer has a say in it.
fn tag(id: &LimitId) -> u64 {
    let [first @ .., _, _, _, _, _, _, _, _] = *id;
    u64::from_le_bytes(first)
}

/// Feeds the message to `sink`: the limit, and each part behind its length. With two bytes a length
/// most are within one block of SHA-256.
fn message(id: &LimitId, parts: &[&[u8]], mut sink: impl FnMut(&[u8])) {
    sink(id);
    for part in parts {
        match u16::try_from(part.len()) {
            Ok(length) if length < LONG => sink(&length.to_be_bytes()),
            _ => {
                sink(&LONG.to_be_bytes());
                sink(&(part.len() as u64).to_be_bytes());
            }
        }
        sink(part);
    }
}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Local(_) => "KeyHash::Local",
            Self::Shared(_) => "KeyHash::Shared",
        })
    }
}

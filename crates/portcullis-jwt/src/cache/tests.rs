use std::time::Duration;

use portcullis_core::{Secret, answer::BoxFuture};

use super::*;
use crate::{
    KeyRing, KeySet, Minter, SigningKey,
    mint::{AccessParams, SessionParams},
};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

fn keys() -> KeyRing {
    KeyRing::hs256(Secret::new([7; 32])).unwrap()
}

fn token(keys: &KeyRing, jti: &str, session: Option<SessionParams<'_>>) -> String {
    Minter::new(keys.clone())
        .mint_access(&AccessParams {
            subject: "42",
            jti,
            issued_at: NOW,
            expires: Timestamp::from_secs(1_700_000_300),
            session,
            extra: None,
        })
        .unwrap()
}

fn bytes(reader: &CachedReader<()>) -> usize {
    let cache = reader.cache.as_ref().unwrap();
    let of = |shard: &Mutex<Shard<()>>| {
        let shard = shard.lock().unwrap();
        let weigh = |generation: &Generation<()>| {
            let sum: usize = generation.entries.values().map(Entry::weight).sum();
            assert_eq!(sum, generation.bytes, "the count follows the entries");
            sum
        };
        weigh(&shard.young) + weigh(&shard.old)
    };
    cache.shards.iter().map(of).sum()
}

#[test]
fn a_changed_key_forgets_what_the_old_one_verified() {
    let keys = keys();
    let token = token(&keys, "a", None);
    let reader = CachedReader::<()>::new(TokenReader::new(keys.clone()));
    reader.read(token.as_bytes(), NOW).unwrap();

    let other = SigningKey::hs256(&Secret::new([8; 32])).unwrap();
    keys.replace(KeySet::new(other));
    let refused = reader.read(token.as_bytes(), NOW).unwrap_err();
    assert_eq!(refused, TokenRejection::Signature);
}

#[test]
fn a_session_past_its_end_is_not_served_from_memory() {
    let keys = keys();
    let session = SessionParams {
        sid: "s",
        started: NOW,
        ends: Timestamp::from_secs(1_700_000_100),
    };
    let token = token(&keys, "a", Some(session));
    let reader = CachedReader::<()>::new(TokenReader::new(keys));
    reader.read(token.as_bytes(), NOW).unwrap();
    let refused = reader.read(token.as_bytes(), session.ends).unwrap_err();
    assert_eq!(refused, TokenRejection::SessionEnded);
}

#[test]
fn a_token_that_meets_another_ones_hash_is_verified_itself() {
    let keys = keys();
    let good = token(&keys, "a", None);
    let reader = CachedReader::<()>::new(TokenReader::new(keys.clone()));
    let claims = reader.read(good.as_bytes(), NOW).unwrap();

    let forged = format!("{}x", &good[..good.len() - 1]);
    let cache = reader.cache.as_ref().unwrap();
    let hash = cache.hasher.hash_one(forged.as_bytes());
    cache.put(hash, good.as_bytes(), &claims, keys.epoch());
    assert!(reader.read(forged.as_bytes(), NOW).is_err());
}

#[test]
fn memory_stays_within_its_bound_and_the_newest_token_in_it() {
    let keys = keys();
    let reader = CachedReader::<()>::new(TokenReader::new(keys.clone()));
    let claims = {
        let token = token(&keys, "a", None);
        reader.read(token.as_bytes(), NOW).unwrap()
    };
    let cache = reader.cache.as_ref().unwrap();
    let epoch = keys.epoch();
    for n in 0_u64..60_000 {
        let token = [n.to_be_bytes().as_slice(), &[0; 400]].concat();
        let hash = cache.hasher.hash_one(token.as_slice());
        cache.put(hash, &token, &claims, epoch);
        assert!(cache.get(hash, &token, epoch).is_some());
    }
    let held = bytes(&reader);
    assert!(held <= MAX_CACHE_BYTES, "{held}");
    assert!(held > MAX_CACHE_BYTES / 3, "{held}: it does keep tokens");
}

#[test]
fn a_refused_token_is_not_remembered() {
    let keys = keys();
    let good = token(&keys, "a", None);
    let reader = CachedReader::<()>::new(TokenReader::new(keys));
    let forged = format!("{}AA", &good[..good.len() - 2]);
    for _ in 0..3 {
        assert!(reader.read(forged.as_bytes(), NOW).is_err());
    }
    assert_eq!(bytes(&reader), 0);
}

/// A clock whose cheaper instant is `lag` older.
#[derive(Debug)]
struct Lagging {
    now: Timestamp,
    lag: Duration,
}

impl Clock for Lagging {
    fn now(&self) -> Timestamp {
        self.now
    }

    fn now_coarse(&self) -> Timestamp {
        self.now.minus(self.lag)
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<()> {
        unreachable!("no reader sleeps")
    }
}

#[test]
fn a_tick_makes_no_difference_at_either_end_of_a_token() {
    let keys = keys();
    let token = token(&keys, "a", None);
    for lag in [0, 1, 9_999, 10_000].map(Duration::from_micros) {
        let reader = CachedReader::<()>::new(TokenReader::new(keys.clone()));
        let read = |now| {
            reader
                .read_by(token.as_bytes(), &Lagging { now, lag })
                .err()
        };
        let before = Duration::from_micros(1);
        let expiry = Timestamp::from_secs(1_700_000_300);

        assert_eq!(
            read(NOW.minus(before)),
            Some(TokenRejection::IssuedInFuture)
        );
        assert_eq!(read(NOW), None, "issued this second, {lag:?} ago at most");
        assert_eq!(
            read(expiry.minus(before)),
            None,
            "alive to its last microsecond"
        );
        assert_eq!(
            read(expiry),
            Some(TokenRejection::Expired),
            "not {lag:?} longer"
        );
    }
}

//! The stores on a server of their own, by a clock that the test sets.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use portcullis_core::{
    Answer, Secret,
    clock::{Clock, SystemClock, Timestamp},
    keys::RotationKeys,
    rotation::{Refusal, Verdict},
    store::{Blacklist, FamilyStore, Revocations},
};
use portcullis_testkit::{Harness, ManualClock, RedisServer};
use redis::{Cmd, cmd};

use super::super::{RedisSessions, scripts::Scripts};
use crate::{
    Redis,
    fixtures::{ask, connect},
};

/// What the tests replace in a script, and by what.
const TIME: &str = "redis.call('TIME')";
const SET_TIME: &str = "redis.call('HMGET', 'now', 'seconds', 'micros')";

/// So far ahead of the server's clock that nothing expires but by [`SET`].
const AHEAD: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Sets the clock of the scripts, and drops what expired by it.
const SET: &str = "
redis.call('HSET', 'now', 'seconds', ARGV[1], 'micros', ARGV[2])
local now = ARGV[1] * 1000 + math.floor(ARGV[2] / 1000)
for _, key in ipairs(redis.call('KEYS', '*{[0-9a-f]*')) do
  local expires = redis.call('PEXPIRETIME', key)
  if expires >= 0 and expires <= now then redis.call('DEL', key) end
end";

/// Every key of a user, as a list of name, expiry and dump.
const SAVE: &str = "
local saved = {}
for _, key in ipairs(redis.call('KEYS', '*{[0-9a-f]*')) do
  table.insert(saved, key)
  table.insert(saved, redis.call('PEXPIRETIME', key))
  table.insert(saved, redis.call('DUMP', key))
end
return saved";

/// Puts what was saved in the place of everything.
const RESTORE: &str = "
for _, key in ipairs(redis.call('KEYS', '*{[0-9a-f]*')) do redis.call('DEL', key) end
for i = 1, #ARGV, 3 do
  redis.call('RESTORE', ARGV[i], ARGV[i + 1], ARGV[i + 2], 'ABSTTL')
end";

/// Names the keys that never end.
const ENDLESS: &str = "
local endless = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if key ~= 'now' and redis.call('PTTL', key) < 0 then table.insert(endless, key) end
end
return table.concat(endless, ' ')";

/// Name, expiry and dump of keys.
type Saved = Vec<(String, i64, Vec<u8>)>;

pub(super) struct RedisHarness {
    server: Arc<RedisServer>,
    pub(super) redis: Redis,
    pub(super) store: RedisSessions,
    pub(super) clock: ManualClock,
    saved: Arc<Mutex<Saved>>,
    tags: usize,
}

/// One version of the rotation key, or two, the first of them current.
pub(super) fn keys(versions: &[u32]) -> RotationKeys {
    let secret = |version: u32| Secret::new([u8::try_from(version).unwrap(); 32]);
    let keys = RotationKeys::new(versions[0], &secret(versions[0])).unwrap();
    match versions[1..] {
        [] => keys,
        [previous] => keys.with_previous(previous, &secret(previous)).unwrap(),
        _ => panic!("there are two versions at most"),
    }
}

/// The scripts, by the clock that [`SET`] sets.
pub(super) fn timed() -> Scripts {
    Scripts::through(|source| {
        assert!(source.matches(TIME).count() <= 1, "one present per script");
        source.replace(TIME, SET_TIME)
    })
}

pub(super) fn evaluate(script: &str) -> Cmd {
    cmd("EVAL").arg(script).arg(0).take()
}

impl RedisHarness {
    /// An empty store, with one version of the rotation key.
    pub(super) async fn start() -> Self {
        Self::start_with(&[1]).await
    }

    /// An empty store, with these versions of the rotation key.
    pub(super) async fn start_with(versions: &[u32]) -> Self {
        Self::on(&Arc::new(RedisServer::start()), versions).await
    }

    /// The store on `server`, emptied, with these versions of the rotation key.
    pub(super) async fn on(server: &Arc<RedisServer>, versions: &[u32]) -> Self {
        let redis = connect(server).await;
        let () = ask(&redis, "FLUSHALL").await;
        let harness = Self {
            server: server.clone(),
            store: RedisSessions::with_scripts(&redis, &keys(versions), timed()),
            redis,
            clock: ManualClock::at(SystemClock.now() + AHEAD),
            saved: Arc::default(),
            tags: versions.len(),
        };
        harness.set(harness.now()).await;
        harness
    }

    /// Another process on the same server and clock, with its own order of key versions.
    pub(super) async fn beside(&self, versions: &[u32]) -> Self {
        let redis = connect(&self.server).await;
        Self {
            server: self.server.clone(),
            store: RedisSessions::with_scripts(&redis, &keys(versions), timed()),
            redis,
            clock: self.clock.clone(),
            saved: self.saved.clone(),
            tags: versions.len(),
        }
    }
}

/// Whatever a test did, no key is left that never ends.
impl Drop for RedisHarness {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let endless = self.server.ask(&["EVAL", ENDLESS, "0"]);
            assert_eq!(endless.unwrap(), "", "keys without an end");
        }
    }
}

impl Harness for RedisHarness {
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
        let redis = self.redis.clone();
        let mut command = evaluate(SET);
        command.arg(now.as_secs()).arg(now.as_micros() % 1_000_000);
        Answer::later(async move { redis.ask(&command).await.expect("the server is there") })
    }

    fn agrees(&self, store: &Verdict, model: &Verdict) -> bool {
        // Under two tags there may be two reasons: a logout buries the id under both.
        let refused = |verdict: &Verdict| match verdict {
            Verdict::Granted(_) => false,
            Verdict::Refused(refusal) => *refusal != Refusal::Reuse,
        };
        store == model || self.tags > 1 && refused(store) && refused(model)
    }

    fn save(&self) -> Answer<bool> {
        let (redis, saved) = (self.redis.clone(), self.saved.clone());
        Answer::later(async move {
            let found: Saved = redis
                .ask(&evaluate(SAVE))
                .await
                .expect("the server is there");
            *saved.lock().unwrap_or_else(PoisonError::into_inner) = found;
            true
        })
    }

    fn roll_back(&self) -> Answer<()> {
        let mut command = evaluate(RESTORE);
        for (key, expires, dump) in &*self.saved.lock().unwrap_or_else(PoisonError::into_inner) {
            command.arg(key).arg(expires).arg(dump);
        }
        let (redis, again) = (self.redis.clone(), self.set(self.now()));
        Answer::later(async move {
            let () = redis.ask(&command).await.expect("the server is there");
            again.await;
        })
    }
}

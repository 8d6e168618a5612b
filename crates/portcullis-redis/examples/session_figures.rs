//! Measures what sessions cost in Redis: bytes, and microseconds of the server.
//!
//! ```text
//! cargo run --release -p portcullis-redis --example session_figures
//! ```
//!
//! It starts a `redis-server` of its own. The figures of `docs/operating-redis.md` are from it.

use std::error::Error;

use futures_util::future::join_all;
use portcullis_core::{
    Secret,
    clock::{Clock, SystemClock, Timestamp},
    keys::RotationKeys,
    rotation::{NewFamily, Presented, RevokeReason, RotationPolicy, SessionId},
    store::{FamilyStore, Revocations, TokenFacts},
};
use portcullis_redis::{RedisConfig, RedisSessions};
use portcullis_testkit::RedisServer;
use redis::{Client, aio::MultiplexedConnection, cmd};

type Failure = Box<dyn Error + Send + Sync>;

/// How many users the memory is measured with, two sessions each.
const USERS: usize = 10_000;

/// How many rotations the server's time is measured with.
const CALLS: usize = 2 * USERS;

/// How many are under way at once.
const WIDTH: usize = 64;

/// A store on a server of its own, and a way to ask the server about itself.
struct Bench {
    store: RedisSessions,
    direct: MultiplexedConnection,
    policy: RotationPolicy,
    _server: RedisServer,
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let server = RedisServer::start();
    let config = RedisConfig::from_url(&server.url())?.with_deadline(RedisConfig::MAX_DEADLINE)?;
    let keys = RotationKeys::new(1, &Secret::new([7; 32]))?;
    let client = Client::open(server.url())?;
    let mut bench = Bench {
        store: RedisSessions::new(&config.connect().await?, &keys),
        direct: client.get_multiplexed_async_connection().await?,
        policy: RotationPolicy::default(),
        _server: server,
    };
    println!("server: {}", bench.about("server", "redis_version").await?);
    bench.memory().await?;
    bench.rotations().await?;
    bench.checks().await
}

impl Bench {
    async fn about(&mut self, section: &str, field: &str) -> Result<String, Failure> {
        let info: String = cmd("INFO")
            .arg(section)
            .query_async(&mut self.direct)
            .await?;
        let mut lines = info.lines().filter_map(|line| line.split_once(':'));
        let found = lines.find(|(name, _)| *name == field);
        Ok(found.map_or_else(String::new, |(_, value)| value.trim().to_owned()))
    }

    async fn used(&mut self) -> Result<u64, Failure> {
        Ok(self.about("memory", "used_memory").await?.parse()?)
    }

    /// What the server says of one command: calls and microseconds of each.
    async fn spent(&mut self, command: &str) -> Result<String, Failure> {
        let field = format!("cmdstat_{command}");
        self.about("commandstats", &field).await
    }

    async fn reset(&mut self) -> Result<(), Failure> {
        cmd("CONFIG")
            .arg("RESETSTAT")
            .exec_async(&mut self.direct)
            .await?;
        Ok(())
    }

    async fn open(&self, subject: String, label: Option<&str>) -> Result<SessionId, Failure> {
        let sid = SessionId::random()?;
        let family = NewFamily {
            subject: &subject,
            sid: &sid,
            key_version: 1,
            label,
        };
        self.store.open(&family, &self.policy).await?;
        Ok(sid)
    }

    /// Opens two sessions for each of many users.
    async fn fill(
        &self,
        name: &str,
        label: Option<&str>,
    ) -> Result<Vec<(String, SessionId)>, Failure> {
        let mut opened = Vec::new();
        for first in (0..USERS).step_by(WIDTH) {
            let users = first..USERS.min(first + WIDTH);
            let logins = users.flat_map(|user| [user, user]).map(|user| async move {
                let subject = format!("{name}{user}");
                Ok::<_, Failure>((subject.clone(), self.open(subject, label).await?))
            });
            for login in join_all(logins).await {
                opened.push(login?);
            }
        }
        Ok(opened)
    }

    async fn memory(&mut self) -> Result<(), Failure> {
        let label = "Firefox 140 on Linux, from 203.0.113.0/24, in the office";
        for (what, label) in [("no label", None), ("a label of 56 bytes", Some(label))] {
            let empty = self.used().await?;
            let opened = self.fill("measured", label).await?;
            let alive = self.used().await? - empty;
            for (subject, sid) in &opened {
                let reason = RevokeReason::Logout;
                let ended = self
                    .store
                    .revoke(subject, sid.as_str(), reason, &self.policy);
                let _ = ended.await?;
            }
            let feed: u64 = cmd("MEMORY")
                .arg(&["USAGE", "portcullis:{pc-feed}:revoked", "SAMPLES", "0"])
                .query_async(&mut self.direct)
                .await?;
            let ended = self.used().await? - empty - feed;
            let each = |bytes: u64| bytes / opened.len() as u64;
            println!(
                "{} sessions with {what}, two per user: {} bytes each; \
                 logged out, {} bytes, and {} in the feed",
                opened.len(),
                each(alive),
                each(ended),
                each(feed),
            );
            cmd("FLUSHALL").exec_async(&mut self.direct).await?;
        }
        Ok(())
    }

    async fn rotations(&mut self) -> Result<(), Failure> {
        let sessions = self.fill("rotated", None).await?;
        self.reset().await?;
        let started = SystemClock.now();
        for part in sessions.chunks(WIDTH) {
            let refreshes = part.iter().map(|(subject, sid)| {
                let presented = Presented {
                    subject,
                    sid: sid.as_str(),
                    generation: 0,
                    adoption: None,
                };
                self.store.rotate(&presented, &self.policy)
            });
            for verdict in join_all(refreshes).await {
                verdict?;
            }
        }
        report("rotations (ROTATED)", CALLS, started);
        println!("  evalsha: {}", self.spent("evalsha").await?);
        Ok(())
    }

    async fn checks(&mut self) -> Result<(), Failure> {
        let now = SystemClock.now();
        let token = TokenFacts {
            subject: "rotated1",
            session: Some("nobody"),
            jti: "access",
            issued_at: now,
            session_started: Some(now),
        };
        self.reset().await?;
        let started = SystemClock.now();
        for _ in 0..CALLS / WIDTH {
            let checks = (0..WIDTH).map(|_| self.store.is_revoked(&token));
            for revoked in join_all(checks).await {
                revoked?;
            }
        }
        report("revocation checks (Remote)", CALLS, started);
        println!("  evalsha: {}", self.spent("evalsha").await?);
        self.reset().await?;
        let started = SystemClock.now();
        for _ in 0..CALLS / WIDTH {
            let gets = (0..WIDTH).map(|_| {
                let mut direct = self.direct.clone();
                async move {
                    cmd("GET")
                        .arg("nothing")
                        .query_async::<Option<u8>>(&mut direct)
                        .await
                }
            });
            for got in join_all(gets).await {
                got?;
            }
        }
        report("GET by the client alone", CALLS, started);
        println!("  get: {}", self.spent("get").await?);
        Ok(())
    }
}

fn report(what: &str, calls: usize, started: Timestamp) {
    let spent = SystemClock.now().since(started);
    let each = spent / u32::try_from(calls).unwrap_or(u32::MAX);
    println!("{calls} {what}, {WIDTH} at once: {each:?} of wall time each");
}

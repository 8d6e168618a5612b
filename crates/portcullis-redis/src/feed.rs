//! Tells every node of each revocation, through one Redis stream.

use std::{fmt, sync::LazyLock, time::Duration};

use portcullis_core::{audit::IdHash, clock::Timestamp};

use crate::{
    Redis,
    script::{Call, Script},
    tag::Tag,
    trouble::{Kind, Trouble},
};

mod local;
mod marks;
mod owed;
mod reader;
mod shared;
mod watch;

#[cfg(test)]
mod tests;

pub use local::{FeedConfig, OnStale, RevocationFeed};
pub(crate) use owed::Owed;

/// Puts the stream into a slot of its own in a cluster, whatever the users' slots are.
const TAG: &str = "{pc-feed}";

/// The longest leeway that a token's expiry is read with.
pub(crate) const LEEWAY: Duration = Duration::from_secs(60);

/// How often an entry is sent before the caller is told that nobody hears of it.
const TRIES: u32 = 3;

/// How long the first pause between two attempts is; the next one is twice as long.
const PAUSE: Duration = Duration::from_millis(20);

static APPEND: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("feed/append.lua")));

/// One revocation, as the nodes are told of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) fact: Fact,
    /// Until when it counts, in seconds of the server's clock: for a session, the expiry of its
    /// last access token; otherwise, when no token that it concerns is accepted any more.
    pub(crate) expires: u64,
}

/// What was revoked.
#[derive(Clone, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Fact {
    /// All sessions of the user that began up to `millis`, in milliseconds.
    NotBefore { user: Tag, millis: u64 },
    /// One session of the user.
    Session { user: Tag, sid: String },
    /// One access token: [`Tagger::token`](crate::tag::Tagger::token).
    Token { token: Tag },
}

impl Fact {
    /// Until when this has to be known, as [`Entry::expires`] says it.
    fn until(&self, expires: u64) -> Timestamp {
        let expires = Timestamp::from_secs(expires);
        match self {
            Self::NotBefore { .. } | Self::Token { .. } => expires,
            Self::Session { .. } => expires + LEEWAY,
        }
    }
}

impl fmt::Debug for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotBefore { user, millis } => write!(f, "NotBefore({user}, {millis})"),
            Self::Session { user, sid } => write!(f, "Session({user}, {})", IdHash::of(sid)),
            Self::Token { token } => write!(f, "Token({token})"),
        }
    }
}

/// Whoever wants to know of revocations that this process makes, before the stream tells it.
pub(crate) trait Listener: fmt::Debug + Send + Sync {
    fn hear(&self, entry: &Entry);
}

impl Entry {
    fn until(&self) -> Timestamp {
        self.fact.until(self.expires)
    }

    /// Reads the fields of an entry of the stream, in pairs of name and value.
    fn parse(fields: &[Vec<u8>]) -> Option<Self> {
        let field = |name: &str| {
            let (pairs, _) = fields.as_chunks::<2>();
            let found = pairs.iter().find(|[key, _]| key == name.as_bytes());
            std::str::from_utf8(&found?[1]).ok()
        };
        let (tag, value) = (Tag::parse(field("u")?)?, field("v")?);
        let fact = match field("k")? {
            "n" => Fact::NotBefore {
                user: tag,
                millis: value.parse().ok()?,
            },
            "s" => Fact::Session {
                user: tag,
                sid: value.to_owned(),
            },
            "t" => Fact::Token { token: tag },
            _ => return None,
        };
        let expires = field("e")?.parse().ok()?;
        Some(Self { fact, expires })
    }

    fn call(&self, redis: &Redis) -> Call {
        let (kind, tag, value) = match &self.fact {
            Fact::NotBefore { user, millis } => ("n", user, millis.to_string()),
            Fact::Session { user, sid } => ("s", user, sid.clone()),
            Fact::Token { token } => ("t", token, String::new()),
        };
        let kept = u64::try_from(redis.retention().as_millis()).unwrap_or(u64::MAX);
        Call::default()
            .key(stream(redis))
            .arg(kind)
            .arg(tag.to_string())
            .arg(value)
            .arg(self.expires)
            .arg(kept)
    }
}

/// The key of the stream.
fn stream(redis: &Redis) -> String {
    format!("{}:{TAG}:revoked", redis.prefix())
}

/// Tells all nodes of `entry`, trying up to three times with the connection's deadline each.
///
/// An entry that arrives twice does no harm, which is why this one command is repeated. The feeds
/// of this process that follow `redis` know of the entry first, and in any case. After an error it
/// is owed: it is tried again in the background until it is written or has expired.
pub(crate) async fn append(redis: &Redis, entry: &Entry) -> Result<(), Trouble> {
    for listener in redis.listeners() {
        listener.hear(entry);
    }
    let sent = send(redis, entry).await;
    match &sent {
        Ok(()) => redis.owed().settle(entry),
        Err(trouble) => owed::owe(redis, entry, trouble),
    }
    sent
}

async fn send(redis: &Redis, entry: &Entry) -> Result<(), Trouble> {
    let mut pause = PAUSE;
    for _ in 1..TRIES {
        match send_once(redis, entry).await {
            Err(trouble) if trouble.may_pass() => tokio::time::sleep(pause).await,
            answer => return answer,
        }
        pause *= 2;
    }
    send_once(redis, entry).await
}

async fn send_once(redis: &Redis, entry: &Entry) -> Result<(), Trouble> {
    let call = entry.call(redis);
    redis.run::<u64>(&APPEND, &call).await.map(|_one| ())
}

impl Trouble {
    /// Whether the same command may work in a moment.
    fn may_pass(&self) -> bool {
        !matches!(
            self.kind(),
            Kind::Denied | Kind::OutOfMemory | Kind::Reply | Kind::Server
        )
    }
}

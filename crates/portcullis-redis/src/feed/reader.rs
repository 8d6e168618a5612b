//! Follows the stream on a connection of its own.

use std::{sync::Arc, time::Duration};

use redis::{Cmd, FromRedisValue, cmd};
use tokio::time::{Instant, sleep, timeout};

use super::{Entry, shared::Shared, stream};
use crate::{Redis, dial::Connection, sentinel::check_primary, trouble::Trouble};

/// How many entries one command reads.
const PAGE: usize = 1_000;

/// How much longer than the server's own wait its answer is waited for.
const MARGIN: Duration = Duration::from_secs(1);

/// How long the first pause is before a connection is tried again; each further one is twice as
/// long, up to the longest.
const PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// An entry's id and its fields.
type Read = (String, Vec<Vec<u8>>);

/// Reads the stream and tells `shared`.
#[derive(Debug)]
pub(super) struct Reader {
    shared: Arc<Shared>,
    redis: Redis,
    key: String,
    /// How long one read waits for news; its answer is the sign of life.
    block: Duration,
    /// The last entry that was read.
    cursor: String,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, redis: Redis, block: Duration) -> Self {
        Self {
            shared,
            key: stream(&redis),
            redis,
            block,
            cursor: String::new(),
        }
    }

    /// Connects, and reads everything that is retained.
    pub(super) async fn begin(&mut self) -> Result<Connection, Trouble> {
        let begun = self.try_begin().await;
        if let Err(trouble) = &begun {
            self.redis.learn(&self.key, trouble);
        }
        begun
    }

    async fn try_begin(&mut self) -> Result<Connection, Trouble> {
        let mut connection = self.redis.connect_for(&self.key).await?;
        check_primary(&mut connection).await?;
        self.replay(&mut connection).await?;
        Ok(connection)
    }

    /// Follows the stream for ever; after every trouble, with a new connection and from the start.
    pub(super) async fn run(mut self, connection: Connection) {
        let mut connection = Some(connection);
        let mut pause = PAUSE;
        loop {
            if let Some(connection) = connection {
                let begun = Instant::now();
                let trouble = self.follow(connection).await;
                self.redis.learn(&self.key, &trouble);
                // A connection that fails at once, again and again, is no reason to hurry.
                if begun.elapsed() > LONGEST_PAUSE {
                    pause = PAUSE;
                }
            }
            sleep(pause).await;
            pause = LONGEST_PAUSE.min(pause * 2);
            connection = self.begin().await.ok();
        }
    }

    async fn follow(&mut self, mut connection: Connection) -> Trouble {
        loop {
            if let Err(trouble) = self.step(&mut connection).await {
                return trouble;
            }
        }
    }

    /// Waits for news once.
    async fn step(&mut self, connection: &mut Connection) -> Result<(), Trouble> {
        let sent = Instant::now();
        let news: Option<Vec<(String, Vec<Read>)>> =
            ask(connection, &self.news(), self.block).await?;
        let Some(news) = news else {
            return self.rest(connection, sent).await;
        };
        for (_key, entries) in news {
            self.take(&entries);
        }
        self.shared.heard(sent);
        Ok(())
    }

    /// Uses a moment without news to look whether all is as it should be.
    async fn rest(&mut self, connection: &mut Connection, sent: Instant) -> Result<(), Trouble> {
        check_primary(connection).await?;
        let mut last = cmd("XREVRANGE");
        last.arg(&self.key).arg("+").arg("-").arg("COUNT").arg(1);
        let last: Vec<Read> = ask(connection, &last, Duration::ZERO).await?;
        let last = last.first().map_or("0-0", |(id, _)| id);
        // After a failover, or after the data were lost, new ids may be below those that we know.
        let behind = order(last) < order(&self.cursor);
        if behind || self.shared.wants_all() {
            return self.replay(connection).await;
        }
        self.shared.heard(sent);
        Ok(())
    }

    /// Reads everything that is retained.
    async fn replay(&mut self, connection: &mut Connection) -> Result<(), Trouble> {
        "0-0".clone_into(&mut self.cursor);
        self.shared.reread();
        loop {
            let sent = Instant::now();
            let mut page = cmd("XRANGE");
            page.arg(&self.key).arg(format!("({}", self.cursor));
            page.arg("+").arg("COUNT").arg(PAGE);
            let entries: Vec<Read> = ask(connection, &page, Duration::ZERO).await?;
            self.take(&entries);
            if entries.len() < PAGE {
                self.shared.heard_all(sent);
                return Ok(());
            }
        }
    }

    fn take(&mut self, entries: &[Read]) {
        let read = entries.iter();
        let read = read.map(|(id, fields)| (order(id).0, Entry::parse(fields)));
        self.shared.take(read);
        if let Some((id, _)) = entries.last() {
            self.cursor.clone_from(id);
        }
    }

    /// The command that waits for news.
    fn news(&self) -> Cmd {
        let block = u64::try_from(self.block.as_millis()).unwrap_or(u64::MAX);
        let mut command = cmd("XREAD");
        command.arg("COUNT").arg(PAGE).arg("BLOCK").arg(block);
        command.arg("STREAMS").arg(&self.key).arg(&self.cursor);
        command
    }
}

/// The two numbers of an id.
fn order(id: &str) -> (u64, u64) {
    let (millis, number) = id.split_once('-').unwrap_or((id, ""));
    (millis.parse().unwrap_or(0), number.parse().unwrap_or(0))
}

async fn ask<T: FromRedisValue>(
    connection: &mut Connection,
    command: &Cmd,
    block: Duration,
) -> Result<T, Trouble> {
    let answer = timeout(block + MARGIN, connection.ask(command)).await;
    let value = answer.map_err(|_late| Trouble::timeout())??;
    T::from_redis_value(value).map_err(|error| Trouble::reply(error.to_string()))
}

//! Opens connections to single nodes.

use std::{fmt, time::Duration};

use redis::{
    AsyncConnectionConfig, Cmd, RedisConnectionInfo, Value,
    aio::{ConnectionLike, MultiplexedConnection},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::AbortHandle,
    time::timeout,
};

use crate::{host::Host, tls::Tls, trouble::Trouble};

/// How long one attempt to connect may take. Longer than a decision waits: the attempt goes on
/// by itself, and a later decision finds it done.
const CONNECT: Duration = Duration::from_secs(2);

/// What it takes to be let in at a node, whichever it is.
pub(crate) struct Dialer {
    login: RedisConnectionInfo,
    tls: Option<Tls>,
}

impl Dialer {
    pub(crate) fn new(login: RedisConnectionInfo, tls: Option<Tls>) -> Self {
        Self {
            // One command less at each connection, and one less to allow.
            login: login.set_skip_set_lib_name(),
            tls,
        }
    }

    /// Connects to `host` and logs in.
    pub(crate) async fn dial(&self, host: &Host) -> Result<Connection, Trouble> {
        let dialled = timeout(CONNECT, self.open(host)).await;
        dialled.unwrap_or_else(|_late| Err(Trouble::unreachable(host, "no answer in time")))
    }

    async fn open(&self, host: &Host) -> Result<Connection, Trouble> {
        let failed = |error: std::io::Error| Trouble::unreachable(host, error);
        let stream = TcpStream::connect((&*host.name, host.port)).await;
        let stream = stream.map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        match &self.tls {
            None => self.log_in(stream).await,
            Some(tls) => {
                let stream = tls.secure(host, stream).await.map_err(failed)?;
                self.log_in(stream).await
            }
        }
    }

    async fn log_in<S>(&self, stream: S) -> Result<Connection, Trouble>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let ours = AsyncConnectionConfig::new().set_response_timeout(None); // deadlines are ours
        let made = MultiplexedConnection::new_with_config(&self.login, stream, ours);
        let (link, driver) = made.await?;
        let driver = tokio::spawn(driver).abort_handle();
        Ok(Connection { link, driver })
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Dialer")
            .field("tls", &self.tls.is_some())
            .finish_non_exhaustive()
    }
}

/// One connection; clones share it, and it closes with the last of them.
#[derive(Clone)]
pub(crate) struct Connection {
    link: MultiplexedConnection,
    /// The task that reads and writes; it ends by itself when the connection breaks.
    driver: AbortHandle,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Whether the other end has hung up.
    pub(crate) fn is_closed(&self) -> bool {
        self.driver.is_finished()
    }

    /// Sends `command` once and waits for its answer without an end.
    pub(crate) async fn ask(&mut self, command: &Cmd) -> Result<Value, Trouble> {
        let answer = self.link.req_packed_command(command).await?;
        Ok(answer.extract_error()?)
    }

    /// As [`ask`](Self::ask), of a node that a slot of a cluster is moving to.
    pub(crate) async fn ask_importer(&mut self, command: &Cmd) -> Result<Value, Trouble> {
        let mut both = redis::pipe();
        both.cmd("ASKING").add_command(command.clone());
        let answers = self.link.req_packed_commands(&both, 1, 1).await?;
        let answer = answers.into_iter().next();
        let answer = answer.ok_or_else(|| Trouble::reply("no answer after ASKING"))?;
        Ok(answer.extract_error()?)
    }
}

//! Tells apart what can go wrong between us and the server.

use std::fmt;

use portcullis_core::store::StoreError;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use crate::host::Host;

#[cfg(test)]
mod tests;

/// Why a command was not answered.
#[derive(Clone, Debug)]
pub(crate) struct Trouble {
    kind: Kind,
    detail: String,
    /// The node that a cluster names instead.
    elsewhere: Option<Host>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// No answer in time; the command may have been carried out.
    Timeout,
    /// No connection, or one that broke.
    Connection,
    /// The server is a replica.
    ReadOnly,
    /// The server still reads its data.
    Loading,
    /// `maxmemory` is reached.
    OutOfMemory,
    /// The server does not know the script, and ran nothing.
    NoScript,
    /// The keys are elsewhere in a cluster.
    Moved,
    /// The keys are on their way to another node of a cluster.
    Moving,
    /// A cluster has no primary for the keys.
    NoPrimary,
    /// The user or the password is wrong, or may not do this.
    Denied,
    /// The answer is not what was asked for.
    Reply,
    /// Any other error of the server.
    Server,
}

impl Trouble {
    pub(crate) fn timeout() -> Self {
        Self::new(Kind::Timeout, "no answer within the deadline")
    }

    /// No connection to `host`.
    pub(crate) fn unreachable(host: &Host, why: impl fmt::Display) -> Self {
        Self::new(Kind::Connection, format!("{host}: {why}"))
    }

    /// No node of a cluster decides.
    pub(crate) fn no_primary() -> Self {
        Self::new(Kind::NoPrimary, "no node says that it has the slot")
    }

    /// The node that decided is a replica now.
    pub(crate) fn replica() -> Self {
        Self::new(Kind::ReadOnly, "the node is no primary")
    }

    pub(crate) fn reply(detail: impl Into<String>) -> Self {
        Self::new(Kind::Reply, detail)
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether a new connection could do better: it may lead to the new primary.
    pub(crate) fn ends_connection(&self) -> bool {
        matches!(self.kind, Kind::Connection | Kind::ReadOnly)
    }

    /// Whether the node asked has done nothing, because another one decides.
    pub(crate) fn is_elsewhere(&self) -> bool {
        matches!(self.kind, Kind::ReadOnly | Kind::Moved | Kind::Moving)
    }

    /// The node that decides, as far as the one asked knows.
    pub(crate) fn elsewhere(&self) -> Option<&Host> {
        self.elsewhere.as_ref()
    }

    /// The error that the port hands on; `doing` is the port's method.
    pub(crate) fn into_store_error(self, doing: &'static str) -> StoreError {
        StoreError::new(self.kind.text(), format!("{doing}: {}", self.detail))
    }

    fn new(kind: Kind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            detail: detail.into(),
            elsewhere: None,
        }
    }
}

impl Kind {
    fn text(self) -> &'static str {
        match self {
            Self::Timeout => "Redis did not answer in time",
            Self::Connection => "Redis cannot be reached",
            Self::ReadOnly => "Redis takes no writes, it is a replica (READONLY)",
            Self::Loading => "Redis is still loading its data (LOADING)",
            Self::OutOfMemory => "Redis has reached its maxmemory (OOM)",
            Self::NoScript => "Redis forgot the script while it was sent (NOSCRIPT)",
            Self::Moved => "the keys are on another node of a Redis cluster (MOVED)",
            Self::Moving => "the keys are moving to another node of a Redis cluster (ASK)",
            Self::NoPrimary => "the Redis cluster has no primary for the keys (CLUSTERDOWN)",
            Self::Denied => "Redis refuses the user or the command (NOAUTH, NOPERM)",
            Self::Reply => "Redis answered with something else than was asked for",
            Self::Server => "Redis answered with an error",
        }
    }
}

impl From<RedisError> for Trouble {
    fn from(error: RedisError) -> Self {
        let kind = match error.kind() {
            ErrorKind::Io if error.is_timeout() => Kind::Timeout,
            // After bytes that were no reply, the next ones would be taken for another's.
            ErrorKind::Io | ErrorKind::Parse => Kind::Connection,
            ErrorKind::AuthenticationFailed => Kind::Denied,
            ErrorKind::UnexpectedReturnType => Kind::Reply,
            ErrorKind::Server(server) => of_server(server),
            _ => of_code(error.code().unwrap_or_default()),
        };
        let elsewhere = error.redirect_node().map(|(address, _slot)| address);
        Self {
            elsewhere: elsewhere.and_then(Host::from_server),
            ..Self::new(kind, error.to_string())
        }
    }
}

fn of_server(kind: ServerErrorKind) -> Kind {
    match kind {
        ServerErrorKind::ReadOnly => Kind::ReadOnly,
        ServerErrorKind::BusyLoading | ServerErrorKind::MasterDown => Kind::Loading,
        ServerErrorKind::NoScript => Kind::NoScript,
        ServerErrorKind::NoPerm => Kind::Denied,
        ServerErrorKind::Moved => Kind::Moved,
        ServerErrorKind::Ask => Kind::Moving,
        ServerErrorKind::ClusterDown | ServerErrorKind::TryAgain => Kind::NoPrimary,
        _ => Kind::Server,
    }
}

/// For codes that the client has no name for.
fn of_code(code: &str) -> Kind {
    match code {
        "OOM" => Kind::OutOfMemory,
        "NOAUTH" | "WRONGPASS" => Kind::Denied,
        _ => Kind::Server,
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.text(), self.detail)
    }
}

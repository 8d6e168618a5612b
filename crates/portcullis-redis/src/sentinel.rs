//! Asks sentinels where the primary is.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use redis::{Cmd, Value, cmd};
use tokio::time::timeout;

use crate::{
    dial::{Connection, Dialer},
    host::Host,
    trouble::Trouble,
};

/// How long one sentinel may take: the others know as much.
const PATIENCE: Duration = Duration::from_millis(500);

/// Some sentinels, and the service whose primary they know.
#[derive(Debug)]
pub(crate) struct Sentinels {
    /// The one that answered last comes first.
    hosts: Mutex<Vec<Host>>,
    service: String,
    advisers: Dialer,
    servers: Dialer,
}

impl Sentinels {
    pub(crate) fn new(
        hosts: Vec<Host>,
        service: String,
        advisers: Dialer,
        servers: Dialer,
    ) -> Self {
        Self {
            hosts: Mutex::new(hosts),
            service,
            advisers,
            servers,
        }
    }

    /// Connects to the server that a sentinel names, which has to be a primary by its own word: a
    /// sentinel that was cut off may name an older one.
    pub(crate) async fn open(&self) -> Result<Connection, Trouble> {
        let mut trouble = Trouble::reply("no sentinel is configured");
        let mut tried = Vec::new();
        for sentinel in self.hosts() {
            let late = |_| Err(Trouble::unreachable(&sentinel, "no answer in time"));
            let named = timeout(PATIENCE, self.ask(&sentinel)).await;
            match named.unwrap_or_else(late) {
                // Another one has named it already, and it would be waited for once more.
                Ok(primary) if tried.contains(&primary) => {}
                Ok(primary) => match self.open_primary(&primary).await {
                    Ok(connection) => {
                        self.prefer(&sentinel);
                        return Ok(connection);
                    }
                    Err(last) => {
                        tried.push(primary);
                        trouble = last;
                    }
                },
                Err(last) if tried.is_empty() => trouble = last,
                Err(_) => {}
            }
        }
        Err(trouble)
    }

    async fn open_primary(&self, primary: &Host) -> Result<Connection, Trouble> {
        let mut connection = self.servers.dial(primary).await?;
        check_primary(&mut connection).await?;
        Ok(connection)
    }

    async fn ask(&self, sentinel: &Host) -> Result<Host, Trouble> {
        let mut connection = self.advisers.dial(sentinel).await?;
        let named = connection.ask(&self.question()).await?;
        let named: Option<(String, u16)> = redis::from_redis_value(named)
            .map_err(|error| Trouble::reply(format!("{sentinel}: {error}")))?;
        let service = &self.service;
        let unknown = || Trouble::reply(format!("{sentinel} knows no service {service:?}"));
        let (name, port) = named.ok_or_else(unknown)?;
        Ok(Host::new(&name, port))
    }

    fn question(&self) -> Cmd {
        let mut command = cmd("SENTINEL");
        command.arg("GET-MASTER-ADDR-BY-NAME").arg(&self.service);
        command
    }

    fn hosts(&self) -> Vec<Host> {
        let hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.clone()
    }

    fn prefer(&self, sentinel: &Host) {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.sort_by_key(|host| host != sentinel);
    }
}

/// Fails unless the other end is a primary: a replica may have missed what its primary was told.
pub(crate) async fn check_primary(connection: &mut Connection) -> Result<(), Trouble> {
    let role = timeout(PATIENCE, connection.ask(&cmd("ROLE"))).await;
    match role.map_err(|_late| Trouble::timeout())?? {
        Value::Array(role) if role.first() == Some(&Value::BulkString(b"master".into())) => Ok(()),
        _ => Err(Trouble::replica()),
    }
}

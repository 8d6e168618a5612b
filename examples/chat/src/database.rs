//! Keeps users and messages in SQLite: a file, or memory.
//!
//! One connection does one thing at a time on a thread that may block; whoever comes meanwhile
//! waits without holding a thread. The table of users is Django's `auth_user`, column for column,
//! so an exported table, or Django's own `db.sqlite3`, can be used as it is.

use std::{fmt, path::Path, sync::Arc, time::Duration};

use rusqlite::Connection;
use tokio::sync::Mutex;

mod django;
mod messages;
mod users;

#[cfg(test)]
mod tests;

pub use messages::{Message, Role};
pub use users::User;

/// The tables, made where they are missing.
const SCHEMA: &str = "
    CREATE TABLE IF NOT EXISTS auth_user (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        password varchar(128) NOT NULL,
        last_login datetime NULL,
        is_superuser bool NOT NULL,
        username varchar(150) NOT NULL UNIQUE,
        last_name varchar(150) NOT NULL,
        email varchar(254) NOT NULL,
        is_staff bool NOT NULL,
        is_active bool NOT NULL,
        date_joined datetime NOT NULL,
        first_name varchar(150) NOT NULL
    );
    CREATE TABLE IF NOT EXISTS chat_message (
        id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
        user_id varchar(255) NOT NULL,
        role varchar(9) NOT NULL,
        text TEXT NOT NULL,
        created_ms INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS chat_message_of_user ON chat_message (user_id, id);
";

/// Users and messages; a clone is another handle on the same connection.
#[derive(Clone)]
pub struct Database(Arc<Mutex<Connection>>);

impl Database {
    /// Opens `file`, or a database in memory, and makes the tables that are missing.
    ///
    /// A file is switched to write-ahead logging, so that two processes can share it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the file is none, cannot be written or holds other tables of these
    /// names.
    pub fn open(file: Option<&Path>) -> Result<Self, DatabaseError> {
        let connection = match file {
            Some(file) => Connection::open(file)?,
            None => Connection::open_in_memory()?,
        };
        connection.busy_timeout(Duration::from_secs(5))?;
        if file.is_some() {
            connection.pragma_update(None, "journal_mode", "WAL")?;
        }
        connection.execute_batch(SCHEMA)?;
        // Columns of another table of that name are found out now, not at the first login.
        connection.prepare("SELECT id, username, password, is_active FROM auth_user")?;
        connection.prepare("SELECT id, user_id, role, text, created_ms FROM chat_message")?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    /// Reads from the database, to see that it answers.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when it does not.
    pub async fn ping(&self) -> Result<(), DatabaseError> {
        self.run(|connection| connection.query_row("SELECT 1", [], |_| Ok(())))
            .await
    }

    /// Runs `work` with the connection on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let mut connection = self.0.clone().lock_owned().await;
        match tokio::task::spawn_blocking(move || work(&mut connection)).await {
            Ok(result) => Ok(result?),
            Err(join) => Err(DatabaseError(Arc::new(join))),
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Database(..)")
    }
}

/// The database could not be opened, read or written. Opaque; the source is kept.
#[derive(Clone, Debug)]
pub struct DatabaseError(Arc<dyn std::error::Error + Send + Sync>);

impl fmt::Display for DatabaseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the database failed: {}", self.0)
    }
}

impl std::error::Error for DatabaseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&*self.0)
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        Self(Arc::new(error))
    }
}

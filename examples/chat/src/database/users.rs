//! The table `auth_user`, as Django makes it.

use portcullis_core::clock::Timestamp;
use rusqlite::{OptionalExtension, Row, params};

use super::{Database, DatabaseError};

/// One row of `auth_user`, as far as a login needs it.
#[derive(Clone, Eq, PartialEq)]
pub struct User {
    /// The primary key, which tokens carry as `user_id`.
    pub id: i64,
    /// The login name.
    pub name: String,
    /// The encoded hash.
    pub password: String,
    /// Whether the user may log in.
    pub is_active: bool,
}

impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("is_active", &self.is_active)
            .finish_non_exhaustive()
    }
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: row.get(0)?,
        name: row.get(1)?,
        password: row.get(2)?,
        is_active: row.get(3)?,
    })
}

impl Database {
    /// The user called `name`, in exactly this spelling.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be read.
    pub async fn user_by_name(&self, name: &str) -> Result<Option<User>, DatabaseError> {
        let name = name.to_owned();
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, username, password, is_active FROM auth_user WHERE username = ?1",
                )?
                .query_row([name], user)
                .optional()
        })
        .await
    }

    /// The user with the primary key `id`; none for a text that is no number.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be read.
    pub async fn user_by_id(&self, id: &str) -> Result<Option<User>, DatabaseError> {
        let Ok(id) = id.parse::<i64>() else {
            return Ok(None);
        };
        self.run(move |connection| {
            connection
                .prepare_cached(
                    "SELECT id, username, password, is_active FROM auth_user WHERE id = ?1",
                )?
                .query_row([id], user)
                .optional()
        })
        .await
    }

    /// Creates the user `name` with the encoded hash `password`; `false` and no change when there
    /// is one of that name.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be written.
    pub async fn create_user(
        &self,
        name: &str,
        password: &str,
        now: Timestamp,
    ) -> Result<bool, DatabaseError> {
        let (name, password) = (name.to_owned(), password.to_owned());
        self.run(move |connection| {
            let inserted = connection.execute(
                "INSERT INTO auth_user (username, password, is_active, is_superuser, is_staff, \
                 last_name, email, first_name, date_joined) \
                 VALUES (?1, ?2, 1, 0, 0, '', '', '', datetime(?3, 'unixepoch')) \
                 ON CONFLICT (username) DO NOTHING",
                params![name, password, now.as_secs().cast_signed()],
            )?;
            Ok(inserted == 1)
        })
        .await
    }

    /// Lets the user `id` log in, or no longer; sessions end at their next refresh.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be written.
    pub async fn set_active(&self, id: i64, active: bool) -> Result<(), DatabaseError> {
        self.run(move |connection| {
            let statement = "UPDATE auth_user SET is_active = ?2 WHERE id = ?1";
            connection.execute(statement, params![id, active]).map(drop)
        })
        .await
    }

    /// The encoded hash of every user, for the costs that occur among them.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be read.
    pub async fn password_hashes(&self) -> Result<Vec<String>, DatabaseError> {
        self.run(|connection| {
            connection
                .prepare("SELECT password FROM auth_user")?
                .query_map([], |row| row.get(0))?
                .collect()
        })
        .await
    }
}

//! Who may log in: the users of the database, and their passwords.

use std::fmt;

use portcullis_core::Secret;

use crate::{
    database::{Database, DatabaseError, User},
    passwords::{PasswordError, Passwords},
};

#[cfg(test)]
mod tests;

/// The users and the pool that checks their passwords.
#[derive(Clone, Debug)]
pub struct Accounts {
    database: Database,
    passwords: Passwords,
}

impl Accounts {
    /// The users of `database`, checked by `passwords`.
    pub fn new(database: Database, passwords: Passwords) -> Self {
        Self {
            database,
            passwords,
        }
    }

    /// The user called `name`, and whether `password` is theirs and they may log in.
    ///
    /// An unknown name, a wrong password and an inactive user cost the same.
    ///
    /// # Errors
    ///
    /// [`AccountError`] when no verdict was reached.
    pub async fn check(
        &self,
        name: &str,
        password: &Secret,
    ) -> Result<(Option<User>, bool), AccountError> {
        let user = self.database.user_by_name(name).await?;
        let stored = user.as_ref().map(|user| user.password.as_str());
        let right = self.passwords.verify(name, stored, password).await?;
        let active = user.as_ref().is_some_and(|user| user.is_active);
        Ok((user, right && active))
    }

    /// The user with the id `id`, if they are still active.
    ///
    /// # Errors
    ///
    /// [`AccountError`] when the database cannot be read.
    pub async fn active(&self, id: &str) -> Result<Option<User>, AccountError> {
        let user = self.database.user_by_id(id).await?;
        Ok(user.filter(|user| user.is_active))
    }
}

/// No verdict was reached: the client may try again.
#[derive(Debug)]
#[non_exhaustive]
pub enum AccountError {
    /// The database could not be read.
    Database(DatabaseError),
    /// The password could not be checked.
    Password(PasswordError),
}

impl From<DatabaseError> for AccountError {
    fn from(error: DatabaseError) -> Self {
        Self::Database(error)
    }
}

impl From<PasswordError> for AccountError {
    fn from(error: PasswordError) -> Self {
        Self::Password(error)
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Password(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for AccountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Database(error) => Some(error),
            Self::Password(error) => Some(error),
        }
    }
}

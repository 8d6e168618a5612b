//! Adopts the refresh tokens of a Django site: asks and tells the blacklist in the same database.

use std::sync::Arc;

use portcullis::refresh::{AuthenticatorError, DjangoBlacklist};
use portcullis_core::{
    Answer,
    clock::{Clock, Timestamp},
};

use crate::database::Database;

#[cfg(test)]
mod tests;

/// Django's blacklist in the database of the users.
#[derive(Clone, Debug)]
pub struct DjangoTables {
    database: Database,
    clock: Arc<dyn Clock>,
}

impl DjangoTables {
    /// The tables in `database`; `clock` says when a token is blacklisted.
    pub fn new(database: Database, clock: Arc<dyn Clock>) -> Self {
        Self { database, clock }
    }
}

impl DjangoBlacklist for DjangoTables {
    fn is_usable(&self, jti: &str) -> Answer<Result<bool, AuthenticatorError>> {
        let (database, jti) = (self.database.clone(), jti.to_owned());
        Answer::later(async move {
            let usable = database.django_token_is_usable(&jti).await;
            usable.map_err(AuthenticatorError::new)
        })
    }

    fn blacklist(
        &self,
        jti: &str,
        subject: &str,
        expires: Timestamp,
    ) -> Answer<Result<(), AuthenticatorError>> {
        let (database, now) = (self.database.clone(), self.clock.now());
        let (jti, subject) = (jti.to_owned(), subject.to_owned());
        Answer::later(async move {
            let told = database.blacklist_django_token(&jti, &subject, expires, now);
            told.await.map_err(AuthenticatorError::new)
        })
    }
}

//! The two tables of simplejwt's and ninja-jwt's `token_blacklist`, as Django migrates them.

use portcullis_core::clock::Timestamp;
use rusqlite::{Connection, TransactionBehavior, named_params};

use super::{Database, DatabaseError};

/// Makes the row of a token that Django has flushed, or never recorded (ninja-jwt does not, when it
/// rotates). The token's text is left out: nobody may keep what can be used.
const OUTSTAND: &str = "
    INSERT INTO token_blacklist_outstandingtoken (jti, token, user_id, created_at, expires_at)
    VALUES (:jti, '', (SELECT id FROM auth_user WHERE id = :user), :now,
            datetime(:expires, 'unixepoch'))
    ON CONFLICT (jti) DO NOTHING
";
const BLACKLIST: &str = "
    INSERT INTO token_blacklist_blacklistedtoken (token_id, blacklisted_at)
    SELECT id, :now FROM token_blacklist_outstandingtoken WHERE jti = :jti
    ON CONFLICT (token_id) DO NOTHING
";

/// Whether a token was recorded when it was issued, and has not been blacklisted since.
const USABLE: &str = "
    SELECT EXISTS (
        SELECT 1 FROM token_blacklist_outstandingtoken AS issued
        WHERE jti = ?1 AND NOT EXISTS (
            SELECT 1 FROM token_blacklist_blacklistedtoken WHERE token_id = issued.id
        )
    )
";

impl Database {
    /// Looks whether Django's blacklist is in this database, with the columns that are used here.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] naming the table or column that is missing.
    pub async fn find_django_blacklist(&self) -> Result<(), DatabaseError> {
        self.run(|connection| {
            for statement in [USABLE, OUTSTAND, BLACKLIST] {
                connection.prepare(statement)?;
            }
            Ok(())
        })
        .await
    }

    /// Whether Django has issued the refresh token `jti` and not blacklisted it.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the tables cannot be read.
    pub async fn django_token_is_usable(&self, jti: &str) -> Result<bool, DatabaseError> {
        let jti = jti.to_owned();
        self.run(move |connection| {
            let mut statement = connection.prepare_cached(USABLE)?;
            statement.query_row([jti], |row| row.get(0))
        })
        .await
    }

    /// Blacklists the refresh token `jti` of `user`, which expires at `expires`; a second time
    /// changes nothing.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the tables cannot be written; nothing is then changed.
    pub async fn blacklist_django_token(
        &self,
        jti: &str,
        user: &str,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let (jti, user) = (jti.to_owned(), user.parse::<i64>().ok());
        self.run(move |connection| blacklist(connection, &jti, user, expires, now))
            .await
    }
}

fn blacklist(
    connection: &mut Connection,
    jti: &str,
    user: Option<i64>,
    expires: Timestamp,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let whole = "SELECT datetime(?1, 'unixepoch')";
    let whole: String =
        connection.query_row(whole, [now.as_secs().cast_signed()], |row| row.get(0))?;
    let now = format!("{whole}.{:06}", now.as_micros() % 1_000_000);
    // Django writes the same file: waiting for the lock now cannot fail half-way.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction
        .prepare_cached(OUTSTAND)?
        .execute(named_params! {
            ":jti": jti,
            ":user": user,
            ":expires": expires.as_secs().cast_signed(),
            ":now": now,
        })?;
    transaction
        .prepare_cached(BLACKLIST)?
        .execute(named_params! {
            ":jti": jti,
            ":now": now,
        })?;
    transaction.commit()
}

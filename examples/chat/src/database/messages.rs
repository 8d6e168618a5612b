//! What each user said and was answered.

use portcullis_core::clock::Timestamp;
use rusqlite::params;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Database, DatabaseError};

/// The most messages kept of one user; older ones go when a new one comes.
pub(super) const MAX_KEPT: u32 = 1_000;

/// Who said a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The service.
    Assistant,
    /// The user.
    User,
}

impl Role {
    /// `"assistant"` or `"user"`, as OpenAI's protocol and the table have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assistant => "assistant",
            Self::User => "user",
        }
    }
}

/// One message of a conversation.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
pub struct Message {
    /// Who said it.
    pub role: Role,
    /// What was said.
    pub text: String,
    /// When, in milliseconds since 1970.
    pub created_ms: i64,
}

impl Database {
    /// Appends a message to the history of `user`, and drops the oldest above [`MAX_KEPT`].
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be written; nothing is then changed.
    pub async fn append_message(
        &self,
        user: &str,
        role: Role,
        text: &str,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let (user, text) = (user.to_owned(), text.to_owned());
        self.run(move |connection| {
            let transaction = connection.transaction()?;
            transaction
                .prepare_cached(
                    "INSERT INTO chat_message (user_id, role, text, created_ms) \
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![
                    user,
                    role.as_str(),
                    text,
                    now.as_millis().cast_signed()
                ])?;
            transaction
                .prepare_cached(
                    "DELETE FROM chat_message WHERE user_id = ?1 AND id <= (SELECT id FROM \
                     chat_message WHERE user_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)",
                )?
                .execute(params![user, MAX_KEPT])?;
            transaction.commit()
        })
        .await
    }

    /// The last `limit` messages of `user`, oldest first.
    ///
    /// # Errors
    ///
    /// [`DatabaseError`] when the table cannot be read.
    pub async fn messages(&self, user: &str, limit: u32) -> Result<Vec<Message>, DatabaseError> {
        let user = user.to_owned();
        self.run(move |connection| {
            let mut messages = connection
                .prepare_cached(
                    "SELECT role, text, created_ms FROM chat_message WHERE user_id = ?1 \
                     ORDER BY id DESC LIMIT ?2",
                )?
                .query_map(params![user, limit], |row| {
                    let role: String = row.get(0)?;
                    Ok(Message {
                        role: if role == Role::User.as_str() {
                            Role::User
                        } else {
                            Role::Assistant
                        },
                        text: row.get(1)?,
                        created_ms: row.get(2)?,
                    })
                })?
                .collect::<rusqlite::Result<Vec<_>>>()?;
            messages.reverse();
            Ok(messages)
        })
        .await
    }
}

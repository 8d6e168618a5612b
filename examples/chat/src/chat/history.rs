//! `GET /chat/history`: what was said so far.

use axum::{Json, extract::State, http::header};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Chat, CurrentUser};
use crate::{
    database::Message,
    error::{ApiError, Refused},
};

/// How many messages are sent.
const SENT: u32 = 100;

/// The last messages of a conversation.
#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    /// At most 100, oldest first.
    pub messages: Vec<Message>,
}

/// The last messages of the user, oldest first.
///
/// # Errors
///
/// 401 without a user, 503 when the database cannot be read.
#[utoipa::path(get, path = "/chat/history", tag = "chat", responses(
    (status = 200, description = "The last 100 messages, oldest first", body = History),
    (status = 401, description = "Not logged in", body = Refused),
))]
pub async fn history(
    State(chat): State<Chat>,
    user: CurrentUser,
) -> Result<([(header::HeaderName, &'static str); 1], Json<History>), ApiError> {
    let messages = chat.database.messages(&user.id, SENT).await?;
    Ok((
        [(header::CACHE_CONTROL, "no-store")],
        Json(History { messages }),
    ))
}

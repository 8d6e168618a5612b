//! The conversation: a message comes in, its answer goes out piece by piece, both are kept.
//!
//! `POST /chat/stream` sends the pieces as Server-Sent Events, `GET /chat/ws` over a WebSocket.
//! The two differ in their framing only: `token` events with a piece each, then one `done`, or an
//! `error` where the answer broke off.

use std::sync::Arc;

use axum::{
    Router,
    extract::{DefaultBodyLimit, FromRequestParts},
    routing::{get, post},
};
use futures_util::StreamExt as _;
use http::{StatusCode, request::Parts};
use portcullis_core::{clock::Clock, identity::Identity};
use serde::{Deserialize, Serialize};
use tokio::sync::{Semaphore, mpsc};
use utoipa::ToSchema;

use crate::{
    database::{Database, Role},
    drain::Drain,
    error::ApiError,
    responder::Responder,
};

pub mod history;
pub mod socket;
pub mod stream;

#[cfg(test)]
mod tests;

/// The longest message, in bytes of UTF-8.
pub const MAX_MESSAGE_BYTES: usize = 4 * 1024;

/// The longest request: a message of which JSON escapes every byte.
const MAX_REQUEST_BYTES: usize = 6 * MAX_MESSAGE_BYTES + 256;

/// How many answers are in the making at once; one more is refused with 503.
const MAX_ANSWERS: usize = 512;

/// How many of the last messages the responder is given.
const CONTEXT_MESSAGES: u32 = 20;

/// The user whom the authentication layer let through.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CurrentUser {
    /// The user id, as in the token.
    pub id: String,
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let identity = parts.extensions.get::<Identity>();
        let identity = identity.ok_or(ApiError::UNAUTHENTICATED)?;
        Ok(Self {
            id: identity.subject().to_owned(),
        })
    }
}

/// What the chat routes share.
#[derive(Clone, Debug)]
pub struct Chat {
    database: Database,
    responder: Responder,
    clock: Arc<dyn Clock>,
    places: Arc<Semaphore>,
    drain: Drain,
}

/// A message to be answered.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Ask {
    /// 1 to 4,096 bytes of UTF-8.
    pub message: String,
}

/// One event of an answer.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, ToSchema)]
#[serde(tag = "event", rename_all = "lowercase")]
pub enum Event {
    /// The answer is complete.
    Done {},
    /// The answer broke off.
    Error {
        /// A sentence for people.
        detail: &'static str,
        /// A stable word for programs.
        code: &'static str,
    },
    /// The next piece.
    Token {
        /// Its text, to be appended as it is.
        text: String,
    },
}

impl Event {
    const fn error(error: ApiError) -> Self {
        let body = error.body();
        Self::Error {
            detail: body.detail,
            code: body.code,
        }
    }
}

/// The answer broke off upstream; the reason is in the log.
const BROKEN_OFF: ApiError = ApiError::new(
    StatusCode::BAD_GATEWAY,
    "upstream_failed",
    "The answer broke off. Please ask again.",
);

impl Chat {
    /// A chat that keeps its messages in `database` and is answered by `responder`.
    pub fn new(
        database: Database,
        responder: Responder,
        clock: Arc<dyn Clock>,
        drain: Drain,
    ) -> Self {
        Self {
            database,
            responder,
            clock,
            places: Arc::new(Semaphore::new(MAX_ANSWERS)),
            drain,
        }
    }

    /// The routes below `/chat`, to be put behind the authentication layer.
    pub fn router(self) -> Router {
        Router::new()
            .route("/chat/history", get(history::history))
            .route("/chat/stream", post(stream::stream))
            .route("/chat/ws", get(socket::socket))
            .layer(DefaultBodyLimit::max(MAX_REQUEST_BYTES))
            .with_state(self)
    }

    /// Takes the message in the JSON text `body` and answers it.
    async fn ask_json(&self, user: &str, body: &[u8]) -> Result<mpsc::Receiver<Event>, ApiError> {
        let ask: Ask = serde_json::from_slice(body).map_err(|_| {
            ApiError::invalid("The request has to be JSON like {\"message\": \"hello\"}.")
        })?;
        self.ask(user, ask.message).await
    }

    /// Keeps `message` and answers it on a task that ends when nobody listens any more.
    async fn ask(&self, user: &str, message: String) -> Result<mpsc::Receiver<Event>, ApiError> {
        if message.trim().is_empty() {
            return Err(ApiError::invalid("The message is empty."));
        }
        if message.len() > MAX_MESSAGE_BYTES {
            return Err(ApiError::invalid("The message has more than 4096 bytes."));
        }
        let place = self.places.clone().try_acquire_owned();
        let place = place.map_err(|_| ApiError::UNAVAILABLE)?;
        let now = self.clock.now();
        self.database
            .append_message(user, Role::User, &message, now)
            .await?;
        let history = self.database.messages(user, CONTEXT_MESSAGES).await?;
        metrics::counter!("chat_messages_total").increment(1);

        let (sender, receiver) = mpsc::channel(16);
        let (chat, user, working) = (self.clone(), user.to_owned(), self.drain.work());
        tokio::spawn(async move {
            chat.answer(&user, &history, &sender).await;
            drop((place, working));
        });
        Ok(receiver)
    }

    /// Sends the pieces of the answer and keeps what was sent, also when the listener left.
    async fn answer(
        &self,
        user: &str,
        history: &[crate::database::Message],
        listener: &mpsc::Sender<Event>,
    ) {
        let mut pieces = self.responder.answer(history);
        let mut answer = String::new();
        let end = loop {
            let piece = tokio::select! {
                piece = pieces.next() => piece,
                () = listener.closed() => break None,
            };
            match piece {
                Some(Ok(text)) => {
                    answer.push_str(&text);
                    if listener.send(Event::Token { text }).await.is_err() {
                        break None;
                    }
                }
                Some(Err(error)) => {
                    tracing::warn!(%error, "an answer broke off");
                    break Some(Event::error(BROKEN_OFF));
                }
                None => break Some(Event::Done {}),
            }
        };
        let outcome = match &end {
            Some(Event::Done {}) => "done",
            Some(_) => "error",
            None => "left",
        };
        metrics::counter!("chat_answers_total", "outcome" => outcome).increment(1);
        if !answer.is_empty() {
            let now = self.clock.now();
            let kept = self
                .database
                .append_message(user, Role::Assistant, &answer, now)
                .await;
            if let Err(error) = kept {
                tracing::error!(%error, "an answer was not kept");
            }
        }
        if let Some(end) = end {
            let _ = listener.send(end).await; // a listener that left has no use for it
        }
    }
}

/// The events of `receiver` as a stream.
fn events(mut receiver: mpsc::Receiver<Event>) -> impl futures_util::Stream<Item = Event> {
    futures_util::stream::poll_fn(move |context| receiver.poll_recv(context))
}

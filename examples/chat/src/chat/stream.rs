//! `POST /chat/stream`: the answer as Server-Sent Events.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Bytes,
    extract::State,
    response::{
        IntoResponse, Response,
        sse::{Event as SseEvent, KeepAlive, Sse},
    },
};
use futures_util::StreamExt as _;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use super::{Ask, Chat, CurrentUser, Event, events};
use crate::error::{ApiError, Refused};

/// How often a comment is sent while the responder thinks, so that no proxy hangs up.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Answers a message piece by piece: `token` events, then `done`, or `error`.
///
/// # Errors
///
/// 400 for a message that is none, 401 without a user, 415 for another content type than JSON,
/// 503 when too many answers are in the making.
#[utoipa::path(post, path = "/chat/stream", tag = "chat", request_body = Ask, responses(
    (status = 200, content_type = "text/event-stream", body = String,
     description = "`event: token` with `{\"text\": …}` for each piece, then `event: done` with \
                    `{}`, or `event: error` with `{\"detail\": …, \"code\": …}`"),
    (status = 400, description = "No message, or one above 4,096 bytes", body = Refused),
    (status = 401, description = "Not logged in", body = Refused),
    (status = 403, description = "No CSRF token", body = Refused),
    (status = 429, description = "Too many requests", body = Refused),
    (status = 503, description = "Too many answers in the making", body = Refused),
))]
pub async fn stream(
    State(chat): State<Chat>,
    user: CurrentUser,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    if !is_json(&headers) {
        return Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "The content type has to be application/json.",
        ));
    }
    let answer = chat.ask_json(&user.id, &body).await?;
    let frames = events(answer).map(|event| Ok::<_, Infallible>(frame(event)));
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    let mut response = Sse::new(frames).keep_alive(keep_alive).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // nginx collects a response before it sends it, unless told not to.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    Ok(response)
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// One event on the wire. JSON keeps line ends of a piece out of the framing.
fn frame(event: Event) -> SseEvent {
    match event {
        Event::Done {} => SseEvent::default().event("done").data("{}"),
        Event::Error { detail, code } => SseEvent::default()
            .event("error")
            .data(json!({"detail": detail, "code": code}).to_string()),
        Event::Token { text } => SseEvent::default()
            .event("token")
            .data(json!({"text": text}).to_string()),
    }
}

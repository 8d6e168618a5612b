//! `GET /chat/ws`: the same conversation over a WebSocket.
//!
//! Each text frame from the client is `{"message": …}`; the answer comes as text frames
//! `{"event": "token", "text": …}`, then `{"event": "done"}`, or `{"event": "error", …}`. One
//! message is answered after the other.

use axum::{
    extract::{
        State,
        ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code},
    },
    http::StatusCode,
    response::Response,
};

use portcullis::jwt_cookie::SessionEnded;

use super::{Chat, CurrentUser, Event, MAX_REQUEST_BYTES};

/// What else may end a socket.
type Ended = futures_util::future::BoxFuture<'static, ()>;

/// Opens a WebSocket on which messages are answered.
#[utoipa::path(get, path = "/chat/ws", tag = "chat", responses(
    (status = 101, description = "Text frames: `{\"message\": …}` from the client; from the \
                                  service `{\"event\": \"token\", \"text\": …}`, then \
                                  `{\"event\": \"done\"}`"),
    (status = 401, description = "Not logged in", body = crate::error::Refused),
    (status = 403, description = "Opened from another origin", body = crate::error::Refused),
))]
pub async fn socket(
    State(chat): State<Chat>,
    user: CurrentUser,
    session: Result<SessionEnded, StatusCode>,
    upgrade: WebSocketUpgrade,
) -> Response {
    let ended: Ended = match session {
        Ok(session) => Box::pin(session.into_future()),
        Err(_) => Box::pin(std::future::pending()),
    };
    upgrade
        .max_message_size(MAX_REQUEST_BYTES)
        .max_frame_size(MAX_REQUEST_BYTES)
        .on_upgrade(move |socket| talk(chat, user, socket, ended))
}

/// Answers message after message until the client leaves, the session ends or the service stops.
async fn talk(chat: Chat, user: CurrentUser, mut socket: WebSocket, mut ended: Ended) {
    let working = chat.drain.work();
    loop {
        let frame = tokio::select! {
            frame = socket.recv() => frame,
            () = &mut ended => return close(socket, close_code::POLICY, "session ended").await,
            () = working.stopping() => return close(socket, close_code::AWAY, "restarting").await,
        };
        let asked = match frame {
            Some(Ok(Frame::Text(text))) => chat.ask_json(&user.id, text.as_bytes()).await,
            Some(Ok(Frame::Binary(_))) => {
                return close(socket, close_code::UNSUPPORTED, "text frames only").await;
            }
            Some(Ok(Frame::Ping(_) | Frame::Pong(_))) => continue,
            Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
        };
        let mut answer = match asked {
            Ok(answer) => answer,
            Err(error) => {
                if send(&mut socket, &Event::error(error)).await.is_err() {
                    return;
                }
                continue;
            }
        };
        loop {
            let event = tokio::select! {
                event = answer.recv() => event,
                () = &mut ended => return close(socket, close_code::POLICY, "session ended").await,
            };
            match event {
                Some(event) if send(&mut socket, &event).await.is_ok() => {}
                Some(_) => return,
                None => break,
            }
        }
    }
}

async fn send(socket: &mut WebSocket, event: &Event) -> Result<(), axum::Error> {
    let text = serde_json::to_string(event).map_err(axum::Error::new)?;
    socket.send(Frame::Text(text.into())).await
}

async fn close(mut socket: WebSocket, code: u16, reason: &'static str) {
    let frame = CloseFrame {
        code,
        reason: reason.into(),
    };
    let _ = socket.send(Frame::Close(Some(frame))).await; // the peer may have left already
}

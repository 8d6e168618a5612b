//! Puts the routes together.

use std::sync::Arc;

use axum::Router;
use portcullis_core::{
    client::ClientPolicy,
    clock::{Clock, SystemClock},
};

use crate::{
    chat::Chat, config::Settings, database::Database, drain::Drain, echo, health, openapi, page,
    responder::Responder,
};

/// Everything that answers on `--listen`.
pub fn router(
    settings: &Settings,
    database: &Database,
    responder: Responder,
    drain: Drain,
) -> Router {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let chat = Chat::new(database.clone(), responder, clock, drain);
    let mut app = Router::new()
        .merge(chat.router())
        .merge(page::router())
        .merge(openapi::router())
        .merge(health::router(database.clone()));
    if settings.echo {
        app = app.merge(echo::router(ClientPolicy::direct()));
    }
    app
}

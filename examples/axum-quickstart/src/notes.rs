//! The application that was there before: notes in memory. All that it has of portcullis is the
//! extractor that says whose notes.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::get};
use portcullis::jwt_cookie::Authenticated;

/// How many notes a user may keep.
const MAX_NOTES: usize = 100;

type Notes = Arc<Mutex<BTreeMap<String, Vec<String>>>>;

/// `GET /notes` lists the user's notes, `POST /notes` adds one (a JSON string).
pub fn app() -> Router {
    Router::new()
        .route("/notes", get(list).post(add))
        .with_state(Notes::default())
}

async fn list(user: Authenticated, State(notes): State<Notes>) -> Json<Vec<String>> {
    let notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    Json(notes.get(user.subject()).cloned().unwrap_or_default())
}

async fn add(
    user: Authenticated,
    State(notes): State<Notes>,
    Json(note): Json<String>,
) -> StatusCode {
    let mut notes = notes.lock().unwrap_or_else(PoisonError::into_inner);
    let mine = notes.entry(user.subject().to_owned()).or_default();
    if mine.len() == MAX_NOTES {
        return StatusCode::INSUFFICIENT_STORAGE;
    }
    mine.push(note);
    StatusCode::CREATED
}

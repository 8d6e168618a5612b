//! `GET /healthz`: whether this process answers and its database does.

use axum::{Router, extract::State, routing::get};

use crate::{database::Database, error::ApiError};

/// Answers `ok` when the database can be read.
///
/// # Errors
///
/// 503 when it cannot.
#[utoipa::path(get, path = "/healthz", tag = "diagnosis", responses(
    (status = 200, description = "`ok`", body = String),
    (status = 503, description = "The database cannot be read", body = crate::error::Refused),
))]
pub async fn healthz(State(database): State<Database>) -> Result<&'static str, ApiError> {
    database.ping().await?;
    Ok("ok")
}

/// `/healthz`.
pub fn router(database: Database) -> Router {
    Router::new()
        .route("/healthz", get(healthz))
        .with_state(database)
}

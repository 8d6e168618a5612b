//! `GET /api/openapi.json`: the routes for programs.

use axum::{Json, Router, routing::get};
use utoipa::{
    OpenApi,
    openapi::{HttpMethod, PathItem, ResponseBuilder, Tag, path::OperationBuilder},
};

use crate::{chat, echo, health};

#[cfg(test)]
mod tests;

/// The chat routes; the others are added by [`document`].
#[derive(OpenApi)]
#[openapi(
    info(
        title = "portcullis-chat",
        description = "A chat service behind the portcullis layers. Every method but GET, HEAD, \
                       OPTIONS and TRACE needs the header X-CSRFToken with the token from GET \
                       /api/csrf/, unless the request is authenticated by a Bearer token."
    ),
    paths(
        chat::history::history,
        chat::stream::stream,
        chat::socket::socket,
        echo::echo,
        health::healthz
    ),
    components(schemas(chat::Event))
)]
struct ChatApi;

/// The routes of the refresh rotation service: method, path, what it does, and its 200.
const AUTH: [(HttpMethod, &str, &str, &str); 9] = [
    (
        HttpMethod::Get,
        "/api/csrf/",
        "Gives a CSRF token",
        "`{\"csrfToken\": …}`, and its cookie",
    ),
    (
        HttpMethod::Post,
        "/api/auth/login/",
        "Logs in",
        "`{\"user\": …}`, and the token cookies",
    ),
    (
        HttpMethod::Post,
        "/api/auth/refresh/",
        "Renews the tokens",
        "New token cookies",
    ),
    (
        HttpMethod::Post,
        "/api/auth/logout/",
        "Logs out",
        "The token cookies are deleted",
    ),
    (
        HttpMethod::Post,
        "/api/auth/logout-all/",
        "Ends every session of the user",
        "All ended",
    ),
    (
        HttpMethod::Get,
        "/api/auth/me/",
        "Says who is logged in",
        "`{\"user\": …}`",
    ),
    (
        HttpMethod::Get,
        "/api/auth/sessions/",
        "Lists the user's sessions",
        "`{\"sessions\": […]}`",
    ),
    (
        HttpMethod::Delete,
        "/api/auth/sessions/{sid}/",
        "Ends one of the user's sessions",
        "Ended",
    ),
    (
        HttpMethod::Post,
        "/api/token/verify/",
        "Checks a token",
        "The token in the body is valid",
    ),
];

/// The whole document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut document = ChatApi::openapi();
    document.tags = Some(["auth", "chat", "diagnosis"].map(Tag::new).to_vec());
    for (method, path, summary, success) in AUTH {
        let operation = OperationBuilder::new()
            .tag("auth")
            .summary(Some(summary))
            .response("200", ResponseBuilder::new().description(success))
            .response(
                "4XX",
                ResponseBuilder::new().description("`{\"detail\": …, \"code\": …}`"),
            );
        document
            .paths
            .paths
            .insert(path.to_owned(), PathItem::new(method, operation));
    }
    document
}

/// `/api/openapi.json`.
pub fn router() -> Router {
    let document = document();
    Router::new().route("/api/openapi.json", get(async move || Json(document)))
}

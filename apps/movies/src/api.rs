//! The API: films as JSON, errors as problem+json (RFC 9457).

use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};

use crate::layers::Problem;
use crate::movie::{Asked, Movie, Page, year};
use crate::serve::{Identity, version};
use crate::table::{Failure, Table};

/// The routes.
pub fn routes(table: Table, identity: Identity) -> Router {
    Router::new()
        .route("/movies", get(movies))
        .route("/movies/{year}/{title}", get(movie))
        .route("/version", get(move || version(identity)))
        .fallback(async || Problem::new(StatusCode::NOT_FOUND, "Here are /movies, /movies/{year}/{title} and /version."))
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are taken."))
        .with_state(table)
}

/// A problem as JSON.
pub fn problem(problem: Problem) -> Response {
    let title = problem.status.canonical_reason().unwrap_or("Error");
    let body = serde_json::json!({ "title": title, "status": problem.status.as_u16(), "detail": problem.detail });
    (problem.status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

fn bad(detail: impl Into<String>) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, detail)
}

impl From<Failure> for Problem {
    fn from(failure: Failure) -> Self {
        let status = match failure {
            Failure::Cursor => StatusCode::BAD_REQUEST,
            Failure::Building | Failure::Table { .. } => StatusCode::SERVICE_UNAVAILABLE,
        };
        if let Failure::Table { .. } = failure {
            tracing::error!(%failure, "the table failed");
            // What AWS says names accounts and roles: it is for the log.
            return Self::new(status, "The table of films does not answer. Try again; the log of the API says why.");
        }
        Self::new(status, failure.to_string())
    }
}

async fn movies(
    State(table): State<Table>,
    asked: Result<Query<Asked>, axum::extract::rejection::QueryRejection>,
) -> Result<Json<Page>, Problem> {
    let Query(asked) = asked.map_err(|error| bad(format!("{error}. Taken are year, title, genre and cursor, each once.")))?;
    let search = asked.search().map_err(bad)?;
    Ok(Json(table.page(&search, &asked.cursor).await?))
}

async fn movie(
    State(table): State<Table>,
    path: Result<Path<(String, String)>, axum::extract::rejection::PathRejection>,
) -> Result<Json<Movie>, Problem> {
    let Path((asked, title)) = path.map_err(|error| bad(format!("{error}. Expected is /movies/{{year}}/{{title}}.")))?;
    let year = year(&asked).map_err(bad)?;
    if title.is_empty() || title.len() > crate::movie::TITLE {
        return Err(bad(format!("The title has {} bytes; expected are 1 to {}.", title.len(), crate::movie::TITLE)));
    }
    let missing = || Problem::new(StatusCode::NOT_FOUND, format!("There is no film {title:?} of {year}."));
    table.movie(year, &title).await?.map(Json).ok_or_else(missing)
}

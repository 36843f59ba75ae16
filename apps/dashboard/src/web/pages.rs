//! The page of all projects, the page of one, and "refresh now".

use std::io::Write;
use std::sync::Arc;

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::Timestamp;
use serde::Deserialize;

use super::App;
use super::answer::{Message, wants_json};
use super::entry::Visitor;
use crate::board::Snapshot;
use crate::figures::{Figure, figures};
use crate::view::{Cell, Filter, Matrix, Stage, matrix, since};

/// What a rendered page depends on.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Key {
    filter: Filter,
    session: String,
}

/// A page, ready to be sent.
#[derive(Clone)]
pub struct Rendered {
    /// As it is.
    pub plain: Bytes,
    /// Compressed.
    pub gzip: Bytes,
}

/// A line above the page.
pub struct Notice {
    kind: &'static str,
    text: String,
}

/// What is above each page.
pub struct Top {
    user: String,
    signed_in: bool,
    token: String,
    notices: Vec<Notice>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Board<'a> {
    top: Top,
    filter: &'a Filter,
    matrix: &'a Matrix,
    waiting: usize,
    width: usize,
}

#[derive(Template)]
#[template(path = "project.html")]
struct Project<'a> {
    top: Top,
    row: &'a crate::model::Row,
    figures: Vec<Figure>,
    past: Vec<(String, Stage)>,
    age: String,
}

fn top(app: &App, visitor: &Visitor, snapshot: &Snapshot, now: Timestamp) -> Top {
    let mut notices = Vec::new();
    let mut say = |kind, text| notices.push(Notice { kind, text });
    if let Some(trouble) = &snapshot.apart {
        say(
            "bad",
            format!(
                "{} (Noticed {}.) Shown is what this replica last saw; each row says how old it is.",
                trouble.text,
                since(trouble.at, now)
            ),
        );
    }
    if let Some(trouble) = &snapshot.trouble {
        say(
            "bad",
            format!(
                "{} (Tried {}.) Shown is what was read before; each row says how old it is.",
                trouble.text,
                since(trouble.at, now)
            ),
        );
    }
    if let (_, Some(error)) = app.priorities.now() {
        say("wait", format!("Groups and order are those of the last good file: {error}"));
    }
    Top { user: visitor.user.clone(), signed_in: app.door.is_some(), token: app.secret.form_token(&visitor.session), notices }
}

/// `GET /`
pub async fn board(State(app): State<Arc<App>>, visitor: Visitor, Query(filter): Query<Filter>, headers: HeaderMap) -> Response {
    let key = Key { filter, session: visitor.session.clone() };
    let rendered = app.pages.try_get_with(key.clone(), async { render(&app, &visitor, &key.filter) }).await;
    let rendered = match rendered {
        Ok(rendered) => rendered,
        Err(error) => return Message::new(StatusCode::INTERNAL_SERVER_ERROR, "Not rendered", error.to_string()).into_response(),
    };
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let html = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let vary = (header::VARY, HeaderValue::from_static("accept-encoding, cookie"));
    let response = if accepts.split(',').any(|part| part.trim().split(';').next() == Some("gzip")) {
        ([html, vary, (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"))], rendered.gzip).into_response()
    } else {
        ([html, vary], rendered.plain).into_response()
    };
    visitor.on(response)
}

fn render(app: &App, visitor: &Visitor, filter: &Filter) -> Result<Rendered, askama::Error> {
    let now = Timestamp::now();
    let snapshot = app.board.now();
    let (order, _) = app.priorities.now();
    let matrix = matrix(&snapshot, &order, filter, app.ages, now);
    let width = 2 + matrix.columns.len() + usize::from(matrix.has_releases) + usize::from(matrix.has_hotfixes);
    let top = top(app, visitor, &snapshot, now);
    let html = Board { top, filter, matrix: &matrix, waiting: snapshot.waiting.len(), width }.render()?;
    let mut gzip = GzEncoder::new(Vec::with_capacity(html.len() / 8), Compression::new(5));
    gzip.write_all(html.as_bytes()).map_err(|error| askama::Error::Custom(error.into()))?;
    let gzip = gzip.finish().map_err(|error| askama::Error::Custom(error.into()))?;
    Ok(Rendered { plain: html.into(), gzip: gzip.into() })
}

/// `GET /projects/ID`
pub async fn project(State(app): State<Arc<App>>, visitor: Visitor, Path(id): Path<u64>) -> Response {
    let snapshot = app.board.now();
    let Some(row) = snapshot.rows.get(&id) else {
        return visitor.on(unknown(id).into_response());
    };
    let now = Timestamp::now();
    let past = row.history.iter().map(|past| (past.environment.clone(), Stage::of(&past.deployment, row, now))).collect();
    let page =
        Project { top: top(&app, &visitor, &snapshot, now), row, figures: figures(row, now), past, age: since(row.read_at, now) };
    let response = match page.render() {
        Ok(html) => Html(html).into_response(),
        Err(error) => Message::new(StatusCode::INTERNAL_SERVER_ERROR, "Not rendered", error.to_string()).into_response(),
    };
    visitor.on(response)
}

/// No such project here.
pub fn unknown(id: u64) -> Message {
    Message::new(
        StatusCode::NOT_FOUND,
        "Unknown project",
        format!("No project {id} is shown here. Its group may not be GITLAB_GROUP."),
    )
    .link("/", "To the releases")
}

/// The form of "refresh now".
#[derive(Deserialize)]
pub struct Refresh {
    project: u64,
    #[serde(default)]
    token: String,
}

/// `POST /refresh`
pub async fn refresh(State(app): State<Arc<App>>, visitor: Visitor, headers: HeaderMap, Form(form): Form<Refresh>) -> Response {
    if !app.secret.accepts_form(&visitor.session, &form.token) {
        return visitor.on(outdated_form().into_response());
    }
    let asked = ask(&app, form.project).await;
    let response = match asked {
        Err(message) => message.into_response(),
        Ok(()) if wants_json("/", &headers) => {
            (StatusCode::ACCEPTED, axum::Json(serde_json::json!({ "message": "It is being read." }))).into_response()
        }
        Ok(()) => Redirect::to("/").into_response(),
    };
    visitor.on(response)
}

/// A form without the token of its session.
pub fn outdated_form() -> Message {
    let text = "This form was not made for your session, so nothing was done. Open the page again.";
    Message::new(StatusCode::FORBIDDEN, "Outdated form", text).link("/", "To the releases")
}

/// Asks for a project to be read at once.
pub async fn ask(app: &App, id: u64) -> Result<(), Message> {
    let snapshot = app.board.now();
    if !snapshot.rows.contains_key(&id) && !snapshot.waiting.contains_key(&id) {
        return Err(unknown(id));
    }
    match app.asks.ask(id, &app.store).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(wait)) => {
            let text = format!("Somebody has just asked for this project. Try again in {} seconds.", wait.as_secs() + 1);
            Err(Message::new(StatusCode::TOO_MANY_REQUESTS, "Just asked", text).link("/", "To the releases"))
        }
        Err(error) => {
            Err(Message::new(StatusCode::SERVICE_UNAVAILABLE, "Not asked", error.to_string()).link("/", "To the releases"))
        }
    }
}

//! The page of all projects, the page of one, and "refresh now".

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use serde::Deserialize;

use super::App;
use super::answer::{Message, wants_json};
use super::entry::Visitor;
use super::packed::Packed;
use super::sign_in::local;
use crate::figures::{Figure, figures};
use crate::view::{Cell, Filter, Matrix, Stage, matrix, since};

/// A line above the page.
pub struct Notice {
    kind: &'static str,
    text: String,
}

/// How each page begins: what is somebody's own is all in here.
#[derive(Template)]
#[template(path = "top.html")]
struct Top {
    title: String,
    user: String,
    signed_in: bool,
    token: String,
    at: String,
    /// Whether there is a page of releases.
    has_releases: bool,
    notices: Vec<Notice>,
}

#[derive(Template)]
#[template(path = "board.html")]
struct Board<'a> {
    filter: &'a Filter,
    orders: Vec<(String, String)>,
    matrix: &'a Matrix,
    waiting: usize,
    width: usize,
}

#[derive(Template)]
#[template(path = "project.html")]
struct Project<'a> {
    row: &'a crate::model::Row,
    main: &'a str,
    stages: Vec<(&'a str, Cell)>,
    figures: Vec<Figure>,
    past: Vec<(String, Stage)>,
    age: String,
}

/// The beginning of a page.
pub fn top(app: &App, visitor: &Visitor, title: &str, at: String, now: Timestamp) -> Result<String, askama::Error> {
    let snapshot = app.board.now();
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
    let token = app.secret.form_token(&visitor.session);
    let has_releases = snapshot.releases.asked_for();
    Top { has_releases, title: title.to_owned(), user: visitor.user.clone(), signed_in: app.door.is_some(), token, at, notices }
        .render()
}

/// `GET /`
pub async fn board(State(app): State<Arc<App>>, visitor: Visitor, Query(filter): Query<Filter>, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or("");
    let response = match page(&app, &visitor, filter, accepts_gzip(accepts)).await {
        Ok(response) => response,
        Err(error) => not_rendered(&error),
    };
    visitor.on(response)
}

async fn page(app: &Arc<App>, visitor: &Visitor, filter: Filter, gzip: bool) -> Result<Response, String> {
    let beginning = top(app, visitor, "", filter.address(), Timestamp::now()).map_err(|error| error.to_string())?;
    let (sharing, key) = (app.clone(), filter.clone());
    // Rendering takes long enough to be in the way of others on this thread.
    let render = async {
        let _one_of_few = app.rendering.acquire().await.map_err(|error| error.to_string())?;
        tokio::task::spawn_blocking(move || render(&sharing, &key)).await.map_err(|error| error.to_string())?
    };
    let rest = app.pages.try_get_with(filter, render).await.map_err(|error: Arc<String>| error.to_string())?;
    let html = (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    let vary = (header::VARY, HeaderValue::from_static("accept-encoding, cookie"));
    Ok(if gzip {
        let (body, length) = rest.body(&beginning).map_err(|error| error.to_string())?;
        let gzip = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        ([html, vary, gzip, (header::CONTENT_LENGTH, HeaderValue::from(length))], body).into_response()
    } else {
        ([html, vary], rest.plain(&beginning).map_err(|error| error.to_string())?).into_response()
    })
}

/// Whether a client takes gzip: `gzip;q=0` says that it does not.
fn accepts_gzip(accepts: &str) -> bool {
    let mut parts = accepts.split(',').map(|part| part.trim().split_once(';').unwrap_or((part.trim(), "")));
    parts.any(|(name, weight)| name.trim() == "gzip" && !matches!(weight.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
}

fn render(app: &App, filter: &Filter) -> Result<Arc<Packed>, String> {
    let snapshot = app.board.now();
    let (order, _) = app.priorities.now();
    let matrix = matrix(&snapshot, &order, filter, app.ages, Timestamp::now());
    let width = 2 + matrix.columns.len() + usize::from(matrix.has_releases) + usize::from(matrix.has_hotfixes);
    let orders = filter.orders(&matrix.columns);
    let html = Board { filter, orders, matrix: &matrix, waiting: snapshot.waiting.len(), width }.render();
    Packed::new(&html.map_err(|error| error.to_string())?).map(Arc::new).map_err(|error| error.to_string())
}

/// The page could not be made.
pub fn not_rendered(error: &str) -> Response {
    Message::new(StatusCode::INTERNAL_SERVER_ERROR, "Not rendered", error).into_response()
}

/// `GET /projects/ID`
pub async fn project(State(app): State<Arc<App>>, visitor: Visitor, Path(id): Path<u64>) -> Response {
    let snapshot = app.board.now();
    let Some(row) = snapshot.rows.get(&id) else {
        return visitor.on(unknown(id).into_response());
    };
    let now = Timestamp::now();
    let past = row.history.iter().map(|past| (past.environment.clone(), Stage::of(&past.deployment, row, now))).collect();
    let stages = row.environments.iter().map(|e| (e.name.as_str(), Cell::of(row, &e.name, now))).collect();
    let main = row.project.default_branch.as_deref().unwrap_or("HEAD");
    let page = Project { row, main, stages, figures: figures(row, now), past, age: since(row.read_at, now) };
    let begins = top(&app, &visitor, &row.project.name, format!("/projects/{id}"), now);
    let response = match begins.and_then(|begins| Ok(begins + &page.render()?)) {
        Ok(html) => Html(html).into_response(),
        Err(error) => not_rendered(&error.to_string()),
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
    /// Where a browser without scripts goes on.
    #[serde(default)]
    to: String,
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
        Ok(()) => Redirect::to(local(&form.to)).into_response(),
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

//! The pages: search, browse, one film. They ask the API of their own colour, and work without JavaScript.

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use clap::ValueEnum;

use crate::layers::{Problem, RequestId};
use crate::movie::{Asked, Movie, Page};
use crate::serve::Identity;
use crate::upstream::{Answer, Upstream};

/// Tells the version of the API that the page came from.
pub const API_VERSION: HeaderName = HeaderName::from_static("x-api-version");

/// What the filter by genre offers.
const GENRES: [&str; 12] = [
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Musical",
    "Mystery",
    "Romance",
    "Science Fiction",
    "Western",
];

/// The colour of a version's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Colour {
    /// Blue
    Blue,
    /// Green
    Green,
}

impl Colour {
    /// Its class in the style sheet.
    fn class(self) -> &'static str {
        match self {
            Self::Blue => "blue",
            Self::Green => "green",
        }
    }
}

/// What the pages need.
pub struct App {
    /// Who answers.
    pub identity: Identity,
    /// The API of the same colour.
    pub api: Upstream,
    /// The colour of the header.
    pub colour: Colour,
    /// Whether films can be filtered by genre.
    pub genre_filter: bool,
}

/// What every page shows around its content.
struct Frame<'a> {
    identity: &'a Identity,
    colour: &'static str,
    api: &'a str,
    request: &'a str,
}

#[derive(Template)]
#[template(path = "films.html")]
struct Films<'a> {
    frame: Frame<'a>,
    asked: &'a Asked,
    genres: &'static [&'static str],
    wrong: Option<&'a str>,
    page: &'a Page,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "film.html")]
struct Film<'a> {
    frame: Frame<'a>,
    movie: &'a Movie,
    poster: Poster,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    frame: Frame<'a>,
    title: &'a str,
    text: &'a str,
}

#[derive(Template)]
#[template(path = "plain.html")]
struct Plain<'a> {
    title: &'a str,
    text: &'a str,
}

/// A poster, drawn from the title.
struct Poster {
    hue: u32,
    lines: Vec<(usize, String)>,
}

impl Poster {
    fn of(movie: &Movie) -> Self {
        // FNV-1a spreads titles that differ little.
        let hash = movie.title.bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
        let mut lines: Vec<String> = Vec::new();
        for word in movie.title.split_whitespace() {
            match lines.last_mut().filter(|line| line.chars().count() + word.chars().count() < 14) {
                Some(line) => *line = format!("{line} {word}"),
                None => lines.push(word.chars().take(16).collect()),
            }
        }
        let lines = lines.into_iter().take(5).enumerate().map(|(index, line)| (70 + 32 * index, line)).collect();
        Self { hue: hash % 360, lines }
    }
}

/// The routes.
pub fn routes(app: App) -> Router {
    Router::new()
        .route("/", get(films))
        .route("/movies/{year}/{title}", get(film))
        .route("/version", get(version))
        .route("/assets/style.css", get(style))
        .fallback(nothing)
        .method_not_allowed_fallback(async || Problem::new(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are taken."))
        .with_state(Arc::new(app))
}

/// A problem that no page of the application tells: a short page of its own.
pub fn problem(problem: Problem) -> Response {
    let title = problem.status.canonical_reason().unwrap_or("Error");
    (problem.status, page(&Plain { title, text: &problem.detail }, None)).into_response()
}

async fn films(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Response {
    let asked = match asked {
        Ok(Query(asked)) => asked,
        Err(error) => {
            let text = format!("{error}. Taken are year, title, genre and cursor, each once.");
            return app.message((StatusCode::BAD_REQUEST, &text), None, &request);
        }
    };
    let found = match asked.search() {
        Ok(_) => app.api.get(&["movies"], &asked, &request).await,
        Err(wrong) => Answer { version: None, result: Err((StatusCode::BAD_REQUEST, wrong)) },
    };
    let api = found.version.as_deref();
    let (status, films, wrong) = match found.result {
        Ok(films) => (StatusCode::OK, films, None),
        Err((status @ StatusCode::BAD_REQUEST, wrong)) => (status, Page::default(), Some(wrong)),
        Err((status, text)) => return app.message((status, &text), api, &request),
    };
    let next = films.cursor.clone().map(|cursor| address(&Asked { cursor, ..asked.clone() }));
    let html = Films {
        frame: app.frame(api, &request),
        asked: &asked,
        genres: if app.genre_filter { &GENRES } else { &[] },
        wrong: wrong.as_deref(),
        page: &films,
        next,
    };
    (status, page(&html, api)).into_response()
}

async fn film(
    State(app): State<Arc<App>>,
    Extension(request): Extension<RequestId>,
    path: Result<Path<(String, String)>, PathRejection>,
) -> Response {
    let (year, title) = match path {
        Ok(Path(path)) => path,
        Err(error) => return app.message((StatusCode::BAD_REQUEST, &format!("{error}.")), None, &request),
    };
    let found: Answer<Movie> = app.api.get(&["movies", &year, &title], &(), &request).await;
    let api = found.version.as_deref();
    match found.result {
        Ok(movie) => page(&Film { frame: app.frame(api, &request), movie: &movie, poster: Poster::of(&movie) }, api),
        Err((status, text)) => app.message((status, &text), api, &request),
    }
}

/// Who answers, and which API would: it is asked.
async fn version(State(app): State<Arc<App>>, Extension(request): Extension<RequestId>) -> Response {
    let api: Answer<Identity> = app.api.get(&["version"], &(), &request).await;
    let body = serde_json::json!({
        "service": app.identity.service,
        "version": app.identity.version,
        "task": app.identity.task,
        "colour": app.colour.class(),
        "api": api.result.ok(),
    });
    with_api(Json(body).into_response(), api.version.as_deref())
}

async fn style() -> Response {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "public, max-age=3600")];
    (headers, include_str!("../assets/style.css")).into_response()
}

async fn nothing(State(app): State<Arc<App>>, Extension(request): Extension<RequestId>) -> Response {
    app.message((StatusCode::NOT_FOUND, "There is no such page."), None, &request)
}

impl App {
    fn frame<'a>(&'a self, api: Option<&'a str>, request: &'a RequestId) -> Frame<'a> {
        Frame { identity: &self.identity, colour: self.colour.class(), api: api.unwrap_or("not asked"), request: &request.0 }
    }

    fn message(&self, (status, text): (StatusCode, &str), api: Option<&str>, request: &RequestId) -> Response {
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::BAD_REQUEST => "That cannot be asked",
            _ => "Not now",
        };
        let shown = page(&Message { frame: self.frame(api, request), title, text }, api);
        let mut response = (status, shown).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        }
        response
    }
}

/// The address of the same search's next page.
fn address(asked: &Asked) -> String {
    let pairs = [("year", &asked.year), ("title", &asked.title), ("genre", &asked.genre), ("cursor", &asked.cursor)];
    let pairs = pairs.into_iter().filter(|(_, value)| !value.is_empty());
    let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    format!("/?{query}")
}

fn page(template: &impl Template, api: Option<&str>) -> Response {
    match template.render() {
        Ok(html) => with_api(Html(html).into_response(), api),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

fn with_api(mut response: Response, api: Option<&str>) -> Response {
    if let Some(version) = api.and_then(|version| HeaderValue::from_str(version).ok()) {
        response.headers_mut().insert(API_VERSION, version);
    }
    response
}

//! The page of this project's own releases, and the same for programs.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::{Html, IntoResponse, Response};
use blue_green::history::{Outcome, Release, Way, span};
use jiff::Timestamp;
use serde_json::json;

use super::App;
use super::entry::Visitor;
use super::pages::{not_rendered, top};
use crate::view::{minute, since};

#[derive(Template)]
#[template(path = "releases.html")]
struct Page {
    age: Option<String>,
    trouble: Option<String>,
    lines: Vec<Line>,
}

/// A release in words.
struct Line {
    at: String,
    age: String,
    what: String,
    version: String,
    by: String,
    live_for: String,
    is_live: bool,
    class: &'static str,
    word: &'static str,
    more: Option<String>,
    how: String,
}

impl Line {
    fn of(release: &Release, now: Timestamp) -> Line {
        let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "–".into());
        let way = match release.way {
            Way::Flip => "flip",
            Way::Roll => "roll",
        };
        let (class, more) = match release.outcome {
            Outcome::Failed => ("try failed", release.reason.clone()),
            Outcome::TakenBack => ("try blocked", release.taken_back_by.as_ref().map(|by| format!("by {by}"))),
            Outcome::UnderWay => ("try running", None),
            Outcome::Live | Outcome::Replaced => ("", None),
        };
        Line {
            at: minute(release.at),
            age: since(release.at, now),
            what: release.what.clone(),
            version: or_dash(&release.version),
            by: or_dash(&release.by),
            live_for: release.live_for(now).map_or_else(|| "–".into(), span),
            is_live: release.outcome == Outcome::Live,
            class,
            word: release.outcome.word(),
            more,
            how: format!("{way} to {}", release.place),
        }
    }
}

/// `GET /releases`
pub async fn page(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let now = Timestamp::now();
    let known = app.board.now().releases.clone();
    let page = Page {
        age: known.read_at.map(|at| since(at, now)),
        trouble: known.trouble.as_ref().map(|trouble| trouble.text.clone()),
        lines: known.releases.iter().map(|release| Line::of(release, now)).collect(),
    };
    let begins = top(&app, &visitor, "Flips and rolls", "/releases".into(), now);
    let response = match begins.and_then(|begins| Ok(begins + &page.render()?)) {
        Ok(html) => Html(html).into_response(),
        Err(error) => not_rendered(&error.to_string()),
    };
    visitor.on(response)
}

/// `GET /api/v1/releases`
pub async fn list(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let known = app.board.now().releases.clone();
    visitor.on(Json(json!(*known)).into_response())
}

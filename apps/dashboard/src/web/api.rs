//! `/api/v1`: the same data for programs.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use super::App;
use super::entry::{Program, Visitor};
use super::pages::{ask, unknown};
use crate::model::{Deployment, Row};
use crate::view::{Filter, freshness, matrix};

#[derive(Serialize)]
struct Behind<'a> {
    of: &'a str,
    commits: Option<u32>,
}

#[derive(Serialize)]
struct Place<'a> {
    name: &'a str,
    tier: crate::model::Tier,
    version: Option<&'a str>,
    deployed: Option<&'a Deployment>,
    attempt: Option<&'a Deployment>,
    behind: Vec<Behind<'a>>,
}

fn place(row: &Row, at: usize) -> Place<'_> {
    let environment = &row.environments[at];
    let deployed = environment.live.as_ref();
    let before = row.before(at).and_then(|e| Some((e.name.as_str(), e.live.as_ref()?.sha.as_str())));
    let head = row.head.as_ref().map(|head| (head.name.as_str(), head.sha.as_str()));
    let behind = |live: &Deployment| {
        before.into_iter().chain(head).map(|(of, to)| Behind { of, commits: row.commits_behind(&live.sha, to) }).collect()
    };
    Place {
        name: &environment.name,
        tier: environment.tier,
        version: deployed.map(Deployment::version),
        deployed,
        attempt: environment.attempt.as_ref(),
        behind: deployed.map(behind).unwrap_or_default(),
    }
}

fn json_of(row: &Row, app: &App) -> serde_json::Value {
    let place_in_file = app.priorities.now().0.place(row.project.id);
    json!({
        "id": row.project.id, "path": row.project.path, "name": row.project.name, "web_url": row.project.web_url,
        "group": place_in_file.group, "category": place_in_file.category,
        "default_branch": row.head, "branches": row.branches,
        "environments": (0..row.environments.len()).map(|at| place(row, at)).collect::<Vec<_>>(),
        "out_of_step": row.out_of_step(), "read_at": row.read_at, "freshness": freshness(row, app.ages, Timestamp::now()), "trouble": row.trouble,
    })
}

/// `GET /api/v1/projects`, with the page's filters.
pub async fn projects(State(app): State<Arc<App>>, visitor: Visitor, Query(filter): Query<Filter>) -> Response {
    let snapshot = app.board.now();
    let (order, _) = app.priorities.now();
    let matrix = matrix(&snapshot, &order, &filter, app.ages, Timestamp::now());
    let shown = matrix.sections.iter().flat_map(|section| &section.lines).filter_map(|line| snapshot.rows.get(&line.id));
    let projects: Vec<_> = shown.map(|row| json_of(row, &app)).collect();
    let answer = json!({ "projects": projects, "of": matrix.of, "waiting": snapshot.waiting.len(), "listed_at": snapshot.listed_at, "trouble": snapshot.trouble });
    visitor.on(Json(answer).into_response())
}

/// `GET /api/v1/projects/ID`
pub async fn project(State(app): State<Arc<App>>, visitor: Visitor, Path(id): Path<u64>) -> Response {
    let snapshot = app.board.now();
    let response = match snapshot.rows.get(&id) {
        Some(row) => {
            let mut answer = json_of(row, &app);
            answer["history"] = json!(row.history);
            answer["figures"] = json!(crate::figures::figures(row, Timestamp::now()));
            Json(answer).into_response()
        }
        None => unknown(id).into_response(),
    };
    visitor.on(response)
}

/// `POST /api/v1/projects/ID/refresh`
pub async fn refresh(State(app): State<Arc<App>>, Program(visitor): Program, Path(id): Path<u64>) -> Response {
    let response = match ask(&app, id).await {
        Ok(()) => (StatusCode::ACCEPTED, Json(json!({ "message": "It is being read." }))).into_response(),
        Err(message) => message.into_response(),
    };
    visitor.on(response)
}

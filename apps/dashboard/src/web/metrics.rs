//! `/metrics` for Prometheus, `/readyz` for load balancers.

use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;

use super::App;
use super::entry::Visitor;

/// `GET /metrics`
pub async fn metrics(State(app): State<Arc<App>>, visitor: Visitor) -> Response {
    let snapshot = app.board.now();
    let now = Timestamp::now();
    let oldest = snapshot.rows.values().map(|row| now.duration_since(row.read_at).as_secs()).max().unwrap_or(0);
    let troubled = snapshot.rows.values().filter(|row| row.trouble.is_some()).count();
    let count = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed).to_string();
    let requests = app.source.as_ref().map_or(0, |source| source.requests());
    let throttled = app.door.as_ref().map_or(0, |door| door.members.throttled());
    let table = [
        ("dashboard_projects", "gauge", "Projects shown.", snapshot.rows.len().to_string()),
        ("dashboard_projects_waiting", "gauge", "Projects not read yet.", snapshot.waiting.len().to_string()),
        ("dashboard_projects_troubled", "gauge", "Projects whose last reading failed.", troubled.to_string()),
        ("dashboard_oldest_row_seconds", "gauge", "Age of the oldest row.", oldest.to_string()),
        (
            "dashboard_gitlab_up",
            "gauge",
            "1 where the last round could read GitLab.",
            u8::from(snapshot.trouble.is_none()).to_string(),
        ),
        ("dashboard_refresh_rounds_total", "counter", "Rounds that ended.", count(&app.counters.rounds)),
        ("dashboard_projects_read_total", "counter", "Projects read.", count(&app.counters.read)),
        ("dashboard_projects_failed_total", "counter", "Projects that could not be read.", count(&app.counters.failed)),
        ("dashboard_refresh_last_milliseconds", "gauge", "How long the last round took.", count(&app.counters.last_round_ms)),
        ("dashboard_gitlab_requests_total", "counter", "Requests to GitLab by this process.", requests.to_string()),
        ("dashboard_gitlab_throttled_total", "counter", "Answers 429 to this process.", throttled.to_string()),
        ("dashboard_http_requests_total", "counter", "Requests answered.", count(&app.answered)),
    ];
    let mut text = String::new();
    for (name, kind, help, value) in table {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
    }
    visitor.on(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// `GET /readyz`: whether there is something to show. GitLab and Redis may be down.
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let snapshot = app.board.now();
    if snapshot.ready() {
        return "ready\n".into_response();
    }
    let text = match &snapshot.trouble {
        Some(trouble) => format!("nothing was read yet: {}\n", trouble.text),
        None => format!("nothing was read yet, {} projects to go\n", snapshot.waiting.len()),
    };
    (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
}

//! A GitLab that keeps its state, pages by `Link`, and fails where it is asked to. What it says is held against GitLab's own clients.

pub mod world;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use jiff::Timestamp;
use serde_json::{Value, json};

use world::{Deployed, Project, World};

/// The server's own token.
pub const TOKEN: &str = "glpat-the-server's-own-token";

/// A running fake.
#[derive(Clone)]
pub struct GitLab {
    world: Arc<Mutex<World>>,
    /// Its address.
    pub url: String,
    oauth: Arc<Mutex<Option<String>>>,
}

type Asked = Query<HashMap<String, String>>;

impl GitLab {
    /// Starts it on a free port.
    pub async fn start() -> GitLab {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let gitlab = GitLab { world: Arc::default(), url, oauth: Arc::default() };
        gitlab.world().tokens.insert(TOKEN.into(), 1);
        gitlab.world().members.insert(1);
        gitlab.serve(listener);
        gitlab
    }

    fn serve(&self, listener: tokio::net::TcpListener) {
        let api = Router::new()
            .route("/user", get(user))
            .route("/groups/{group}", get(group))
            .route("/groups/{group}/projects", get(projects))
            .route("/groups/{group}/members/all/{user}", get(member))
            .route("/projects/{id}", get(project))
            .route("/projects/{id}/environments", get(environments))
            .route("/projects/{id}/deployments", get(deployments))
            .route("/projects/{id}/repository/branches", get(branches))
            .route("/projects/{id}/repository/tags", get(tags))
            .route("/projects/{id}/repository/compare", get(compare))
            .layer(from_fn_with_state(self.clone(), around));
        let app = Router::new().nest("/api/v4", api).fallback(any(forward)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    }

    /// What it knows.
    pub fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap()
    }

    /// Sends everything but the API to an OAuth2 server.
    pub fn sign_in_at(&self, oauth: &str) {
        *self.oauth.lock().unwrap() = Some(oauth.to_owned());
    }
}

fn error(status: u16, text: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), axum::Json(json!({ "message": text }))).into_response()
}

fn caller(headers: &HeaderMap, world: &World) -> Option<u64> {
    let bearer = || headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ");
    let token = headers.get("private-token").and_then(|value| value.to_str().ok()).or_else(bearer)?;
    world.tokens.get(token).copied()
}

/// Notes the request, lets faults strike, asks for a token.
async fn around(State(gitlab): State<GitLab>, request: Request, next: Next) -> Response {
    let address = request.uri().path_and_query().unwrap().to_string();
    let fault = {
        let mut world = gitlab.world();
        world.requests.push(address.clone());
        let fault = world.faults.iter_mut().find(|fault| address.contains(&fault.path) && fault.times > 0);
        fault.map(|fault| {
            fault.times -= 1;
            fault.clone()
        })
    };
    if let Some(fault) = fault {
        tokio::time::sleep(fault.wait).await;
        if fault.status == 429 {
            // GitLab says this in plain text.
            let mut response = (StatusCode::TOO_MANY_REQUESTS, "Retry later\n").into_response();
            if let Some(seconds) = fault.retry_after {
                response.headers_mut().insert("retry-after", seconds.into());
            }
            return response;
        }
        if fault.status != 200 {
            return (StatusCode::from_u16(fault.status).unwrap(), "<html>it is broken</html>").into_response();
        }
    }
    let known = caller(request.headers(), &gitlab.world()).is_some();
    if known { next.run(request).await } else { error(401, "401 Unauthorized") }
}

/// A page of a list with GitLab's headers.
fn paged(gitlab: &GitLab, path: &str, query: &HashMap<String, String>, list: Vec<Value>) -> Response {
    let number = |name: &str, default| query.get(name).map_or(Some(default), |text| text.parse::<usize>().ok());
    let (Some(page), Some(per_page)) = (number("page", 1), number("per_page", 20)) else {
        return error(400, "page or per_page is invalid");
    };
    let per_page = per_page.min(100);
    let total = list.len();
    let values: Vec<Value> = list.into_iter().skip((page.max(1) - 1) * per_page).take(per_page).collect();
    let address = |page: usize| {
        let mut pairs: Vec<_> = query.iter().filter(|(name, _)| *name != "page").collect();
        pairs.sort();
        let encoded = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(pairs)
            .append_pair("page", &page.to_string())
            .finish();
        format!("<{}/api/v4/{path}?{encoded}>", gitlab.url)
    };
    let mut links = vec![format!("{}; rel=\"first\"", address(1))];
    let mut next = String::new();
    if page * per_page < total {
        links.push(format!("{}; rel=\"next\"", address(page + 1)));
        next = (page + 1).to_string();
    }
    let headers = [
        ("link", links.join(", ")),
        ("x-page", page.to_string()),
        ("x-per-page", per_page.to_string()),
        ("x-next-page", next),
        ("x-total", total.to_string()),
        ("x-total-pages", total.div_ceil(per_page).to_string()),
    ];
    (axum::response::AppendHeaders(headers), axum::Json(values)).into_response()
}

async fn user(State(gitlab): State<GitLab>, headers: HeaderMap) -> Response {
    let id = caller(&headers, &gitlab.world()).unwrap();
    axum::Json(json!({ "id": id, "username": format!("user{id}"), "state": "active" })).into_response()
}

async fn group(Path(group): Path<String>) -> Response {
    if group == "team" || group == "5" {
        axum::Json(json!({ "id": 5, "full_path": "team" })).into_response()
    } else {
        error(404, "404 Group Not Found")
    }
}

async fn projects(State(gitlab): State<GitLab>, Path(group): Path<String>, Query(query): Asked) -> Response {
    if group != "team" && group != "5" {
        return error(404, "404 Group Not Found");
    }
    let list = gitlab.world().projects.values().map(|project| project.json(&gitlab.url)).collect();
    paged(&gitlab, "groups/team/projects", &query, list)
}

async fn member(State(gitlab): State<GitLab>, Path((group, user)): Path<(String, u64)>) -> Response {
    if group != "team" && group != "5" {
        return error(404, "404 Group Not Found");
    }
    match gitlab.world().members.contains(&user) {
        true => axum::Json(json!({ "id": user, "username": format!("user{user}"), "state": "active", "access_level": 30 }))
            .into_response(),
        false => error(404, "404 Not found"),
    }
}

/// Answers from a project, or that there is none.
fn of(gitlab: &GitLab, id: u64, answer: impl FnOnce(&Project) -> Response) -> Response {
    let found = gitlab.world().projects.get(&id).cloned();
    found.map_or_else(|| error(404, "404 Project Not Found"), |project| answer(&project))
}

async fn project(State(gitlab): State<GitLab>, Path(id): Path<u64>) -> Response {
    of(&gitlab, id, |project| axum::Json(project.json(&gitlab.url)).into_response())
}

async fn environments(State(gitlab): State<GitLab>, Path(id): Path<u64>, Query(query): Asked) -> Response {
    of(&gitlab, id, |project| paged(&gitlab, &format!("projects/{id}/environments"), &query, project.environments()))
}

async fn deployments(State(gitlab): State<GitLab>, Path(id): Path<u64>, Query(query): Asked) -> Response {
    let get = |name: &str| query.get(name).map(String::as_str);
    let order = get("order_by").unwrap_or("id");
    if get("updated_after").is_some() && order != "updated_at" {
        return error(400, "400 Bad request - `updated_at` filter requires `updated_at` sort");
    }
    if order == "finished_at" && get("status") != Some("success") {
        return error(400, "400 Bad request - `finished_at` filter must be combined with `success` status filter.");
    }
    if !["id", "iid", "created_at", "updated_at", "finished_at", "ref"].contains(&order) {
        return error(400, "order_by does not have a valid value");
    }
    let after = match get("updated_after").map(str::parse::<Timestamp>).transpose() {
        Ok(after) => after,
        Err(_) => return error(400, "updated_after is invalid"),
    };
    of(&gitlab, id, |project| {
        let wanted = |d: &&Deployed| {
            get("status").is_none_or(|status| status == d.status)
                && get("environment").is_none_or(|name| project.environments[d.environment].1 == name)
                && after.is_none_or(|after| d.updated > after)
        };
        let mut found: Vec<&Deployed> = project.deployments.iter().filter(wanted).collect();
        found.sort_by_key(|d| {
            if order == "updated_at" || order == "finished_at" { (d.updated, d.id) } else { (Timestamp::UNIX_EPOCH, d.id) }
        });
        if get("sort") == Some("desc") {
            found.reverse();
        }
        let list = found.into_iter().map(|d| project.deployment(d, &gitlab.url)).collect();
        paged(&gitlab, &format!("projects/{id}/deployments"), &query, list)
    })
}

async fn branches(State(gitlab): State<GitLab>, Path(id): Path<u64>, Query(query): Asked) -> Response {
    of(&gitlab, id, |project| {
        let mut list = project.branches();
        if let Some(regex) = query.get("regex") {
            // The only patterns that are asked for: alternatives of literal beginnings.
            let parts: Vec<String> = regex
                .trim_start_matches("^(")
                .trim_end_matches(')')
                .split('|')
                .map(|part| part.replace(['\\', '$'], "").replace("[/-]", ""))
                .collect();
            list.retain(|branch| parts.iter().any(|part| branch["name"].as_str().unwrap().starts_with(part)));
        }
        paged(&gitlab, &format!("projects/{id}/repository/branches"), &query, list)
    })
}

async fn tags(State(gitlab): State<GitLab>, Path(id): Path<u64>, Query(query): Asked) -> Response {
    of(&gitlab, id, |project| paged(&gitlab, &format!("projects/{id}/repository/tags"), &query, project.tags()))
}

async fn compare(State(gitlab): State<GitLab>, Path(id): Path<u64>, Query(query): Asked) -> Response {
    let (Some(from), Some(to)) = (query.get("from"), query.get("to")) else {
        return error(400, "from is missing, to is missing");
    };
    of(&gitlab, id, |project| {
        match project.compare(from, to) {
        Some(commits) => axum::Json(json!({ "commit": commits.last(), "commits": commits, "diffs": [], "compare_timeout": false, "compare_same_ref": from == to })).into_response(),
        None => error(404, "404 Ref Not Found"),
    }
    })
}

/// Passes a request on to the OAuth2 server.
async fn forward(State(gitlab): State<GitLab>, request: Request) -> Response {
    let Some(to) = gitlab.oauth.lock().unwrap().clone() else { return error(502, "no OAuth2 server") };
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let mut headers = parts.headers.clone();
    headers.insert("x-forwarded-proto", "http".parse().unwrap());
    let sent = client.request(parts.method, format!("{to}{}", parts.uri)).headers(headers).body(body).send().await;
    let Ok(answer) = sent else { return error(502, "the OAuth2 server does not answer") };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status();
    *response.headers_mut() = answer.headers().clone();
    response.headers_mut().remove(header::TRANSFER_ENCODING);
    *response.body_mut() = Body::from(answer.bytes().await.unwrap());
    response
}

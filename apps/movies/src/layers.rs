//! Around every request: an id that goes from web to API, a time limit, a line in the log, and headers that say who answered and keep
//! browsers careful.

use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::serve::Identity;

/// Carries a request's id.
pub const REQUEST: HeaderName = HeaderName::from_static("x-request-id");
/// Tells the version that answered.
pub const VERSION: HeaderName = HeaderName::from_static("x-version");
/// Tells the task that answered.
pub const TASK: HeaderName = HeaderName::from_static("x-task");

/// The longest that a request may take.
const LIMIT: Duration = Duration::from_secs(8);
/// The longest address that is taken, in bytes.
const ADDRESS: usize = 4_096;

const POLICY: &str =
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// How an error is told: as a page, or as problem+json.
pub type Answers = fn(Problem) -> Response;

/// What the layer knows.
pub struct Around {
    /// Who answers.
    pub identity: Identity,
    /// How errors are told.
    pub answers: Answers,
}

/// An error.
#[derive(Clone, Debug)]
pub struct Problem {
    /// The status.
    pub status: StatusCode,
    /// What was found, what was expected, what to do.
    pub detail: String,
}

impl Problem {
    /// An error.
    pub fn new(status: StatusCode, detail: impl Into<String>) -> Self {
        Self { status, detail: detail.into() }
    }
}

/// The id of the request that is being answered.
#[derive(Clone, Debug)]
pub struct RequestId(pub String);

/// The id that a request comes with, where it is a plain one; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST).and_then(|value| value.to_str().ok()).unwrap_or("");
    let plain = (8..=64).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain {
        return given.to_owned();
    }
    let mut bytes = [0; 15];
    // Without randomness an id is only less useful.
    let _ = getrandom::fill(&mut bytes);
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// The layer.
pub async fn around(State(around): State<Arc<Around>>, mut request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let length = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    let mut response = if length > ADDRESS {
        let detail = format!("The address has {length} bytes; at most {ADDRESS} are taken.");
        (around.answers)(Problem::new(StatusCode::URI_TOO_LONG, detail))
    } else {
        match tokio::time::timeout(LIMIT, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let detail = format!("No answer within {} s. Try again.", LIMIT.as_secs());
                (around.answers)(Problem::new(StatusCode::SERVICE_UNAVAILABLE, detail))
            }
        }
    };
    if let Some(problem) = response.extensions_mut().remove::<Problem>() {
        let old = response;
        response = (around.answers)(problem);
        for (name, value) in old.headers() {
            response.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
    guard(response.headers_mut(), &around.identity, &id);
    let status = response.status().as_u16();
    let us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
    // Health checks come every few seconds, and would hide everything else.
    if !matches!(path.as_str(), "/livez" | "/readyz") {
        tracing::info!(request = id, method = method.as_str(), path, status, us, "answered");
    }
    response
}

fn guard(headers: &mut HeaderMap, identity: &Identity, id: &str) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(VERSION, &identity.version);
    set(TASK, &identity.task);
    set(REQUEST, id);
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
}

/// Turned into a page or problem+json by the layer.
impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

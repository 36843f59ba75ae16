//! Answers that are not the page: messages for people, JSON for machines.

use askama::Template;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};

/// A message instead of what was asked for.
pub struct Message {
    /// The status.
    pub status: StatusCode,
    /// What happened, in three words.
    pub title: &'static str,
    /// What was found, what to do.
    pub text: String,
    /// Where to go from here.
    pub link: Option<(String, &'static str)>,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Page<'a> {
    title: &'a str,
    text: &'a str,
    link: &'a Option<(String, &'static str)>,
    request: &'a str,
}

impl Message {
    /// A message without a link.
    pub fn new(status: StatusCode, title: &'static str, text: impl Into<String>) -> Message {
        Message { status, title, text: text.into(), link: None }
    }

    /// The message with a link.
    pub fn link(mut self, to: impl Into<String>, label: &'static str) -> Message {
        self.link = Some((to.into(), label));
        self
    }

    /// The answer, as the client reads it. The request's id comes from the layer around.
    pub fn answer(&self, json: bool, request: &str) -> Response {
        if json {
            let body = serde_json::json!({ "error": self.title, "message": self.text, "request": request });
            return (self.status, Json(body)).into_response();
        }
        let page = Page { title: self.title, text: &self.text, link: &self.link, request };
        match page.render() {
            Ok(html) => (self.status, Html(html)).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    }
}

/// Whether a client wants JSON: it asks for the API, or says so.
pub fn wants_json(path: &str, headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    path.starts_with("/api/") || accept.starts_with("application/json")
}

/// Turned into its answer by the layer around, which knows the request.
impl IntoResponse for Message {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}

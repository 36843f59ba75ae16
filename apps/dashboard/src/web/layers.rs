//! Around every request: an id, a line in the log, and the headers that keep browsers careful.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::App;
use super::answer::{Message, wants_json};

/// Who asked, for the log.
#[derive(Clone)]
pub struct Who(pub String);

const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
                      base-uri 'none'; frame-ancestors 'none'";

/// The id that a request comes with, where it is a plain one; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get("x-request-id").and_then(|value| value.to_str().ok()).unwrap_or("");
    let plain = (8..=64).contains(&given.len()) && given.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if plain { given.to_owned() } else { crate::secret::random_id().chars().take(22).collect() }
}

/// The layer.
pub async fn around(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let id = request_id(request.headers());
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let json = wants_json(&path, request.headers());
    let mut response = next.run(request).await;
    if let Some(message) = response.extensions().get::<Arc<Message>>().cloned() {
        let old = std::mem::replace(&mut response, message.answer(json, &id));
        for name in [header::SET_COOKIE, header::RETRY_AFTER, header::LOCATION] {
            for value in old.headers().get_all(&name) {
                response.headers_mut().append(&name, value.clone());
            }
        }
        if let Some(who) = old.extensions().get::<Who>() {
            response.extensions_mut().insert(who.clone());
        }
    }
    guard(response.headers_mut(), app.https, &id);
    app.answered.fetch_add(1, Ordering::Relaxed);
    let user = response.extensions().get::<Who>().map_or("-", |who| &who.0);
    let status = response.status().as_u16();
    // The path alone: a query may hold a code of the sign-in.
    let us = began.elapsed().as_micros() as u64;
    tracing::info!(request = id, method = method.as_str(), path, status, us, user, "answered");
    response
}

fn guard(headers: &mut HeaderMap, https: bool, id: &str) {
    let mut set = |name: HeaderName, value: &'static str| drop(headers.insert(name, HeaderValue::from_static(value)));
    set(header::CONTENT_SECURITY_POLICY, POLICY);
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "same-origin");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    if https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert("x-request-id", id);
    }
}

/// Any other path.
pub async fn not_found() -> Response {
    Message::new(StatusCode::NOT_FOUND, "Not found", "There is no such page.").link("/", "To the releases").into_response()
}

//! Who comes in: a session, a token, or nobody.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;

use super::answer::{Message, wants_json};
use super::layers::Who;
use super::{App, Door};
use crate::secret::Secret;
use crate::sessions::Session;

/// Somebody who may look.
pub struct Visitor {
    /// The session's id; empty for a token.
    pub session: String,
    /// The user name.
    pub user: String,
}

/// Somebody who came with a token of their own: no form of another site can do that.
pub struct Program(pub Visitor);

impl Visitor {
    /// Notes who asked on the answer, for the log.
    pub fn on(&self, mut response: Response) -> Response {
        response.extensions_mut().insert(Who(self.user.clone()));
        response
    }
}

/// The names of the cookies. `__Host-` binds them to this host over https.
pub fn cookie_name(app: &App, what: &str) -> String {
    if app.https { format!("__Host-dashboard-{what}") } else { format!("dashboard-{what}") }
}

/// A cookie that a browser sent.
pub fn cookie(app: &App, headers: &HeaderMap, what: &str) -> Option<String> {
    let name = cookie_name(app, what);
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

fn token(headers: &HeaderMap) -> Option<Secret> {
    let bearer = || headers.get(AUTHORIZATION)?.to_str().ok()?.strip_prefix("Bearer ");
    let value = headers.get("private-token").and_then(|value| value.to_str().ok()).or_else(bearer)?.trim();
    (!value.is_empty() && value.len() <= 512).then(|| Secret::new(value))
}

async fn by_token(door: &Door, token: &Secret) -> Result<Visitor, Message> {
    match door.members.by_token(token).await {
        Ok(Some(user)) => Ok(Visitor { session: String::new(), user: user.to_string() }),
        Ok(None) => {
            let text = format!(
                "This token is not valid, lacks the scope read_user or read_api, or its owner is no member of {}.",
                door.members.group()
            );
            Err(Message::new(StatusCode::UNAUTHORIZED, "Not a member's token", text))
        }
        Err(error) => Err(Message::new(StatusCode::SERVICE_UNAVAILABLE, "Token not checked", error.text)),
    }
}

/// Tells a person or a program to sign in.
fn sign_in_first(parts: &Parts) -> Response {
    if parts.method != Method::GET || wants_json(parts.uri.path(), &parts.headers) || parts.uri.path() == "/metrics" {
        let text = "Sign in, or send a GitLab token of a member in the header PRIVATE-TOKEN.";
        return Message::new(StatusCode::UNAUTHORIZED, "Not signed in", text).link("/sign-in", "Sign in").into_response();
    }
    let to = parts.uri.path_and_query().map_or("/", |to| to.as_str());
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("to", to).finish();
    Redirect::to(&format!("/sign-in?{query}")).into_response()
}

async fn by_session(app: &App, door: &Door, id: String, parts: &Parts) -> Result<Visitor, Response> {
    let now = Timestamp::now();
    let unavailable = |error: &dyn std::fmt::Display| {
        let text = format!("Sessions cannot be looked up now, so nobody is let in. {error}");
        Message::new(StatusCode::SERVICE_UNAVAILABLE, "Sessions not available", text).into_response()
    };
    let session = app.sessions.find(&id, now).await.map_err(|error| unavailable(&error))?;
    let Some(mut session) = session else { return Err(sign_in_first(parts)) };
    let before = session.clone();
    if now.duration_since(session.checked) >= app.member_for {
        check(app, door, &id, &mut session, now).await?;
    }
    app.sessions.touch(&mut session, now);
    if session != before {
        app.sessions.update(&id, &session).await.map_err(|error| unavailable(&error))?;
    }
    Ok(Visitor { session: id, user: session.user })
}

/// Checks the membership again. While GitLab is down a session lives on, at most to its end.
async fn check(app: &App, door: &Door, id: &str, session: &mut Session, now: Timestamp) -> Result<(), Response> {
    match door.members.has(session.user_id).await {
        Ok(true) => session.checked = now,
        Ok(false) => {
            if let Err(error) = app.sessions.end(id).await {
                tracing::warn!(%error, "session of a former member not ended, it is refused again");
            }
            let text =
                format!("@{} is no longer a member of {} in GitLab, so the session is over.", session.user, door.members.group());
            return Err(Message::new(StatusCode::FORBIDDEN, "Not a member", text).link("/sign-in", "Sign in").into_response());
        }
        Err(error) => tracing::warn!(user = session.user, %error, "membership not checked, the session lives on"),
    }
    Ok(())
}

impl FromRequestParts<Arc<App>> for Visitor {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Visitor, Response> {
        let Some(door) = &app.door else {
            return Ok(Visitor { session: "demo".into(), user: "made-up projects".into() });
        };
        let for_programs = parts.uri.path().starts_with("/api/") || parts.uri.path() == "/metrics";
        match (token(&parts.headers).filter(|_| for_programs), cookie(app, &parts.headers, "session")) {
            (Some(token), _) => by_token(door, &token).await.map_err(IntoResponse::into_response),
            (None, Some(id)) => by_session(app, door, id, parts).await,
            (None, None) => Err(sign_in_first(parts)),
        }
    }
}

impl FromRequestParts<Arc<App>> for Program {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Program, Response> {
        let Some(door) = &app.door else {
            return Visitor::from_request_parts(parts, app).await.map(Program);
        };
        let Some(token) = token(&parts.headers) else {
            let text = "Send a GitLab token of a member in the header PRIVATE-TOKEN; a cookie is not enough here.";
            return Err(Message::new(StatusCode::UNAUTHORIZED, "No token", text).into_response());
        };
        by_token(door, &token).await.map(Program).map_err(IntoResponse::into_response)
    }
}

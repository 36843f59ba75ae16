//! Signing in with GitLab: OAuth2 with state and PKCE, then the question whether the person is a member.

use std::sync::Arc;

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::Timestamp;
use oauth2::basic::BasicClient;
use oauth2::{
    AuthUrl, AuthorizationCode, ClientId, ClientSecret, CsrfToken, EndpointNotSet, EndpointSet, HttpRequest, HttpResponse,
    PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope, TokenResponse, TokenUrl,
};
use serde::Deserialize;
use url::Url;

use super::answer::Message;
use super::entry::{Visitor, cookie, cookie_name};
use super::layers::Who;
use super::pages::outdated_form;
use super::{App, Door};
use crate::secret::{Secret, random_id};
use crate::sessions::{Begun, Session};

/// GitLab as the place to sign in.
pub struct OAuth {
    client: BasicClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointSet>,
    http: reqwest::Client,
    userinfo: String,
}

#[derive(Deserialize)]
struct UserInfo {
    sub: String,
    nickname: Option<String>,
    preferred_username: Option<String>,
}

impl OAuth {
    /// The endpoints of a GitLab, and the way back to this dashboard.
    pub fn new(http: reqwest::Client, gitlab: &Url, id: &str, secret: &Secret, public: &Url) -> Result<OAuth, url::ParseError> {
        let base = gitlab.as_str().trim_end_matches('/');
        let back = format!("{}/oauth/callback", public.as_str().trim_end_matches('/'));
        let client = BasicClient::new(ClientId::new(id.into()))
            .set_client_secret(ClientSecret::new(secret.reveal().into()))
            .set_auth_uri(AuthUrl::new(format!("{base}/oauth/authorize"))?)
            .set_token_uri(TokenUrl::new(format!("{base}/oauth/token"))?)
            .set_redirect_uri(RedirectUrl::new(back)?);
        Ok(OAuth { client, http, userinfo: format!("{base}/oauth/userinfo") })
    }

    /// Who came back with this code. The error says whose fault it is.
    async fn person(&self, code: String, verifier: String) -> Result<UserInfo, Message> {
        let exchange = self.client.exchange_code(AuthorizationCode::new(code)).set_pkce_verifier(PkceCodeVerifier::new(verifier));
        let http = self.http.clone();
        let client = move |request| send(http.clone(), request);
        let token = exchange.request_async(&client).await.map_err(|error| match error {
            oauth2::RequestTokenError::ServerResponse(answer) => {
                let text = format!(
                    "GitLab did not accept the code ({}). Begin again; where it stays so, check GITLAB_APPLICATION_SECRET.",
                    answer.error()
                );
                again(StatusCode::BAD_REQUEST, text)
            }
            _ => down(),
        })?;
        let asked = self.http.get(&self.userinfo).bearer_auth(token.access_token().secret()).send().await;
        let answer = asked.and_then(reqwest::Response::error_for_status).map_err(|_| down())?;
        answer.json().await.map_err(|_| down())
    }
}

/// What the library of OAuth2 sends, sent by the client that this program uses everywhere.
async fn send(http: reqwest::Client, request: HttpRequest) -> Result<HttpResponse, reqwest::Error> {
    let response = http.execute(request.try_into()?).await?;
    let (status, headers) = (response.status(), response.headers().clone());
    let mut answer = HttpResponse::new(response.bytes().await?.to_vec());
    (*answer.status_mut(), *answer.headers_mut()) = (status, headers);
    Ok(answer)
}

fn down() -> Message {
    let text =
        "GitLab does not answer as it should, so nobody can sign in now. Who is signed in stays so. Try again in a minute.";
    again(StatusCode::SERVICE_UNAVAILABLE, text)
}

fn again(status: StatusCode, text: impl Into<String>) -> Message {
    Message::new(status, "Not signed in", text).link("/sign-in", "Sign in again")
}

/// Where to go after signing in.
#[derive(Deserialize)]
pub struct To {
    #[serde(default)]
    to: String,
}

/// An address of this dashboard, else its first page. `//host` and `/\host` are other hosts for a browser.
pub fn local(to: &str) -> &str {
    let plain = to.starts_with('/')
        && !to.starts_with("//")
        && !to.contains('\\')
        && !to.chars().any(char::is_control)
        && to.len() <= 1_000;
    if plain { to } else { "/" }
}

/// `GET /sign-in`
pub async fn page(Query(To { to }): Query<To>) -> Response {
    let query = url::form_urlencoded::Serializer::new(String::new()).append_pair("to", local(&to)).finish();
    let text = "This page shows what is released and deployed. It is for members of the team's GitLab group.";
    Message::new(StatusCode::OK, "Releases", text).link(format!("/oauth/start?{query}"), "Sign in with GitLab").into_response()
}

fn set_cookie(app: &App, what: &str, value: &str, seconds: i64) -> Option<HeaderValue> {
    let secure = if app.https { "; Secure" } else { "" };
    let name = cookie_name(app, what);
    HeaderValue::from_str(&format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}")).ok()
}

fn with_cookies(mut response: Response, cookies: impl IntoIterator<Item = Option<HeaderValue>>) -> Response {
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

fn unavailable(error: &dyn std::fmt::Display) -> Message {
    let text = format!("Sessions cannot be kept now, so nobody can sign in. {error}");
    Message::new(StatusCode::SERVICE_UNAVAILABLE, "Sessions not available", text)
}

/// `GET /oauth/start`
pub async fn start(State(app): State<Arc<App>>, Query(To { to }): Query<To>) -> Result<Response, Response> {
    let Some(door) = &app.door else { return Ok(Redirect::to("/").into_response()) };
    let (challenge, verifier) = PkceCodeChallenge::new_random_sha256();
    let state = random_id();
    let begun = Begun { browser: random_id(), verifier: verifier.into_secret(), to: local(&to).to_owned() };
    app.sessions.note(&state, &begun).await.map_err(|error| unavailable(&error).into_response())?;
    let (address, _) = door
        .oauth
        .client
        .authorize_url(|| CsrfToken::new(state))
        .add_scope(Scope::new("openid".into()))
        .set_pkce_challenge(challenge)
        .url();
    Ok(with_cookies(Redirect::to(address.as_str()).into_response(), [set_cookie(&app, "signin", &begun.browser, 600)]))
}

/// What GitLab sends a browser back with.
#[derive(Deserialize)]
pub struct Back {
    #[serde(default)]
    code: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    error: String,
}

/// `GET /oauth/callback`
pub async fn callback(State(app): State<Arc<App>>, headers: HeaderMap, Query(back): Query<Back>) -> Result<Response, Response> {
    let Some(door) = &app.door else { return Ok(Redirect::to("/").into_response()) };
    let begun = app.sessions.noted(&back.state).await.map_err(|error| unavailable(&error).into_response())?;
    let browser = cookie(&app, &headers, "signin");
    let Some(begun) = begun.filter(|begun| browser.as_ref() == Some(&begun.browser)) else {
        let text =
            "This sign-in was not begun in this browser, was used already, or took longer than 10 minutes. Nothing was done.";
        return Err(again(StatusCode::BAD_REQUEST, text).into_response());
    };
    if !back.error.is_empty() || back.code.is_empty() {
        let denied = back.error == "access_denied";
        let text = if denied {
            "You did not allow it in GitLab."
        } else {
            "GitLab sent you back without a code. Check the application's settings there."
        };
        return Err(again(StatusCode::FORBIDDEN, text).into_response());
    }
    let person = door.oauth.person(back.code, begun.verifier).await.map_err(IntoResponse::into_response)?;
    let user = person.nickname.or(person.preferred_username).unwrap_or_else(|| person.sub.clone());
    let Ok(user_id) = person.sub.parse::<u64>() else { return Err(down().into_response()) };
    admit(&app, door, user_id, user, &headers).await.map(|cookies| {
        let response = Redirect::to(&begun.to).into_response();
        with_cookies(response, cookies)
    })
}

/// Begins the session of a member; the one that this browser had before ends.
async fn admit(
    app: &App,
    door: &Door,
    user_id: u64,
    user: String,
    headers: &HeaderMap,
) -> Result<[Option<HeaderValue>; 2], Response> {
    let who = Who(user.clone());
    let refuse = |message: Message| {
        let mut response = message.into_response();
        response.extensions_mut().insert(who.clone());
        response
    };
    match door.members.has(user_id).await {
        Ok(true) => {}
        Ok(false) => {
            let text = format!(
                "You are signed in to GitLab as @{user}, who is no member of {}. Ask an owner of the group to add you.",
                door.members.group()
            );
            return Err(refuse(Message::new(StatusCode::FORBIDDEN, "Not a member", text)));
        }
        Err(error) => {
            return Err(refuse(again(StatusCode::SERVICE_UNAVAILABLE, format!("Your membership could not be checked. {error}"))));
        }
    }
    let now = Timestamp::now();
    if let Some(old) = cookie(app, headers, "session")
        && let Err(error) = app.sessions.end(&old).await
    {
        return Err(refuse(unavailable(&error)));
    }
    let session = Session { user_id, user, began: now, seen: now, checked: now };
    let id = app.sessions.begin(&session).await.map_err(|error| refuse(unavailable(&error)))?;
    tracing::info!(user = session.user, "signed in");
    Ok([set_cookie(app, "session", &id, app.sessions.longest().as_secs()), set_cookie(app, "signin", "", 0)])
}

/// The form of signing out.
#[derive(Deserialize)]
pub struct SignOut {
    #[serde(default)]
    token: String,
}

/// `POST /sign-out`
pub async fn sign_out(State(app): State<Arc<App>>, visitor: Visitor, Form(form): Form<SignOut>) -> Response {
    if !app.secret.accepts_form(&visitor.session, &form.token) {
        return visitor.on(outdated_form().into_response());
    }
    if let Err(error) = app.sessions.end(&visitor.session).await {
        return visitor.on(unavailable(&error).into_response());
    }
    visitor.on(with_cookies(Redirect::to("/sign-in").into_response(), [set_cookie(&app, "session", "", 0)]))
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_local_addresses_are_returned_to() {
        for good in ["/", "/?q=a&out=1", "/projects/7"] {
            assert_eq!(local(good), good);
        }
        for bad in [
            "",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            "/a\r\nset-cookie: x",
            "\t//evil",
        ] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }
}

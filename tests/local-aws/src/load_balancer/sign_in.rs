//! Sign-in actions, as far as a client without a session meets them: it is sent to the identity provider. With a session cookie
//! it passes; the cookie's content is not looked at, since nobody here issues any (ELB user guide, "Authenticate users").

use aws_sdk_elasticloadbalancingv2::types::Action;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{HeaderValue, LOCATION},
};

use super::{
    cookies,
    forward::{Arrival, Body, text},
};

/// What a sign-in action asks for, be it OIDC or Cognito.
struct Provider {
    authorization_endpoint: String,
    client_id: String,
    scope: String,
    cookie: String,
    /// `authenticate`, `allow` or `deny`.
    without_session: String,
}

/// The answer to a request that the action does not let pass, otherwise nothing.
pub(super) fn demand(action: &Action, arrival: &Arrival, request: &Request<Incoming>) -> Option<Response<Body>> {
    let Some(provider) = provider(action) else {
        return Some(text(StatusCode::NOT_IMPLEMENTED, "a sign-in action without its configuration"));
    };
    // A long session is cut into several cookies, the first of which ends in -0.
    if cookies::value(request.headers(), &format!("{}-0", provider.cookie)).is_some() {
        return None;
    }
    match provider.without_session.as_str() {
        "allow" => None,
        "deny" => Some(text(StatusCode::UNAUTHORIZED, "401 Unauthorized")),
        _ => Some(authenticate(&provider, arrival)),
    }
}

fn authenticate(provider: &Provider, arrival: &Arrival) -> Response<Body> {
    let back = format!("{}://{}/oauth2/idpresponse", arrival.protocol().to_lowercase(), arrival.authority);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("client_id", &provider.client_id).append_pair("redirect_uri", &back);
    query.append_pair("response_type", "code").append_pair("scope", &provider.scope);
    query.append_pair("state", &uuid::Uuid::new_v4().simple().to_string());
    let mut answer = text(StatusCode::FOUND, "");
    if let Ok(location) = HeaderValue::from_str(&format!("{}?{}", provider.authorization_endpoint, query.finish())) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

fn provider(action: &Action) -> Option<Provider> {
    let or = |value: Option<&str>, default: &str| value.unwrap_or(default).to_owned();
    if let Some(oidc) = action.authenticate_oidc_config() {
        return Some(Provider {
            authorization_endpoint: or(oidc.authorization_endpoint(), ""),
            client_id: or(oidc.client_id(), ""),
            scope: or(oidc.scope(), "openid"),
            cookie: or(oidc.session_cookie_name(), "AWSELBAuthSessionCookie"),
            without_session: or(oidc.on_unauthenticated_request().map(|o| o.as_str()), "authenticate"),
        });
    }
    let cognito = action.authenticate_cognito_config()?;
    let domain = cognito.user_pool_domain().unwrap_or_default();
    // arn:aws:cognito-idp:REGION:ACCOUNT:userpool/ID; a domain without a dot is a prefix of the Region's own.
    let region = cognito.user_pool_arn().and_then(|arn| arn.split(':').nth(3)).unwrap_or_default();
    let domain = if domain.contains('.') { domain.to_owned() } else { format!("{domain}.auth.{region}.amazoncognito.com") };
    Some(Provider {
        authorization_endpoint: format!("https://{domain}/oauth2/authorize"),
        client_id: or(cognito.user_pool_client_id(), ""),
        scope: or(cognito.scope(), "openid"),
        cookie: or(cognito.session_cookie_name(), "AWSELBAuthSessionCookie"),
        without_session: or(cognito.on_unauthenticated_request().map(|o| o.as_str()), "authenticate"),
    })
}

//! Carries out the actions of a rule for one request: sign-in and token checks first, then a redirect, a fixed response, or a forward.

use std::sync::Arc;

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, RedirectActionConfig, RedirectActionStatusCodeEnum};
use hyper::{
    Request, Response, StatusCode, Uri,
    body::Incoming,
    header::{AUTHORIZATION, CONTENT_TYPE, HeaderValue, LOCATION, SET_COOKIE},
};

use super::{
    cookies,
    forward::{Arrival, Body, Forwarder, text},
    group::{Choice, Group},
    sign_in,
    table::{self, Rule, Table},
};

/// Answers a request by the actions of its rule.
pub(super) async fn answer(
    table: &Table,
    rule: &Rule,
    arrival: &Arrival,
    forwarder: &Forwarder,
    request: Request<Incoming>,
) -> Response<Body> {
    for action in &rule.actions {
        match action.r#type() {
            Some(ActionTypeEnum::AuthenticateOidc | ActionTypeEnum::AuthenticateCognito) => {
                if let Some(answer) = sign_in::demand(action, arrival, &request) {
                    return answer;
                }
            }
            // The token itself is not looked at: nobody here issues any.
            Some(ActionTypeEnum::JwtValidation) => {
                let token = request.headers().get(AUTHORIZATION).and_then(|v| v.to_str().ok());
                if token.is_none_or(|token| !token.starts_with("Bearer ")) {
                    return text(StatusCode::UNAUTHORIZED, "401 Unauthorized");
                }
            }
            Some(ActionTypeEnum::Redirect) => return redirect(action.redirect_config(), arrival, request.uri()),
            Some(ActionTypeEnum::FixedResponse) => return fixed(action),
            Some(ActionTypeEnum::Forward) => return forward(table, rule, action, arrival, forwarder, request).await,
            other => {
                let what = other.map_or("none", ActionTypeEnum::as_str);
                return text(
                    StatusCode::NOT_IMPLEMENTED,
                    &format!("the local load balancer does not know the action type `{what}`"),
                );
            }
        }
    }
    text(StatusCode::NOT_FOUND, "no action of this rule answers requests")
}

async fn forward(
    table: &Table,
    rule: &Rule,
    action: &Action,
    arrival: &Arrival,
    forwarder: &Forwarder,
    request: Request<Incoming>,
) -> Response<Body> {
    let weights: Vec<_> = table::weights(action).into_iter().filter_map(|(arn, w)| Some((table.groups.get(arn)?, w))).collect();
    let stickiness = action.forward_config().and_then(|c| c.target_group_stickiness_config());
    let sticky = stickiness.filter(|s| s.enabled() == Some(true)).and_then(|s| u64::try_from(s.duration_seconds()?).ok());
    let bound = sticky.and_then(|_| cookies::bound(request.headers(), cookies::GROUP));
    // Group stickiness outranks weights: a client stays on its group, also where that weighs 0 by now.
    let group = weights.iter().find(|(group, _)| Some(group.name()) == bound).map(|(group, _)| *group);
    let Some(group) = group.or_else(|| next(rule, &weights)) else {
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "503 Service Temporarily Unavailable: no group of this action takes traffic",
        );
    };
    let bound = cookies::bound(request.headers(), cookies::TARGET).map(str::to_owned);
    let Choice::Target(target, sticky_target) = group.choose(|target| bound.as_deref() == Some(target.name().as_str())) else {
        return text(
            StatusCode::SERVICE_UNAVAILABLE,
            "503 Service Temporarily Unavailable: no target of this group takes traffic",
        );
    };
    let mut answer = forwarder.send(arrival, &target, request).await;
    let bind_group =
        sticky.and_then(|seconds| cookies::bind(cookies::GROUP, group.name(), std::time::Duration::from_secs(seconds)));
    let bind_target = sticky_target.and_then(|duration| cookies::bind(cookies::TARGET, &target.name(), duration));
    for cookie in bind_group.into_iter().chain(bind_target) {
        answer.headers_mut().append(SET_COOKIE, cookie);
    }
    answer
}

/// The group whose turn it is; none where all weigh 0.
fn next<'a>(rule: &Rule, weights: &[(&'a Arc<Group>, u32)]) -> Option<&'a Arc<Group>> {
    let shares: Vec<u32> = weights.iter().map(|(_, weight)| *weight).collect();
    weights.get(rule.turns.next(&shares)?).map(|(group, _)| *group)
}

/// A redirect keeps of the request's address whatever the action does not replace (ELB user guide, "Redirect actions").
fn redirect(config: Option<&RedirectActionConfig>, arrival: &Arrival, uri: &Uri) -> Response<Body> {
    let Some(config) = config else {
        return text(StatusCode::NOT_IMPLEMENTED, "a redirect action without RedirectConfig");
    };
    let port = arrival.port.to_string();
    let fill = |template: Option<&str>, default: &str| {
        let template = template.unwrap_or(default).replace("#{protocol}", arrival.protocol()).replace("#{host}", &arrival.host);
        let template = template.replace("#{port}", &port).replace("#{path}", uri.path().trim_start_matches('/'));
        template.replace("#{query}", uri.query().unwrap_or_default())
    };
    let protocol = fill(config.protocol(), "#{protocol}").to_lowercase();
    let (host, port) = (fill(config.host(), "#{host}"), fill(config.port(), "#{port}"));
    let (path, query) = (fill(config.path(), "/#{path}"), fill(config.query(), "#{query}"));
    let port = if matches!((protocol.as_str(), port.as_str()), ("http", "80") | ("https", "443")) {
        String::new()
    } else {
        format!(":{port}")
    };
    let query = if query.is_empty() { query } else { format!("?{query}") };
    let status = match config.status_code() {
        Some(RedirectActionStatusCodeEnum::Http302) => StatusCode::FOUND,
        _ => StatusCode::MOVED_PERMANENTLY,
    };
    let mut answer = text(status, "");
    if let Ok(location) = HeaderValue::from_str(&format!("{protocol}://{host}{port}{path}{query}")) {
        answer.headers_mut().insert(LOCATION, location);
    }
    answer
}

fn fixed(action: &Action) -> Response<Body> {
    let Some(config) = action.fixed_response_config() else {
        return text(StatusCode::NOT_IMPLEMENTED, "a fixed-response action without FixedResponseConfig");
    };
    let status = config.status_code().and_then(|code| code.parse().ok()).unwrap_or(StatusCode::OK);
    let mut answer = text(status, config.message_body().unwrap_or_default());
    if let Some(Ok(content_type)) = config.content_type().map(HeaderValue::from_str) {
        answer.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    answer
}

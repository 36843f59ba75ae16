//! Actions and conditions between AWS's types and the topology's. What is read here is written back here, setting by
//! setting: a Modify call replaces the whole action list.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::error::BuildError;
use aws_sdk_elasticloadbalancingv2::types as elb;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::topology::{Action, ActionKind, Carried, Condition, Forward, Stickiness, Weighted};

/// AWS's weight for a group that names none.
const DEFAULT_WEIGHT: i32 = 1;

/// An action list as it was read.
pub(super) fn read(actions: &[elb::Action]) -> Vec<Action> {
    actions.iter().map(|action| Action { order: action.order(), kind: read_kind(action) }).collect()
}

fn read_kind(action: &elb::Action) -> ActionKind {
    let kind = action.r#type().map_or("", elb::ActionTypeEnum::as_str);
    if kind == "forward" {
        return ActionKind::Forward(read_forward(action));
    }
    let settings = match (action.authenticate_oidc_config(), action.authenticate_cognito_config(), action.jwt_validation_config())
    {
        (Some(oidc), None, None) => serde_json::to_value(Oidc::from(oidc)).ok(),
        (None, Some(cognito), None) => serde_json::to_value(Cognito::from(cognito)).ok(),
        (None, None, Some(jwt)) => serde_json::to_value(Jwt::from(jwt)).ok(),
        _ => None,
    };
    ActionKind::Carried(Carried { kind: kind.to_owned(), settings })
}

/// Both of AWS's shapes: the plain `TargetGroupArn`, and `ForwardConfig` with weights. With several groups the plain
/// one is absent from answers.
fn read_forward(action: &elb::Action) -> Forward {
    let config = action.forward_config();
    let mut targets: Vec<Weighted> = config
        .map(elb::ForwardActionConfig::target_groups)
        .unwrap_or_default()
        .iter()
        .filter_map(|group| {
            Some(Weighted { group: group.target_group_arn()?.to_owned(), weight: group.weight().unwrap_or(DEFAULT_WEIGHT) })
        })
        .collect();
    if let (true, Some(group)) = (targets.is_empty(), action.target_group_arn()) {
        targets.push(Weighted { group: group.to_owned(), weight: DEFAULT_WEIGHT });
    }
    let stickiness = config
        .and_then(elb::ForwardActionConfig::target_group_stickiness_config)
        .map(|stickiness| Stickiness { on: stickiness.enabled() == Some(true), seconds: stickiness.duration_seconds() })
        .unwrap_or_default();
    Forward { targets, stickiness }
}

/// An action list to write.
///
/// # Errors
/// The action type that cannot be written back: the plan never asks for one.
pub(super) fn write(actions: &[Action]) -> Result<Vec<elb::Action>, String> {
    actions.iter().map(write_action).collect()
}

fn write_action(action: &Action) -> Result<elb::Action, String> {
    let builder = elb::Action::builder().set_order(action.order);
    let builder = match &action.kind {
        ActionKind::Forward(forward) => builder.r#type(elb::ActionTypeEnum::Forward).forward_config(write_forward(forward)),
        ActionKind::Carried(carried) => {
            let builder = builder.r#type(elb::ActionTypeEnum::from(carried.kind.as_str()));
            match carried.kind.as_str() {
                "authenticate-oidc" => builder.authenticate_oidc_config(settings::<Oidc>(carried)?.write()),
                "authenticate-cognito" => builder.authenticate_cognito_config(settings::<Cognito>(carried)?.write()),
                "jwt-validation" => {
                    builder.jwt_validation_config(settings::<Jwt>(carried)?.write().map_err(|error| error.to_string())?)
                }
                other => return Err(other.to_owned()),
            }
        }
    };
    Ok(builder.build())
}

fn settings<T: DeserializeOwned>(carried: &Carried) -> Result<T, String> {
    carried.settings.clone().and_then(|settings| serde_json::from_value(settings).ok()).ok_or_else(|| carried.kind.clone())
}

fn write_forward(forward: &Forward) -> elb::ForwardActionConfig {
    let groups = forward
        .targets
        .iter()
        .map(|target| elb::TargetGroupTuple::builder().target_group_arn(&target.group).weight(target.weight).build());
    let stickiness = elb::TargetGroupStickinessConfig::builder()
        .enabled(forward.stickiness.on)
        .set_duration_seconds(forward.stickiness.seconds)
        .build();
    elb::ForwardActionConfig::builder()
        .set_target_groups(Some(groups.collect()))
        .target_group_stickiness_config(stickiness)
        .build()
}

/// AuthenticateOidcActionConfig, without the secret that AWS never returns.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Oidc {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    user_info_endpoint: Option<String>,
    client_id: Option<String>,
    session_cookie_name: Option<String>,
    scope: Option<String>,
    session_timeout: Option<i64>,
    authentication_request_extra_params: Option<BTreeMap<String, String>>,
    on_unauthenticated_request: Option<String>,
}

impl From<&elb::AuthenticateOidcActionConfig> for Oidc {
    fn from(from: &elb::AuthenticateOidcActionConfig) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            issuer: text(from.issuer()),
            authorization_endpoint: text(from.authorization_endpoint()),
            token_endpoint: text(from.token_endpoint()),
            user_info_endpoint: text(from.user_info_endpoint()),
            client_id: text(from.client_id()),
            session_cookie_name: text(from.session_cookie_name()),
            scope: text(from.scope()),
            session_timeout: from.session_timeout(),
            authentication_request_extra_params: from
                .authentication_request_extra_params()
                .map(|map| map.clone().into_iter().collect()),
            on_unauthenticated_request: text(from.on_unauthenticated_request().map(|value| value.as_str())),
        }
    }
}

impl Oidc {
    fn write(self) -> elb::AuthenticateOidcActionConfig {
        elb::AuthenticateOidcActionConfig::builder()
            .set_issuer(self.issuer)
            .set_authorization_endpoint(self.authorization_endpoint)
            .set_token_endpoint(self.token_endpoint)
            .set_user_info_endpoint(self.user_info_endpoint)
            .set_client_id(self.client_id)
            .set_session_cookie_name(self.session_cookie_name)
            .set_scope(self.scope)
            .set_session_timeout(self.session_timeout)
            .set_authentication_request_extra_params(
                self.authentication_request_extra_params.map(|map| map.into_iter().collect()),
            )
            .set_on_unauthenticated_request(self.on_unauthenticated_request.as_deref().map(Into::into))
            // The secret is kept by AWS and never returned (API reference, AuthenticateOidcActionConfig).
            .use_existing_client_secret(true)
            .build()
    }
}

/// AuthenticateCognitoActionConfig.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Cognito {
    user_pool_arn: Option<String>,
    user_pool_client_id: Option<String>,
    user_pool_domain: Option<String>,
    session_cookie_name: Option<String>,
    scope: Option<String>,
    session_timeout: Option<i64>,
    authentication_request_extra_params: Option<BTreeMap<String, String>>,
    on_unauthenticated_request: Option<String>,
}

impl From<&elb::AuthenticateCognitoActionConfig> for Cognito {
    fn from(from: &elb::AuthenticateCognitoActionConfig) -> Self {
        let text = |value: Option<&str>| value.map(str::to_owned);
        Self {
            user_pool_arn: text(from.user_pool_arn()),
            user_pool_client_id: text(from.user_pool_client_id()),
            user_pool_domain: text(from.user_pool_domain()),
            session_cookie_name: text(from.session_cookie_name()),
            scope: text(from.scope()),
            session_timeout: from.session_timeout(),
            authentication_request_extra_params: from
                .authentication_request_extra_params()
                .map(|map| map.clone().into_iter().collect()),
            on_unauthenticated_request: text(from.on_unauthenticated_request().map(|value| value.as_str())),
        }
    }
}

impl Cognito {
    fn write(self) -> elb::AuthenticateCognitoActionConfig {
        elb::AuthenticateCognitoActionConfig::builder()
            .set_user_pool_arn(self.user_pool_arn)
            .set_user_pool_client_id(self.user_pool_client_id)
            .set_user_pool_domain(self.user_pool_domain)
            .set_session_cookie_name(self.session_cookie_name)
            .set_scope(self.scope)
            .set_session_timeout(self.session_timeout)
            .set_authentication_request_extra_params(
                self.authentication_request_extra_params.map(|map| map.into_iter().collect()),
            )
            .set_on_unauthenticated_request(self.on_unauthenticated_request.as_deref().map(Into::into))
            .build()
    }
}

/// JwtValidationActionConfig.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Jwt {
    jwks_endpoint: Option<String>,
    issuer: Option<String>,
    additional_claims: Option<Vec<Claim>>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Claim {
    format: Option<String>,
    name: Option<String>,
    values: Vec<String>,
}

impl From<&elb::JwtValidationActionConfig> for Jwt {
    fn from(from: &elb::JwtValidationActionConfig) -> Self {
        let claim = |claim: &elb::JwtValidationActionAdditionalClaim| Claim {
            format: claim.format().map(|format| format.as_str().to_owned()),
            name: claim.name().map(str::to_owned),
            values: claim.values().to_vec(),
        };
        Self {
            jwks_endpoint: from.jwks_endpoint().map(str::to_owned),
            issuer: from.issuer().map(str::to_owned),
            additional_claims: from.additional_claims.as_ref().map(|claims| claims.iter().map(claim).collect()),
        }
    }
}

impl Jwt {
    fn write(self) -> Result<elb::JwtValidationActionConfig, BuildError> {
        let claim = |claim: Claim| {
            elb::JwtValidationActionAdditionalClaim::builder()
                .set_format(claim.format.as_deref().map(Into::into))
                .set_name(claim.name)
                .set_values(Some(claim.values))
                .build()
        };
        Ok(elb::JwtValidationActionConfig::builder()
            .set_jwks_endpoint(self.jwks_endpoint)
            .set_issuer(self.issuer)
            .set_additional_claims(self.additional_claims.map(|claims| claims.into_iter().map(claim).collect()))
            .build())
    }
}

/// A rule's conditions in a form that compares. One of a kind that this version cannot read equals no other: its rule has
/// no twin.
pub(super) fn read_conditions(rule: &str, conditions: &[elb::RuleCondition]) -> BTreeSet<Condition> {
    let unreadable = |condition: &elb::RuleCondition| Condition {
        field: condition.field().unwrap_or("condition").to_owned(),
        name: None,
        values: BTreeSet::from([format!("that this version cannot read, of {rule}")]),
    };
    conditions.iter().map(|condition| read_condition(condition).unwrap_or_else(|| unreadable(condition))).collect()
}

fn read_condition(condition: &elb::RuleCondition) -> Option<Condition> {
    let mut values: BTreeSet<String> = condition.values().iter().cloned().collect();
    let mut name = None;
    let mut add = |plain: &[String], regexes: &[String]| {
        values.extend(plain.iter().cloned());
        values.extend(regexes.iter().map(|regex| format!("regex:{regex}")));
    };
    if let Some(hosts) = condition.host_header_config() {
        // Host names compare without case (ELB user guide, host conditions).
        let lower: Vec<String> = hosts.values().iter().map(|host| host.to_ascii_lowercase()).collect();
        add(&lower, hosts.regex_values());
    }
    if let Some(paths) = condition.path_pattern_config() {
        add(paths.values(), paths.regex_values());
    }
    if let Some(header) = condition.http_header_config() {
        name = header.http_header_name().map(str::to_ascii_lowercase);
        add(header.values(), header.regex_values());
    }
    if let Some(methods) = condition.http_request_method_config() {
        add(methods.values(), &[]);
    }
    if let Some(sources) = condition.source_ip_config() {
        add(sources.values(), &[]);
    }
    if let Some(query) = condition.query_string_config() {
        let pair = |pair: &elb::QueryStringKeyValuePair| match pair.key() {
            Some(key) => format!("{key}={}", pair.value().unwrap_or_default()),
            None => pair.value().unwrap_or_default().to_owned(),
        };
        let pairs: Vec<String> = query.values().iter().map(pair).collect();
        add(&pairs, &[]);
    }
    let field = condition.field()?.to_owned();
    if field == "host-header" {
        // AWS repeats the values of the old `Values` form beside the new one.
        values = values
            .into_iter()
            .map(|value| if value.starts_with("regex:") { value } else { value.to_ascii_lowercase() })
            .collect();
    }
    (!values.is_empty()).then_some(Condition { field, name, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_of_a_kind_that_is_not_known_equals_no_other() {
        let of_tomorrow = [elb::RuleCondition::builder().field("country").build()];
        let (one, other) = (read_conditions("rule/1", &of_tomorrow), read_conditions("rule/2", &of_tomorrow));
        assert_eq!(one.len(), 1);
        assert_ne!(one, other);
    }

    #[test]
    fn both_forms_of_a_condition_read_the_same_in_any_order_and_hosts_in_any_case() {
        let config = elb::HostHeaderConditionConfig::builder().values("B.example.com").values("a.example.com").build();
        let typed = elb::RuleCondition::builder().field("host-header").host_header_config(config).build();
        let plain = elb::RuleCondition::builder().field("host-header").values("a.example.com").values("b.EXAMPLE.com").build();
        assert_eq!(read_conditions("rule/1", &[typed]), read_conditions("rule/2", &[plain]));
    }
}

//! Actions between AWS's types and the topology's. What is read here is written back here, setting by setting: a Modify
//! call replaces the whole action list.

use aws_sdk_elasticloadbalancingv2::types as elb;
use serde::de::DeserializeOwned;

use super::sign_in::{Cognito, Jwt, Oidc};
use crate::seen::topology::{Action, ActionKind, Carried, Forward, Stickiness, Weighted};

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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Option<String>> {
        proptest::option::of("[a-z:/. ]{0,12}")
    }

    fn extras() -> impl Strategy<Value = Option<HashMap<String, String>>> {
        proptest::option::of(proptest::collection::hash_map("[a-z]{1,6}", "[a-z ]{0,6}", 0..4))
    }

    fn otherwise() -> impl Strategy<Value = Option<elb::AuthenticateOidcActionConditionalBehaviorEnum>> {
        proptest::option::of(prop_oneof!["deny", "allow", "authenticate"].prop_map(|text| text.as_str().into()))
    }

    fn oidc() -> impl Strategy<Value = elb::Action> {
        let texts = (text(), text(), text(), text(), text(), text(), text());
        (texts, proptest::option::of(1..604_800_i64), extras(), otherwise()).prop_map(|(texts, timeout, extras, otherwise)| {
            let config = elb::AuthenticateOidcActionConfig::builder()
                .set_issuer(texts.0)
                .set_authorization_endpoint(texts.1)
                .set_token_endpoint(texts.2)
                .set_user_info_endpoint(texts.3)
                .set_client_id(texts.4)
                .set_session_cookie_name(texts.5)
                .set_scope(texts.6)
                .set_session_timeout(timeout)
                .set_authentication_request_extra_params(extras)
                .set_on_unauthenticated_request(otherwise)
                // What is written keeps the secret that AWS has; what is read never has it.
                .use_existing_client_secret(true);
            elb::Action::builder().r#type("authenticate-oidc".into()).authenticate_oidc_config(config.build()).build()
        })
    }

    fn cognito() -> impl Strategy<Value = elb::Action> {
        (text(), text(), text(), text(), proptest::option::of(1..604_800_i64), extras()).prop_map(
            |(pool, client, domain, scope, timeout, extras)| {
                let config = elb::AuthenticateCognitoActionConfig::builder()
                    .set_user_pool_arn(pool)
                    .set_user_pool_client_id(client)
                    .set_user_pool_domain(domain)
                    .set_scope(scope)
                    .set_session_timeout(timeout)
                    .set_authentication_request_extra_params(extras);
                elb::Action::builder().r#type("authenticate-cognito".into()).authenticate_cognito_config(config.build()).build()
            },
        )
    }

    fn jwt() -> impl Strategy<Value = elb::Action> {
        let claim = (text(), proptest::collection::vec("[a-z]{1,6}", 1..3)).prop_map(|(name, values)| {
            elb::JwtValidationActionAdditionalClaim::builder()
                .format("string-array".into())
                .set_name(name)
                .set_values(Some(values))
                .build()
        });
        (text(), text(), proptest::option::of(proptest::collection::vec(claim, 0..3))).prop_map(|(keys, issuer, claims)| {
            let config = elb::JwtValidationActionConfig::builder()
                .set_jwks_endpoint(keys)
                .set_issuer(issuer)
                .set_additional_claims(claims);
            elb::Action::builder().r#type("jwt-validation".into()).jwt_validation_config(config.build()).build()
        })
    }

    fn forward() -> impl Strategy<Value = elb::Action> {
        let group = ("[a-z]{1,8}", 0..=999_i32)
            .prop_map(|(arn, weight)| elb::TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build());
        let sticky = (any::<bool>(), proptest::option::of(1..604_800_i32));
        (proptest::collection::vec(group, 1..=5), sticky).prop_map(|(groups, (on, seconds))| {
            let stickiness = elb::TargetGroupStickinessConfig::builder().enabled(on).set_duration_seconds(seconds).build();
            let config =
                elb::ForwardActionConfig::builder().set_target_groups(Some(groups)).target_group_stickiness_config(stickiness);
            elb::Action::builder().r#type("forward".into()).forward_config(config.build()).build()
        })
    }

    proptest! {
        #[test]
        fn what_is_read_is_written_back_setting_by_setting(
            front in prop_oneof![oidc(), cognito(), jwt()],
            forward in forward(),
            orders in proptest::option::of((1..100_i32, 1..100_i32)),
        ) {
            let mut actions = vec![front, forward];
            actions[0].order = orders.map(|orders| orders.0);
            actions[1].order = orders.map(|orders| orders.1);
            let written = write(&read(&actions));
            prop_assert_eq!(written.as_deref(), Ok(actions.as_slice()));
        }
    }

    #[test]
    fn an_action_of_a_type_that_is_not_known_is_not_written() {
        let of_tomorrow = [elb::Action::builder().r#type("mirror".into()).build()];
        assert_eq!(write(&read(&of_tomorrow)), Err("mirror".to_owned()));
    }
}

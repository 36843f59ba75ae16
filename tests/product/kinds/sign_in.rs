//! Sign-in in front of a forward: it stays, with its order, its settings and its secret.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig, JwtValidationActionConfig,
};
use local_aws::load::Aim;
use local_aws::world::{COGNITO_POLICY, LAMBDA_POLICY, LAMBDA_ROLE, Pair, Rule, path};
use serde_json::json;

use crate::kinds::traffic::{asking, clients, stage, under_load};
use product_stage::function::rules_only;

fn oidc() -> Action {
    let config = AuthenticateOidcActionConfig::builder()
        .issuer("https://id.example.com")
        .authorization_endpoint("https://id.example.com/authorize")
        .token_endpoint("https://id.example.com/token")
        .user_info_endpoint("https://id.example.com/user")
        .client_id("shop")
        .client_secret("kept by AWS")
        .session_cookie_name("ShopSession")
        .scope("openid email")
        .session_timeout(1234)
        .authentication_request_extra_params("prompt", "login");
    Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).authenticate_oidc_config(config.build()).build()
}

fn cognito(account: &str) -> Action {
    let pool = format!("arn:aws:cognito-idp:eu-central-1:{account}:userpool/eu-central-1_shop");
    let config = AuthenticateCognitoActionConfig::builder().user_pool_arn(pool).user_pool_client_id("shop");
    let config = config.user_pool_domain("shop").session_timeout(4321).build();
    Action::builder().r#type(ActionTypeEnum::AuthenticateCognito).authenticate_cognito_config(config).build()
}

fn jwt() -> Action {
    let config = JwtValidationActionConfig::builder()
        .issuer("https://id.example.com")
        .jwks_endpoint("https://id.example.com/keys")
        .build();
    Action::builder().r#type(ActionTypeEnum::JwtValidation).jwt_validation_config(config).build()
}

fn with(aim: Aim, header: &str, value: &str) -> Aim {
    Aim { headers: vec![(header.to_owned(), value.to_owned())], ..aim }
}

#[tokio::test]
async fn whoever_is_signed_in_moves_and_sign_in_stays_as_it_was() {
    let stage = stage(|spec| {
        let rule = |priority, pattern, action| Rule::new(priority, "shop", [path(pattern)]).after(action);
        let cognito = cognito(spec.account());
        spec.ports(443, 8443)
            .pair(Pair::new("shop"))
            .rule(rule(10, "/account/*", oidc()))
            .rule(rule(20, "/staff/*", cognito))
            .rule(rule(30, "/api/*", jwt()))
    })
    .await;
    stage.world.set_policies(LAMBDA_ROLE, &[LAMBDA_POLICY, COGNITO_POLICY]).unwrap();
    let before = stage.world.snapshot().await.unwrap();
    assert!(before.contains("<SessionTimeout>1234</SessionTimeout>"), "{before}");
    let aims = [
        with(asking(clients(&stage, "account", 443), "/account/1"), "cookie", "ShopSession-0=x"),
        with(asking(clients(&stage, "staff", 443), "/staff/1"), "cookie", "AWSELBAuthSessionCookie-0=x"),
        with(asking(clients(&stage, "api", 443), "/api/1"), "authorization", "Bearer x"),
        asking(clients(&stage, "stranger", 443), "/account/1"),
    ];
    let there = under_load(&stage, &aims, json!({})).await;
    there.summary(&aims);
    // A rule that had lost its secret could not be written a second time.
    let back = under_load(&stage, &aims, json!({})).await;
    back.summary(&aims);
    for name in ["account", "staff", "api"] {
        there.moved(name, "v1", "v2");
        back.moved(name, "v2", "v1");
    }
    there.answered("stranger", 302);
    back.answered("stranger", 302);
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

#[tokio::test]
async fn without_the_permission_for_cognito_the_flip_changes_nothing() {
    let stage = stage(|spec| {
        let cognito = Rule::new(10, "shop", [path("/staff/*")]).after(cognito(spec.account()));
        spec.ports(443, 8443).pair(Pair::new("shop")).rule(cognito)
    })
    .await;
    let before = stage.world.snapshot().await.unwrap();
    let aims = [clients(&stage, "live", 443)];
    let refused = under_load(&stage, &aims, json!({})).await;
    let (kind, message) = refused.ended.failed();
    assert_eq!(kind, "PermissionError", "{message}");
    assert!(message.contains("cognito-idp:DescribeUserPoolClient"), "{message}");
    refused.lost_nothing("live");
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()), "{message}");
}

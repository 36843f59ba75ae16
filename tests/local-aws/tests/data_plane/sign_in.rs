//! Sign-in and token checks in front of a forward.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConfig, AuthenticateOidcActionConfig, JwtValidationActionConfig,
    ProtocolEnum,
};

use crate::{
    bench::{Bench, forward},
    tls::get,
};

#[tokio::test]
async fn a_client_without_a_session_is_sent_to_the_provider() {
    let (status, headers) = passes(oidc(), &[]).await;
    assert_eq!(status, 302);
    let location = headers["location"].to_str().unwrap();
    assert!(
        location.starts_with(
            "https://id.example.com/authorize?client_id=shop&redirect_uri=https%3A%2F%2Fshop.example.com%2Foauth2%2Fidpresponse"
        ),
        "{location}"
    );

    let (status, headers) = passes(cognito(), &[]).await;
    assert_eq!(status, 302);
    let location = headers["location"].to_str().unwrap();
    assert!(
        location.starts_with("https://shop.auth.eu-central-1.amazoncognito.com/oauth2/authorize?client_id=abc"),
        "{location}"
    );
}

#[tokio::test]
async fn a_client_with_a_session_passes() {
    assert_eq!(passes(oidc(), &[("cookie", "a=b; AWSELBAuthSessionCookie-0=x")]).await.0, 200);
}

#[tokio::test]
async fn a_client_without_a_token_is_refused() {
    let config = JwtValidationActionConfig::builder()
        .issuer("https://id.example.com")
        .jwks_endpoint("https://id.example.com/keys")
        .build();
    let jwt = Action::builder().r#type(ActionTypeEnum::JwtValidation).order(1).jwt_validation_config(config).build();
    assert_eq!(passes(jwt.clone(), &[]).await.0, 401);
    assert_eq!(passes(jwt, &[("authorization", "Bearer x")]).await.0, 200);
}

async fn passes(before: Action, headers: &[(&str, &str)]) -> (u16, hyper::HeaderMap) {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let _app = bench.app(&group, "v1").await;
    bench.listener(443, ProtocolEnum::Https, [before, forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;
    get(&bench, 443, &bench.balancer.certificate_authority_pem(), "shop.example.com", headers).await.unwrap()
}

fn oidc() -> Action {
    let config = AuthenticateOidcActionConfig::builder()
        .issuer("https://id.example.com")
        .authorization_endpoint("https://id.example.com/authorize");
    let config = config.token_endpoint("https://id.example.com/token").user_info_endpoint("https://id.example.com/user");
    let config = config.client_id("shop").client_secret("kept").build();
    Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).order(1).authenticate_oidc_config(config).build()
}

fn cognito() -> Action {
    let config =
        AuthenticateCognitoActionConfig::builder().user_pool_arn("arn:aws:cognito-idp:eu-central-1:000000000001:userpool/p");
    let config = config.user_pool_client_id("abc").user_pool_domain("shop").build();
    Action::builder().r#type(ActionTypeEnum::AuthenticateCognito).order(1).authenticate_cognito_config(config).build()
}

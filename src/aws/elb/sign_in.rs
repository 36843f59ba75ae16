//! Actions that stand before a forward: sign-in by OIDC or Cognito, and JWT validation. They are carried through a flip
//! setting by setting.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::error::BuildError;
use aws_sdk_elasticloadbalancingv2::types as elb;
use serde::{Deserialize, Serialize};

/// What both kinds of sign-in say of the session.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Session {
    session_cookie_name: Option<String>,
    scope: Option<String>,
    session_timeout: Option<i64>,
    authentication_request_extra_params: Option<BTreeMap<String, String>>,
    on_unauthenticated_request: Option<String>,
}

/// The SDK has a type of its own for each kind, with the same fields.
macro_rules! session {
    (of $config:expr) => {
        Session {
            session_cookie_name: $config.session_cookie_name.clone(),
            scope: $config.scope.clone(),
            session_timeout: $config.session_timeout,
            authentication_request_extra_params: $config
                .authentication_request_extra_params
                .clone()
                .map(|params| params.into_iter().collect()),
            on_unauthenticated_request: $config.on_unauthenticated_request.as_ref().map(|value| value.as_str().to_owned()),
        }
    };
    ($session:expr => $builder:expr) => {
        $builder
            .set_session_cookie_name($session.session_cookie_name)
            .set_scope($session.scope)
            .set_session_timeout($session.session_timeout)
            .set_authentication_request_extra_params(
                $session.authentication_request_extra_params.map(|params| params.into_iter().collect()),
            )
            .set_on_unauthenticated_request($session.on_unauthenticated_request.as_deref().map(Into::into))
    };
}

/// AuthenticateOidcActionConfig, without the secret that AWS never returns.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Oidc {
    issuer: Option<String>,
    authorization_endpoint: Option<String>,
    token_endpoint: Option<String>,
    user_info_endpoint: Option<String>,
    client_id: Option<String>,
    #[serde(flatten)]
    session: Session,
}

impl From<&elb::AuthenticateOidcActionConfig> for Oidc {
    fn from(from: &elb::AuthenticateOidcActionConfig) -> Self {
        Self {
            issuer: from.issuer.clone(),
            authorization_endpoint: from.authorization_endpoint.clone(),
            token_endpoint: from.token_endpoint.clone(),
            user_info_endpoint: from.user_info_endpoint.clone(),
            client_id: from.client_id.clone(),
            session: session!(of from),
        }
    }
}

impl Oidc {
    pub(super) fn write(self) -> elb::AuthenticateOidcActionConfig {
        let builder = elb::AuthenticateOidcActionConfig::builder()
            .set_issuer(self.issuer)
            .set_authorization_endpoint(self.authorization_endpoint)
            .set_token_endpoint(self.token_endpoint)
            .set_user_info_endpoint(self.user_info_endpoint)
            .set_client_id(self.client_id)
            // The secret is kept by AWS and never returned (API reference, AuthenticateOidcActionConfig).
            .use_existing_client_secret(true);
        session!(self.session => builder).build()
    }
}

/// AuthenticateCognitoActionConfig.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Cognito {
    user_pool_arn: Option<String>,
    user_pool_client_id: Option<String>,
    user_pool_domain: Option<String>,
    #[serde(flatten)]
    session: Session,
}

impl From<&elb::AuthenticateCognitoActionConfig> for Cognito {
    fn from(from: &elb::AuthenticateCognitoActionConfig) -> Self {
        Self {
            user_pool_arn: from.user_pool_arn.clone(),
            user_pool_client_id: from.user_pool_client_id.clone(),
            user_pool_domain: from.user_pool_domain.clone(),
            session: session!(of from),
        }
    }
}

impl Cognito {
    pub(super) fn write(self) -> elb::AuthenticateCognitoActionConfig {
        let builder = elb::AuthenticateCognitoActionConfig::builder()
            .set_user_pool_arn(self.user_pool_arn)
            .set_user_pool_client_id(self.user_pool_client_id)
            .set_user_pool_domain(self.user_pool_domain);
        session!(self.session => builder).build()
    }
}

/// JwtValidationActionConfig.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Jwt {
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
    pub(super) fn write(self) -> Result<elb::JwtValidationActionConfig, BuildError> {
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

//! Calls of the JSON protocols for which the local AWS has no client: ECR's, CloudWatch Logs' and Secrets Manager's.

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_ecs::config::ProvideCredentials;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::gateway::OPERATOR;

/// A service of the JSON protocols: its name in signatures, and what its actions begin with.
pub(super) struct Service {
    pub name: &'static str,
    pub target: &'static str,
}

pub(super) const ECR: Service = Service { name: "ecr", target: "AmazonEC2ContainerRegistry_V20150921" };
pub(super) const SECRETS: Service = Service { name: "secretsmanager", target: "secretsmanager" };
pub(super) const LOGS: Service = Service { name: "logs", target: "Logs_20140328" };

/// Makes calls as the operator.
pub(super) struct Wire {
    config: SdkConfig,
    client: Client<HttpConnector, Full<Bytes>>,
}

impl Wire {
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), client: Client::builder(TokioExecutor::new()).build_http() }
    }

    /// The account that is called in.
    pub async fn account(&self) -> Result<String> {
        let provider = self.config.credentials_provider().context("no credentials")?;
        Ok(provider.provide_credentials().await?.access_key_id().to_owned())
    }

    /// The Region that is called in.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", AsRef::as_ref)
    }

    /// The answer; an error of the service is in its `__type`.
    pub async fn call(&self, service: &Service, action: &str, parameters: &Value) -> Result<Value> {
        let account = self.account().await?;
        let scope = format!("{account}/20260101/{}/{}/aws4_request", self.region(), service.name);
        let request = hyper::Request::post(self.config.endpoint_url().context("no endpoint")?)
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-target", format!("{}.{action}", service.target))
            .header("x-amz-security-token", OPERATOR)
            .header("authorization", format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"))
            .body(Full::new(Bytes::from(parameters.to_string())))?;
        let body = self.client.request(request).await.with_context(|| action.to_owned())?.into_body().collect().await?.to_bytes();
        Ok(serde_json::from_slice(&body).unwrap_or_default())
    }
}

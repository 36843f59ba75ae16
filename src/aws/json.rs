//! Calls of AWS's JSON protocols whose answers are kept whole: a typed answer loses the fields that this SDK does not know yet,
//! and a task definition that is registered again must lose none.
//!
//! One operation on the layers that every client of the SDK is made of (orchestrator, SigV4, time-outs), with the settings of the
//! other clients. So no crate is needed for a service of which two calls are made.

use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::StaticRuntimePlugin;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SigningName;
use aws_types::region::{Region, SigningRegion};
use aws_types::service_config::ServiceConfigKey;
use serde_json::Value;

use super::call::Caller;
use super::failure::AwsFailure;

/// A service that speaks a JSON protocol (service models: endpointPrefix, signingName, serviceId, targetPrefix, jsonVersion).
#[derive(Debug)]
pub struct Service {
    /// What its host begins with.
    pub host: &'static str,
    /// Its name in signatures.
    pub signing: &'static str,
    /// Its id, which its own endpoint variable is named after: `AWS_ENDPOINT_URL_ID`.
    pub id: &'static str,
    /// What its operations begin with.
    pub target: &'static str,
}

/// Amazon ECS.
pub const ECS: Service = Service { host: "ecs", signing: "ecs", id: "ECS", target: "AmazonEC2ContainerServiceV20141113" };
/// AWS CodePipeline.
pub const CODEPIPELINE: Service =
    Service { host: "codepipeline", signing: "codepipeline", id: "CodePipeline", target: "CodePipeline_20150709" };
/// Amazon ECR.
pub const ECR: Service = Service { host: "api.ecr", signing: "ecr", id: "ECR", target: "AmazonEC2ContainerRegistry_V20150921" };
/// Amazon CloudWatch Logs.
pub const LOGS: Service = Service { host: "logs", signing: "logs", id: "CloudWatch Logs", target: "Logs_20140328" };
/// Application Auto Scaling.
pub const SCALING: Service = Service {
    host: "application-autoscaling",
    signing: "application-autoscaling",
    id: "Application Auto Scaling",
    target: "AnyScaleFrontendService",
};

/// Amazon EventBridge Scheduler, whose protocol is REST.
pub const SCHEDULER: Service = Service { host: "scheduler", signing: "scheduler", id: "Scheduler", target: "" };

/// What a call says. It may hold environment values: what is printed of it for debugging is its size.
struct Parameters(String);

impl std::fmt::Debug for Parameters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

/// Makes calls with the settings of the SDK's clients.
#[derive(Clone, Debug)]
pub struct Json {
    config: SdkConfig,
}

impl Json {
    /// With these settings.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone() }
    }

    /// The same in another Region.
    #[must_use]
    pub fn in_region(&self, region: &str) -> Self {
        Self { config: self.config.to_builder().region(Region::new(region.to_owned())).build() }
    }

    /// The Region that is called in.
    #[must_use]
    pub fn region(&self) -> &str {
        self.config.region().map_or("", AsRef::as_ref)
    }

    /// Makes a call; `action` is `SERVICE:OPERATION` as a policy names it.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn call(
        &self,
        caller: &Caller,
        service: &'static Service,
        action: &'static str,
        resource: &str,
        parameters: &Value,
    ) -> Result<Value, AwsFailure> {
        let target = format!("{}.{}", service.target, operation_of(action));
        let headers = vec![("content-type", "application/x-amz-json-1.1".to_owned()), ("x-amz-target", target)];
        let how = How { method: "POST", path: "/".to_owned(), headers };
        self.make(caller, service, action, resource, how, parameters.to_string()).await
    }

    /// Makes a call of a service whose protocol is REST: `path` with its query, both escaped. Without parameters it has no body.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn rest(
        &self,
        caller: &Caller,
        service: &'static Service,
        (action, resource): (&'static str, &str),
        (method, path): (&'static str, &str),
        parameters: Option<&Value>,
    ) -> Result<Value, AwsFailure> {
        let headers = vec![("content-type", "application/json".to_owned())];
        let how = How { method, path: path.to_owned(), headers };
        self.make(caller, service, action, resource, how, parameters.map(Value::to_string).unwrap_or_default()).await
    }

    async fn make(
        &self,
        caller: &Caller,
        service: &'static Service,
        action: &'static str,
        resource: &str,
        how: How,
        body: String,
    ) -> Result<Value, AwsFailure> {
        let operation = Operation::builder()
            .service_name(service.id)
            .operation_name(operation_of(action))
            .endpoint_url(&self.endpoint(service))
            .no_retry()
            .timeout_config(self.config.timeout_config().cloned().unwrap_or_else(TimeoutConfig::disabled))
            .runtime_plugin(self.settings(service))
            .serializer(move |parameters: Parameters| request(&how, parameters))
            .deserializer(answer);
        let operation = match self.config.behavior_version() {
            Some(version) => operation.behavior_version(version).build(),
            None => operation.build(),
        };
        caller.call(action, resource, || operation.invoke(Parameters(body.clone()))).await
    }

    /// `AWS_ENDPOINT_URL_ID`, `AWS_ENDPOINT_URL`, or where the service is in this Region.
    fn endpoint(&self, service: &Service) -> String {
        let key = ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build().ok();
        let own = self.config.service_config().zip(key).and_then(|(config, key)| config.load_config(key));
        let region = self.region();
        let suffix = if region.starts_with("cn-") { "amazonaws.com.cn" } else { "amazonaws.com" };
        own.or_else(|| self.config.endpoint_url().map(str::to_owned))
            .unwrap_or_else(|| format!("https://{}.{region}.{suffix}", service.host))
    }

    /// Signs with the credentials, the Region and the HTTP client of the other clients.
    fn settings(&self, service: &'static Service) -> StaticRuntimePlugin {
        let mut layer = Layer::new(service.id);
        layer.store_put(SigningName::from_static(service.signing));
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig { signing_options: SigningOptions::default(), ..Default::default() });
        if let Some(region) = self.config.region() {
            layer.store_put(SigningRegion::from(region.clone()));
        }
        let mut components = RuntimeComponentsBuilder::new(service.id);
        let schemes = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(schemes)));
        components.push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()));
        if let Some(credentials) = self.config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        if let Some(client) = self.config.http_client() {
            components.set_http_client(Some(client));
        }
        StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components)
    }
}

/// How a call is made: its method, its path, its headers.
#[derive(Debug)]
struct How {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
}

/// `SERVICE:OPERATION` without the service.
fn operation_of(action: &'static str) -> &'static str {
    action.split_once(':').map_or(action, |(_, name)| name)
}

fn request(how: &How, parameters: Parameters) -> Result<HttpRequest, BoxError> {
    let mut request = HttpRequest::new(SdkBody::from(parameters.0));
    request.set_method(how.method)?;
    request.set_uri(how.path.as_str())?;
    for (name, value) in &how.headers {
        request.headers_mut().insert(*name, value.clone());
    }
    Ok(request)
}

fn answer(response: &HttpResponse) -> Result<Value, OrchestratorError<ErrorMetadata>> {
    let body = response.body().bytes().unwrap_or_default();
    if response.status().is_success() {
        // No body is an answer without fields.
        let body = if body.is_empty() { b"{}" } else { body };
        return serde_json::from_slice(body).map_err(|error| OrchestratorError::response(error.into()));
    }
    let told: Value = serde_json::from_slice(body).unwrap_or_default();
    let header = |name: &str| response.headers().get(name);
    let mut error = ErrorMetadata::builder();
    // `CODE`, `NAMESPACE#CODE` or `CODE:URL` (AWS JSON protocol, "operation error serialization").
    if let Some(code) = told["__type"].as_str().or_else(|| told["code"].as_str()).or_else(|| header("x-amzn-errortype")) {
        let code = code.rsplit('#').next().unwrap_or(code);
        error = error.code(code.split(':').next().unwrap_or(code));
    }
    if let Some(message) = told["message"].as_str().or_else(|| told["Message"].as_str()) {
        error = error.message(message);
    }
    if let Some(id) = header("x-amzn-requestid") {
        error = error.custom("aws_request_id", id.to_owned());
    }
    Err(OrchestratorError::operation(error.build()))
}

//! Calls of AWS's JSON protocols whose answers are kept whole: a typed answer loses the fields that this SDK does not know yet,
//! and a task definition that is registered again must lose none.

use aws_config::SdkConfig;
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::error::ErrorMetadata;
use aws_types::region::Region;
use serde_json::Value;

use super::call::Caller;
use super::failure::AwsFailure;
use super::wire;

/// A service that speaks a JSON protocol.
#[derive(Debug)]
pub struct Service {
    /// Where it is, and what it is called.
    wire: wire::Service,
    /// What its operations begin with (service models: targetPrefix).
    target: &'static str,
}

impl Service {
    const fn new(host: &'static str, signing: &'static str, id: &'static str, target: &'static str) -> Self {
        Self { wire: wire::Service { host, global: false, signing, id }, target }
    }
}

/// Amazon ECS.
pub const ECS: Service = Service::new("ecs", "ecs", "ECS", "AmazonEC2ContainerServiceV20141113");
/// Amazon ECR.
pub const ECR: Service = Service::new("api.ecr", "ecr", "ECR", "AmazonEC2ContainerRegistry_V20150921");
/// Amazon CloudWatch Logs.
pub const LOGS: Service = Service::new("logs", "logs", "CloudWatch Logs", "Logs_20140328");
/// AWS CodePipeline.
pub const CODEPIPELINE: Service = Service::new("codepipeline", "codepipeline", "CodePipeline", "CodePipeline_20150709");
/// Application Auto Scaling.
pub const SCALING: Service =
    Service::new("application-autoscaling", "application-autoscaling", "Application Auto Scaling", "AnyScaleFrontendService");

/// Amazon EventBridge Scheduler, whose protocol is REST.
pub const SCHEDULER: Service = Service::new("scheduler", "scheduler", "Scheduler", "");

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
        let operation = service.wire.operation(&self.config, operation_of(action));
        let operation = operation.serializer(move |parameters: Parameters| request(&how, parameters));
        let operation = operation.deserializer(answer).build();
        caller.call(action, resource, || operation.invoke(Parameters(body.clone()))).await
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

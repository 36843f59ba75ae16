//! Changes services. Nothing here decides anything.

use serde_json::{Value, json};

use super::parse;
use crate::aws::call::Caller;
use crate::aws::failure::{AwsFailure, Class};
use crate::aws::json::{ECS, Json};
use crate::roll::seen::{Definition, Service, Task};

/// The only thing that can change ECS.
#[derive(Clone, Debug)]
pub struct Writer {
    json: Json,
    caller: Caller,
}

/// A one-off task.
#[derive(Clone, Debug, PartialEq)]
pub struct RunAsked {
    /// The cluster.
    pub cluster: String,
    /// The ARN of the revision.
    pub definition: String,
    /// Launch type or strategy, network, platform version, as a service has them.
    pub launch: Value,
    /// What is run instead of the definition's.
    pub overrides: Value,
    /// Whose task it is, at most 128 characters.
    pub started_by: String,
    /// What makes two calls the same task.
    pub token: String,
}

/// A shell that waits for the plugin. The session holds a token: it is a secret.
pub struct Shell {
    /// What ECS answered, as the plugin takes it.
    pub session: String,
    /// Where.
    pub region: String,
    /// The plugin's endpoint of Systems Manager.
    pub endpoint: String,
}

impl Writer {
    /// A writer, until the caller's deadline.
    #[must_use]
    pub fn new(json: Json, caller: Caller) -> Self {
        Self { json, caller }
    }

    pub(super) async fn call(&self, action: &'static str, resource: &str, parameters: &Value) -> Result<Value, AwsFailure> {
        self.json.call(&self.caller, &ECS, action, resource, parameters).await
    }

    /// Registers a revision.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn register(&self, document: &Value) -> Result<Definition, AwsFailure> {
        const ACTION: &str = "ecs:RegisterTaskDefinition";
        let family = document["family"].as_str().unwrap_or_default();
        let definition = parse::definition(&self.call(ACTION, family, document).await?);
        if definition.arn.is_empty() { Err(AwsFailure::incomplete(ACTION, family, "taskDefinitionArn")) } else { Ok(definition) }
    }

    /// Makes a service run a revision; with `force` also where it runs it already. What is not named stays as it is.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn update(&self, cluster: &str, service: &str, definition: &str, force: bool) -> Result<Service, AwsFailure> {
        let mut parameters = json!({ "cluster": cluster, "service": service, "taskDefinition": definition });
        if force {
            parameters["forceNewDeployment"] = true.into();
        }
        let answer = self.call("ecs:UpdateService", &format!("{cluster}/{service}"), &parameters).await?;
        Ok(parse::service(&answer["service"]))
    }

    /// Sets how many tasks there are to be. That starts no deployment.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn scale(&self, cluster: &str, service: &str, desired: u32) -> Result<Service, AwsFailure> {
        let parameters = json!({ "cluster": cluster, "service": service, "desiredCount": desired });
        let answer = self.call("ecs:UpdateService", &format!("{cluster}/{service}"), &parameters).await?;
        Ok(parse::service(&answer["service"]))
    }

    /// Asks ECS to roll a service deployment back. Whether it was asked: not where the deployment has ended by itself meanwhile.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn roll_back(&self, deployment: &str) -> Result<bool, AwsFailure> {
        let parameters = json!({ "serviceDeploymentArn": deployment, "stopType": "ROLLBACK" });
        match self.call("ecs:StopServiceDeployment", deployment, &parameters).await {
            Ok(_) => Ok(true),
            Err(failure) if failure.code.as_deref() == Some("ConflictException") => Ok(false),
            Err(failure) => Err(failure),
        }
    }

    /// Opens a shell in a container.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn execute(&self, cluster: &str, task: &str, container: &str, command: &str) -> Result<Shell, AwsFailure> {
        const ACTION: &str = "ecs:ExecuteCommand";
        let parameters =
            json!({ "cluster": cluster, "task": task, "container": container, "command": command, "interactive": true });
        let answer = self.call(ACTION, task, &parameters).await?;
        let field = |name: &str| {
            let value = answer["session"][name].as_str().map(str::to_owned);
            value.ok_or_else(|| AwsFailure::incomplete(ACTION, task, name))
        };
        let (id, url, token) = (field("sessionId")?, field("streamUrl")?, field("tokenValue")?);
        let session = json!({ "SessionId": id, "StreamUrl": url, "TokenValue": token }).to_string();
        let region = self.json.region().to_owned();
        let endpoint = format!("https://ssm.{region}.amazonaws.com");
        Ok(Shell { session, region, endpoint })
    }

    /// Runs a task. Calls with the same token run it once.
    ///
    /// # Errors
    /// An [`AwsFailure`]; also where ECS answers with the reason why it placed none.
    pub async fn run(&self, asked: &RunAsked) -> Result<Task, AwsFailure> {
        const ACTION: &str = "ecs:RunTask";
        let mut parameters = json!({
            "cluster": asked.cluster, "taskDefinition": asked.definition, "count": 1, "startedBy": asked.started_by,
            "clientToken": asked.token, "overrides": asked.overrides,
        });
        if let (Some(all), Some(launch)) = (parameters.as_object_mut(), asked.launch.as_object()) {
            all.extend(launch.iter().map(|(name, value)| (name.clone(), value.clone())));
        }
        let answer = self.call(ACTION, &asked.definition, &parameters).await?;
        let task = parse::list(&answer["tasks"]).next().map(parse::task);
        task.ok_or_else(|| {
            let why = |failure: &Value| {
                let text = |name: &str| failure[name].as_str().unwrap_or_default().to_owned();
                format!("{} {}", text("reason"), text("detail")).trim().to_owned()
            };
            let reasons: Vec<String> = parse::list(&answer["failures"]).map(why).collect();
            AwsFailure {
                action: ACTION,
                resource: asked.definition.clone(),
                class: Class::Permanent,
                code: None,
                message: format!(
                    "ECS placed no task: {}",
                    if reasons.is_empty() { "no reason given".to_owned() } else { reasons.join("; ") }
                ),
                request_id: None,
            }
        })
    }
}

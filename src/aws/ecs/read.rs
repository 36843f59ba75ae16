//! Looks at services, their deployments, their tasks.

use futures::future::try_join_all;
use serde_json::{Value, json};

use super::parse;
use crate::aws::call::Caller;
use crate::aws::failure::{AwsFailure, Class};
use crate::aws::json::{ECS, Json};
use crate::history::rolls::Rollout;
use crate::roll::seen::{Definition, Record, Revision, Service, Task};

/// The most services and tasks that one call describes (service model).
const SERVICES: usize = 10;
const TASKS: usize = 100;
/// How many service deployments are looked back through: the last successful one is rarely further away.
const HISTORY: usize = 100;
const DESCRIBED: usize = 20;

/// Reads ECS, and cannot write.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) json: Json,
    pub(super) caller: Caller,
}

/// Services, and the names of those that are not there.
#[derive(Clone, Debug, PartialEq)]
pub struct Services {
    /// Those that are there, in the order asked.
    pub there: Vec<Service>,
    /// Names without a service.
    pub missing: Vec<String>,
}

impl Reader {
    /// A reader, until the caller's deadline.
    #[must_use]
    pub fn new(json: Json, caller: Caller) -> Self {
        Self { json, caller }
    }

    async fn call(&self, action: &'static str, resource: &str, parameters: Value) -> Result<Value, AwsFailure> {
        self.json.call(&self.caller, &ECS, action, resource, &parameters).await
    }

    /// Services of a cluster, ten a call.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn services(&self, cluster: &str, names: &[String]) -> Result<Services, AwsFailure> {
        let calls = names.chunks(SERVICES).map(async |names| {
            let parameters = json!({ "cluster": cluster, "services": names, "include": ["TAGS"] });
            self.call("ecs:DescribeServices", &format!("{cluster}/{}", names.join(",")), parameters).await
        });
        let answers = try_join_all(calls).await?;
        let there: Vec<Service> =
            answers.iter().flat_map(|answer| parse::list(&answer["services"]).map(parse::service)).collect();
        let is = |name: &str| there.iter().any(|service| service.name == name || service.arn == name);
        let missing = names.iter().filter(|name| !is(name)).cloned().collect();
        Ok(Services { there, missing })
    }

    /// One service.
    ///
    /// # Errors
    /// An [`AwsFailure`], of the class [`Class::NotFound`] where there is none.
    pub async fn service(&self, cluster: &str, name: &str) -> Result<Service, AwsFailure> {
        let services = self.services(cluster, &[name.to_owned()]).await?;
        services.there.into_iter().next().ok_or_else(|| AwsFailure {
            action: "ecs:DescribeServices",
            resource: format!("{cluster}/{name}"),
            class: Class::NotFound,
            code: Some("MISSING".to_owned()),
            message: "there is no service of this name in the cluster".to_owned(),
            request_id: None,
        })
    }

    /// The names of a cluster's services.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn service_names(&self, cluster: &str) -> Result<Vec<String>, AwsFailure> {
        let parameters = json!({ "cluster": cluster, "maxResults": 100 });
        let arns = self.all("ecs:ListServices", cluster, parameters, "serviceArns", usize::MAX).await?;
        Ok(arns.iter().filter_map(Value::as_str).map(|arn| crate::roll::seen::short(arn).to_owned()).collect())
    }

    /// A revision: by ARN, by `family:revision`, or the newest active one of a family.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn definition(&self, name: &str) -> Result<Definition, AwsFailure> {
        let answer =
            self.call("ecs:DescribeTaskDefinition", name, json!({ "taskDefinition": name, "include": ["TAGS"] })).await?;
        let definition = parse::definition(&answer);
        if definition.arn.is_empty() {
            return Err(AwsFailure::incomplete("ecs:DescribeTaskDefinition", name, "taskDefinitionArn"));
        }
        Ok(definition)
    }

    /// The newest active revision of a family; none where there is no active one.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn latest(&self, family: &str) -> Result<Option<Definition>, AwsFailure> {
        match self.definition(family).await {
            Ok(definition) => Ok(Some(definition)),
            // ECS has no code of its own for it (API reference, DescribeTaskDefinition).
            Err(failure) if failure.code.as_deref() == Some("ClientException") => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// The service deployments, the newest first; none where they may not be read.
    ///
    /// # Errors
    /// An [`AwsFailure`], but no lacking permission.
    pub async fn records(&self, service: &Service) -> Result<Option<Vec<Record>>, AwsFailure> {
        allowed(self.recorded(service).await)
    }

    /// The service deployments, the newest first.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn recorded(&self, service: &Service) -> Result<Vec<Record>, AwsFailure> {
        let parameters = json!({ "cluster": service.cluster, "service": service.name, "maxResults": HISTORY });
        let rows = self.all("ecs:ListServiceDeployments", &service.arn, parameters, "serviceDeployments", HISTORY).await?;
        Ok(rows.iter().map(parse::record).collect())
    }

    /// The last service deployments, as a history tells of them, the newest first.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn rollouts(&self, service: &Service, most: usize) -> Result<Vec<Rollout>, AwsFailure> {
        let parameters = json!({ "cluster": service.cluster, "service": service.name, "maxResults": most });
        let rows = self.all("ecs:ListServiceDeployments", &service.arn, parameters, "serviceDeployments", most).await?;
        Ok(rows.iter().filter_map(Rollout::read).take(most).collect())
    }

    /// Everything that ECS says of service deployments; none where they may not be read.
    ///
    /// # Errors
    /// An [`AwsFailure`], but no lacking permission.
    pub async fn described(&self, arns: &[String]) -> Result<Option<Vec<Record>>, AwsFailure> {
        let calls = arns.chunks(DESCRIBED).map(async |arns| {
            let parameters = json!({ "serviceDeploymentArns": arns });
            self.call("ecs:DescribeServiceDeployments", &arns.join(" and "), parameters).await
        });
        let answers = try_join_all(calls).await;
        let records = |answers: Vec<Value>| {
            answers.iter().flat_map(|answer| parse::list(&answer["serviceDeployments"]).map(parse::record)).collect()
        };
        allowed(answers.map(records))
    }

    /// Service revisions: at most 20.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn revisions(&self, arns: &[String]) -> Result<Vec<Revision>, AwsFailure> {
        if arns.is_empty() {
            return Ok(Vec::new());
        }
        let parameters = json!({ "serviceRevisionArns": arns });
        let answer = self.call("ecs:DescribeServiceRevisions", &arns.join(" and "), parameters).await?;
        Ok(parse::list(&answer["serviceRevisions"]).map(parse::revision).collect())
    }

    /// The ARNs of a service's tasks.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn task_arns(&self, service: &Service, desired: &str) -> Result<Vec<String>, AwsFailure> {
        let parameters =
            json!({ "cluster": service.cluster, "serviceName": service.name, "desiredStatus": desired, "maxResults": TASKS });
        let arns = self.all("ecs:ListTasks", &service.arn, parameters, "taskArns", usize::MAX).await?;
        Ok(arns.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// The ARNs of the running tasks of a family.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn family_arns(&self, cluster: &str, family: &str) -> Result<Vec<String>, AwsFailure> {
        let parameters = json!({ "cluster": cluster, "family": family, "desiredStatus": "RUNNING", "maxResults": TASKS });
        let arns = self.all("ecs:ListTasks", cluster, parameters, "taskArns", usize::MAX).await?;
        Ok(arns.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }

    /// Tasks; those that ECS has forgotten are left out.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn tasks(&self, cluster: &str, arns: &[String]) -> Result<Vec<Task>, AwsFailure> {
        // An empty list is an error of ECS's.
        let calls = arns
            .chunks(TASKS)
            .map(async |arns| self.call("ecs:DescribeTasks", cluster, json!({ "cluster": cluster, "tasks": arns })).await);
        let answers = try_join_all(calls).await?;
        Ok(answers.iter().flat_map(|answer| parse::list(&answer["tasks"]).map(parse::task)).collect())
    }

    /// A list in all of its pages, up to `most` items.
    pub(super) async fn all(
        &self,
        action: &'static str,
        resource: &str,
        mut parameters: Value,
        list: &str,
        most: usize,
    ) -> Result<Vec<Value>, AwsFailure> {
        let mut all = Vec::new();
        loop {
            let mut answer = self.call(action, resource, parameters.clone()).await?;
            if let Some(items) = answer[list].as_array_mut() {
                all.append(items);
            }
            match answer["nextToken"].as_str().filter(|token| !token.is_empty() && all.len() < most) {
                Some(token) => parameters["nextToken"] = token.into(),
                None => return Ok(all),
            }
        }
    }
}

fn allowed<T>(read: Result<T, AwsFailure>) -> Result<Option<T>, AwsFailure> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(failure) if failure.class == Class::Permission => Ok(None),
        Err(failure) => Err(failure),
    }
}

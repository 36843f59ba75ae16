//! Schedules of EventBridge Scheduler, which start tasks: which revision they start.

use serde_json::Value;

use super::call::Caller;
use super::failure::AwsFailure;
use super::json::{Json, SCHEDULER};

/// What GetSchedule adds and UpdateSchedule takes elsewhere, or not at all (Amazon EventBridge Scheduler API reference).
const ADDED: [&str; 4] = ["Arn", "CreationDate", "LastModificationDate", "Name"];

/// Reads and changes schedules.
#[derive(Clone, Debug)]
pub struct Schedules {
    json: Json,
    caller: Caller,
}

/// A schedule, as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    group: String,
    name: String,
    described: Value,
}

impl Schedule {
    /// The task definition that it starts: an ARN; none where its target is no task.
    #[must_use]
    pub fn definition(&self) -> Option<&str> {
        self.described["Target"]["EcsParameters"]["TaskDefinitionArn"].as_str()
    }
}

impl Schedules {
    /// Until the caller's deadline.
    #[must_use]
    pub fn new(json: Json, caller: Caller) -> Self {
        Self { json, caller }
    }

    /// Reads a schedule.
    ///
    /// # Errors
    /// An [`AwsFailure`], of the class `NotFound` where there is none.
    pub async fn read(&self, group: &str, name: &str) -> Result<Schedule, AwsFailure> {
        let call = ("scheduler:GetSchedule", format!("{group}/{name}"));
        let path = format!("/schedules/{name}?groupName={group}");
        let described = self.json.rest(&self.caller, &SCHEDULER, (call.0, &call.1), ("GET", &path), None).await?;
        Ok(Schedule { group: group.to_owned(), name: name.to_owned(), described })
    }

    /// Makes a schedule start another revision. The call replaces a schedule: everything else goes back as it was read.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn point(&self, schedule: &Schedule, definition: &str) -> Result<(), AwsFailure> {
        let Schedule { group, name, .. } = schedule;
        let mut parameters = schedule.described.clone();
        if let Some(fields) = parameters.as_object_mut() {
            fields.retain(|field, value| !ADDED.contains(&field.as_str()) && !value.is_null());
            fields.insert("GroupName".to_owned(), group.as_str().into());
        }
        parameters["Target"]["EcsParameters"]["TaskDefinitionArn"] = definition.into();
        let resource = format!("{group}/{name}");
        let call = ("scheduler:UpdateSchedule", resource.as_str());
        let path = format!("/schedules/{name}");
        self.json.rest(&self.caller, &SCHEDULER, call, ("PUT", &path), Some(&parameters)).await.map(drop)
    }
}

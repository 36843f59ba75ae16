//! What was seen of a service: as ECS tells it, and nothing else.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;

/// A service.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Service {
    /// The cluster's name.
    pub cluster: String,
    /// The service's name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// `ACTIVE`, `DRAINING` or `INACTIVE`.
    pub status: String,
    /// Who deploys: `ECS`, `CODE_DEPLOY` or `EXTERNAL`.
    pub controller: String,
    /// How ECS deploys: `ROLLING`, `BLUE_GREEN`, …
    pub strategy: String,
    /// The ARN of the revision that it is to run.
    pub definition: String,
    /// How many tasks there are to be.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are on their way.
    pub pending: u32,
    /// Its deployments, PRIMARY first.
    pub deployments: Vec<Deployment>,
    /// The ARN of the service deployment under way.
    pub current: Option<String>,
    /// Whether a circuit breaker ends failing deployments, and whether it then rolls back.
    pub breaker: Breaker,
    /// The least and the most percent of tasks while it rolls.
    pub percent: (u32, u32),
    /// Its events, the newest first: id and message.
    pub events: Vec<(String, String)>,
    /// Tags, AWS's own too.
    pub tags: BTreeMap<String, String>,
    /// Whether shells are allowed.
    pub exec: bool,
    /// How its tasks are run: launch type or capacity provider strategy, network, platform version.
    pub launch: Value,
}

/// A circuit breaker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Breaker {
    /// Whether there is one.
    pub enabled: bool,
    /// Whether it rolls back.
    pub rollback: bool,
}

/// One of a service's deployments.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// `ecs-svc/` and a number.
    pub id: String,
    /// `PRIMARY`, `ACTIVE` or `INACTIVE`.
    pub status: String,
    /// The ARN of its revision.
    pub definition: String,
    /// `IN_PROGRESS`, `COMPLETED` or `FAILED`.
    pub rollout: String,
    /// Why.
    pub reason: String,
    /// How many tasks there are to be.
    pub desired: u32,
    /// How many run.
    pub running: u32,
    /// How many are on their way.
    pub pending: u32,
    /// How many failed in a row.
    pub failed: u32,
}

impl Deployment {
    /// The number behind `ecs-svc/`, which the ARN of its service revision ends with.
    #[must_use]
    pub fn number(&self) -> &str {
        self.id.rsplit('/').next().unwrap_or(&self.id)
    }
}

/// A service deployment: what ECS records of a deployment for 90 days.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its ARN.
    pub arn: String,
    /// `PENDING`, `IN_PROGRESS`, `SUCCESSFUL`, `STOPPED`, …
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The ARN of the service revision that it brings.
    pub target: String,
    /// Why it was rolled back.
    pub rollback: Option<String>,
    /// The breaker's failures and its threshold, where it counts.
    pub failures: Option<(u32, u32)>,
    /// Alarms that went off.
    pub alarms: Vec<String>,
}

/// A service revision: what a deployment brings, with the digests that ECS resolved.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Revision {
    /// Its ARN.
    pub arn: String,
    /// The ARN of its task definition.
    pub definition: String,
    /// The digests of its images, by container.
    pub digests: BTreeMap<String, String>,
}

/// A revision of a task definition.
#[derive(Clone, Debug, PartialEq)]
pub struct Definition {
    /// Its ARN.
    pub arn: String,
    /// Whether it can be deployed.
    pub active: bool,
    /// As it was described, whole.
    pub described: Value,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Definition {
    /// `family:revision`.
    #[must_use]
    pub fn name(&self) -> &str {
        short(&self.arn)
    }

    /// As it can be registered again.
    #[must_use]
    pub fn registrable(&self) -> Value {
        super::definition::registrable(&self.described, &self.tags)
    }
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Its ARN.
    pub arn: String,
    /// The deployment (of a service's task), or whoever ran it.
    pub started_by: String,
    /// The ARN of its revision.
    pub definition: String,
    /// `PENDING`, `RUNNING`, `STOPPED`, …
    pub status: String,
    /// What it is to be: `RUNNING` or `STOPPED`.
    pub desired: String,
    /// Why it stopped, in a word.
    pub stop_code: String,
    /// Why it stopped, in a sentence.
    pub stopped_reason: String,
    /// Its containers.
    pub containers: Vec<Container>,
    /// Whether shells are allowed.
    pub exec: bool,
}

impl Task {
    /// The last part of its ARN.
    #[must_use]
    pub fn id(&self) -> &str {
        short(&self.arn)
    }
}

/// A container of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its exit code, where it had a process.
    pub exit_code: Option<i64>,
    /// Why it did not start, or was killed.
    pub reason: String,
    /// The digest that it runs.
    pub digest: Option<String>,
    /// The runtime's id.
    pub runtime_id: Option<String>,
    /// `PENDING`, `RUNNING`, `STOPPED`.
    pub status: String,
    /// Whether the agent that opens shells runs.
    pub exec_agent: bool,
}

/// The last part of an ARN.
#[must_use]
pub fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

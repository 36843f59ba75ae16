//! What the field throws at it: load balancers, services and files from public bug reports of this job, each made through the
//! API, and each with what is right.

mod builds;
mod function;
mod judgement;
mod reports;
mod rules;
mod services;

use std::time::Duration;

use aws_sdk_ecs::types::{AdvancedConfiguration, ContainerDefinition, DeploymentController, LoadBalancer};
use local_aws::jobs::JobState;
use serde_json::Value;

use crate::deployer::stage::Stage;

/// The image of a service, without its tag.
pub const APP: &str = "registry.example/app";

/// A service in the cluster `main`, as a test wants it.
pub struct Service<'a> {
    pub name: &'a str,
    pub image: String,
    /// The groups it registers into.
    pub groups: &'a [&'a str],
    /// The group that ECS's own blue/green alternates with.
    pub alternate: Option<&'a str>,
    pub tasks: i32,
    pub controller: &'a str,
}

impl<'a> Service<'a> {
    /// A service of this image tag without tasks behind one group.
    pub fn new(name: &'a str, groups: &'a [&'a str], tag: &str) -> Self {
        Self { name, image: format!("{APP}:{tag}"), groups, alternate: None, tasks: 0, controller: "ECS" }
    }

    /// Makes it; where it has tasks, waits until they run.
    pub async fn make(self, stage: &Stage) {
        let ecs = stage.world.ecs();
        ecs.create_cluster().cluster_name("main").send().await.unwrap();
        let definition = define(stage, self.name, &self.image).await;
        let balancers = self.groups.iter().map(|group| {
            let alternate = self
                .alternate
                .map(|alternate| AdvancedConfiguration::builder().alternate_target_group_arn(stage.arn(alternate)).build());
            let balancer = LoadBalancer::builder().target_group_arn(stage.arn(group)).container_name("web").container_port(80);
            balancer.set_advanced_configuration(alternate).build()
        });
        let create = ecs.create_service().cluster("main").service_name(self.name).task_definition(definition);
        let controller = DeploymentController::builder().r#type(self.controller.into()).build().unwrap();
        let create = create.set_load_balancers(Some(balancers.collect())).desired_count(self.tasks);
        create.deployment_controller(controller).send().await.unwrap();
        if self.tasks > 0 {
            stage.world.ecs_runner.settled("main", self.name, Duration::from_secs(60)).await.unwrap();
        }
    }
}

/// Registers a task definition; its ARN.
pub async fn define(stage: &Stage, family: &str, image: &str) -> String {
    let container = ContainerDefinition::builder().name("web").image(image).build();
    let made = stage.world.ecs().register_task_definition().family(family).container_definitions(container).send().await.unwrap();
    made.task_definition().unwrap().task_definition_arn().unwrap().to_owned()
}

/// Runs a job of the function to its end.
pub async fn job(stage: &Stage, parameters: Value) -> JobState {
    let settings = [("CALL_TIMEOUT_MS", "30000"), ("WAIT_SECONDS", "0")];
    let lambda = stage.world.lambda_with(Duration::from_secs(300), settings).unwrap();
    let id = stage.world.jobs.create_job(&parameters.to_string());
    lambda.deliver(stage.world.jobs.event(&id).to_string().as_bytes()).await.unwrap();
    stage.world.jobs.state(&id).unwrap()
}

/// The failure of a job: its type and its message.
#[track_caller]
pub fn failed(state: &JobState) -> (&str, &str) {
    match state {
        JobState::Failed { r#type, message, .. } => (r#type, message),
        other => panic!("expected a failure, found {other:?}"),
    }
}

/// The summary of a job that succeeded.
#[track_caller]
pub fn summary(state: &JobState) -> &str {
    match state {
        JobState::Succeeded { summary: Some(summary), .. } => summary,
        other => panic!("expected success, found {other:?}"),
    }
}

//! Deployments of services as AWS has them: states, ids and reasons follow from what the processes of the tasks do.

use std::time::Duration;

use aws_sdk_ecs::types::{
    ContainerDefinition, DeploymentCircuitBreaker, DeploymentConfiguration, Service, ServiceDeployment, ServiceDeploymentStatus,
    StopServiceDeploymentStopType, Task,
};
use local_aws::ecs::registry::{Image, Registry};
use local_aws::world::World;

use crate::{until, world};

/// A cluster `main` with a service `web` of one task that runs the image `v1`.
struct Bench {
    world: World,
    registry: Registry,
}

impl Bench {
    async fn new(breaker: bool) -> Self {
        let world = world().await;
        let registry = Registry::of(world.operator()).await.unwrap();
        let bench = Self { world, registry };
        let ecs = bench.world.ecs();
        ecs.create_cluster().cluster_name("main").send().await.unwrap();
        let breaker = DeploymentCircuitBreaker::builder().enable(breaker).rollback(breaker).build();
        let configuration = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
        let create = ecs.create_service().cluster("main").service_name("web").desired_count(1);
        let definition = bench.definition("v1", "sleep 600").await;
        create.deployment_configuration(configuration).task_definition(definition).send().await.unwrap();
        bench.settled().await;
        bench
    }

    async fn settled(&self) {
        self.world.ecs_runner.settled("main", "web", Duration::from_secs(60)).await.unwrap();
    }

    /// A revision whose image runs a shell line.
    async fn definition(&self, tag: &str, line: &str) -> String {
        self.registry.push("web", tag, Image { command: &["sh", "-c", line], ..Image::default() }).await.unwrap();
        let container =
            ContainerDefinition::builder().name("web").image(format!("{}:{tag}", self.registry.repository("web"))).build();
        let made =
            self.world.ecs().register_task_definition().family("web").container_definitions(container).send().await.unwrap();
        made.task_definition().unwrap().task_definition_arn().unwrap().to_owned()
    }

    async fn update(&self, definition: &str) {
        let update = self.world.ecs().update_service().cluster("main").service("web").task_definition(definition);
        update.send().await.unwrap();
    }

    async fn service(&self) -> Service {
        let ecs = self.world.ecs();
        ecs.describe_services().cluster("main").services("web").send().await.unwrap().services()[0].clone()
    }

    /// Everything that is recorded, the newest first.
    async fn records(&self) -> Vec<ServiceDeployment> {
        let ecs = self.world.ecs();
        let rows = ecs.list_service_deployments().cluster("main").service("web").send().await.unwrap();
        let arns = rows.service_deployments().iter().map(|row| row.service_deployment_arn().unwrap().to_owned()).collect();
        let described = ecs.describe_service_deployments().set_service_deployment_arns(Some(arns)).send().await.unwrap();
        let mut found = Vec::new();
        for row in rows.service_deployments() {
            let same = |other: &&ServiceDeployment| other.service_deployment_arn() == row.service_deployment_arn();
            found.push(described.service_deployments().iter().find(same).unwrap().clone());
        }
        found
    }

    async fn is(&self, status: ServiceDeploymentStatus) {
        until(async || self.records().await[0].status() == Some(&status)).await;
    }

    async fn stopped(&self) -> Vec<Task> {
        let ecs = self.world.ecs();
        let list = ecs.list_tasks().cluster("main").desired_status("STOPPED".into()).send().await.unwrap();
        if list.task_arns().is_empty() {
            return Vec::new();
        }
        let described = ecs.describe_tasks().cluster("main").set_tasks(Some(list.task_arns().to_vec())).send().await.unwrap();
        described.tasks().to_vec()
    }
}

#[tokio::test]
async fn a_deployment_is_recorded_and_its_tasks_are_started_by_it() {
    let bench = Bench::new(true).await;
    let (service, records) = (bench.service().await, bench.records().await);
    let id = service.deployments()[0].id().unwrap().to_owned();
    let number = id.strip_prefix("ecs-svc/").unwrap();
    assert!(number.bytes().all(|byte| byte.is_ascii_digit()), "{id}");
    assert_eq!((records.len(), records[0].status()), (1, Some(&ServiceDeploymentStatus::Successful)));
    assert!(records[0].target_service_revision().unwrap().arn().unwrap().ends_with(&format!("/{number}")));
    let ecs = bench.world.ecs();
    let tasks = ecs.list_tasks().cluster("main").started_by(&id).send().await.unwrap();
    assert_eq!(tasks.task_arns().len(), 1);
    let both = ecs.list_tasks().cluster("main").started_by(&id).service_name("web").send().await;
    assert!(both.is_err(), "startedBy goes with no other filter");
    assert!(ecs.describe_tasks().cluster("main").set_tasks(Some(Vec::new())).send().await.is_err());
}

#[tokio::test]
async fn the_breaker_counts_tasks_that_cannot_start_and_rolls_back() {
    let bench = Bench::new(true).await;
    let before = bench.service().await;
    let bad = bench.definition("v2", "true").await;
    bench.registry.delete("web", "v2").await.unwrap();
    bench.update(&bad).await;
    bench.is(ServiceDeploymentStatus::RollbackSuccessful).await;
    let (record, now) = (bench.records().await.remove(0), bench.service().await);
    let breaker = record.deployment_circuit_breaker().unwrap();
    assert_eq!((breaker.failure_count(), breaker.threshold()), (3, 3));
    assert!(record.status_reason().unwrap().contains("circuit breaker"));
    assert_eq!(now.task_definition(), before.task_definition());
    let revision = record.rollback().unwrap().service_revision_arn();
    assert_eq!(revision, before.current_service_revisions()[0].arn(), "a rollback makes no new service revision");
    let stopped = bench.stopped().await;
    let task = stopped.iter().find(|task| task.stop_code().is_some_and(|code| code.as_str() == "TaskFailedToStart")).unwrap();
    assert!(task.stopped_reason().unwrap().starts_with("CannotPullContainerError"));
    assert_eq!(task.containers()[0].exit_code(), None);
}

#[tokio::test]
async fn without_a_breaker_a_failing_deployment_never_ends_by_itself() {
    let bench = Bench::new(false).await;
    let bad = bench.definition("v2", "exit 3").await;
    bench.update(&bad).await;
    until(async || bench.stopped().await.len() > 5).await;
    let record = bench.records().await.remove(0);
    assert_eq!(record.status(), Some(&ServiceDeploymentStatus::InProgress));
    assert_eq!(bench.service().await.current_service_deployment(), record.service_deployment_arn());
    let task = bench.stopped().await.into_iter().find(|task| task.last_status() == Some("STOPPED")).unwrap();
    assert_eq!((task.stop_code().unwrap().as_str(), task.containers()[0].exit_code()), ("EssentialContainerExited", Some(3)));
    assert_eq!(task.started_by(), bench.service().await.deployments()[0].id());
    let stop = || bench.world.ecs().stop_service_deployment().service_deployment_arn(record.service_deployment_arn().unwrap());
    stop().stop_type(StopServiceDeploymentStopType::Rollback).send().await.unwrap();
    bench.is(ServiceDeploymentStatus::RollbackSuccessful).await;
    let again = stop().send().await.unwrap_err().into_service_error();
    assert_eq!(again.meta().code(), Some("ConflictException"));
}

#[tokio::test]
async fn a_deployment_that_another_one_replaces_is_stopped() {
    let bench = Bench::new(false).await;
    let (bad, good) = (bench.definition("v2", "exit 3").await, bench.definition("v3", "sleep 600").await);
    bench.update(&bad).await;
    bench.update(&good).await;
    bench.is(ServiceDeploymentStatus::Successful).await;
    let replaced = bench.records().await.remove(1);
    assert_eq!(replaced.status(), Some(&ServiceDeploymentStatus::Stopped));
    assert_eq!(replaced.status_reason(), Some("Replaced by a new service deployment"));
}

#[tokio::test]
async fn what_is_not_changed_starts_no_deployment() {
    let bench = Bench::new(true).await;
    let same = bench.service().await.task_definition().unwrap().to_owned();
    bench.update(&same).await;
    bench.world.ecs().update_service().cluster("main").service("web").desired_count(2).send().await.unwrap();
    bench.settled().await;
    assert_eq!((bench.records().await.len(), bench.service().await.running_count()), (1, 2));
}

#[tokio::test]
async fn a_token_runs_a_task_once() {
    let bench = Bench::new(true).await;
    let ecs = bench.world.ecs();
    let run = async || ecs.run_task().cluster("main").task_definition("web:1").client_token("once").send().await.unwrap();
    let (first, second) = (run().await, run().await);
    assert_eq!(first.tasks()[0].task_arn(), second.tasks()[0].task_arn());
}

#[tokio::test]
async fn registrations_are_throttled() {
    let bench = Bench::new(true).await;
    // A role's calls: the operator's are never throttled.
    let ecs = aws_sdk_ecs::Client::new(&crate::once(&bench.world).await);
    let register = async || {
        let container = ContainerDefinition::builder().name("a").image("i:1").build();
        ecs.register_task_definition().family("many").container_definitions(container).send().await
    };
    let mut codes = Vec::new();
    for _ in 0..25 {
        let code = register().await.err().and_then(|error| error.into_service_error().meta().code().map(str::to_owned));
        codes.extend(code);
    }
    assert!(!codes.is_empty() && codes.iter().all(|code| code == "ThrottlingException"), "{codes:?}");
}

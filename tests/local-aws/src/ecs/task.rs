//! One task, from the pull of its images to its end.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_ecs::types::{ContainerDefinition, ContainerStateChange};
use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use futures::future::try_join_all;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::container::{Container, first_to_end};
use super::images;
use super::wire::Wire;
use crate::load_balancer::LoadBalancer;

/// How long a container without a health check must have run before its task counts as healthy.
const STEADY: Duration = Duration::from_millis(500);
/// How often the health of targets is looked at.
const LOOK: Duration = Duration::from_millis(20);
/// How long a task that failed by itself takes until ECS knows: a loop of crashes takes a while on AWS too.
const RESTART: Duration = Duration::from_millis(100);

/// The exit code of a container that the kernel killed (128 + SIGKILL).
const KILLED: i64 = 137;

/// How far a task has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Starting,
    /// It runs, and is healthy.
    Up,
}

/// What is to run for a task.
pub(super) struct Plan {
    pub arn: String,
    pub cluster: String,
    pub containers: Vec<ContainerDefinition>,
    /// The digests that ECS resolved, by container.
    pub digests: HashMap<String, String>,
    /// The target groups that each container serves.
    pub groups: HashMap<String, Vec<String>>,
}

/// What every task needs.
pub(super) struct Tools {
    wire: Arc<Wire>,
    ecs: aws_sdk_ecs::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    load_balancer: LoadBalancer,
}

/// A container that serves a group, by its port.
type Served = (String, u16);

impl Tools {
    pub fn new(upstream: &SdkConfig, load_balancer: LoadBalancer) -> Self {
        Self {
            wire: Arc::new(Wire::new(upstream)),
            ecs: aws_sdk_ecs::Client::new(upstream),
            elb: aws_sdk_elasticloadbalancingv2::Client::new(upstream),
            load_balancer,
        }
    }

    /// Runs a task to its end, and tells ECS how it fares.
    ///
    /// # Errors
    /// The API's; the processes have ended by then.
    pub async fn run(&self, plan: &Plan, (stop, crash): (&CancellationToken, &CancellationToken), up: impl Fn()) -> Result<()> {
        let mut containers = match self.start(plan).await? {
            Ok(containers) => containers,
            Err(reason) => {
                sleep(RESTART).await;
                return self.tell(&plan.cluster, &plan.arn, "STOPPED", Some(&reason), &[]).await;
            }
        };
        let runtime = |c: &Container| change(&c.name, None, Some(format!("{}-1", Uuid::new_v4().simple())));
        let changes: Vec<_> = containers.iter().map(runtime).collect();
        self.tell(&plan.cluster, &plan.arn, "RUNNING", None, &changes).await?;
        let served: Vec<Served> = containers
            .iter()
            .filter_map(|container| Some((container.app.as_ref()?.address().port(), plan.groups.get(&container.name)?)))
            .flat_map(|(port, groups)| groups.iter().map(move |group| (group.clone(), port)))
            .collect();
        self.register(&served).await?;
        let ended = tokio::select! {
            ended = first_to_end(&mut containers, stop) => ended,
            () = crash.cancelled() => Some((0, KILLED)),
            failed = self.watch(plan, &served, up) => {
                failed?;
                // ECS asks for its end; what it asked for before may come first.
                stop.cancelled().await;
                None
            }
        };
        self.deregister(&served).await?;
        let mut changes = Vec::new();
        for (index, container) in containers.into_iter().enumerate() {
            let name = container.name.clone();
            let stopped = container.stop().await;
            let code = ended.filter(|(which, _)| *which == index).map_or(stopped, |(_, code)| code);
            changes.push(change(&name, Some(code), None));
        }
        if ended.is_some() {
            sleep(RESTART).await;
        }
        self.tell(&plan.cluster, &plan.arn, "STOPPED", None, &changes).await
    }

    /// The containers of a task, or why they cannot be started.
    async fn start(&self, plan: &Plan) -> Result<Result<Vec<Container>, String>> {
        let mut containers = Vec::new();
        for definition in &plan.containers {
            let name = definition.name().unwrap_or_default();
            let image = definition.image().unwrap_or_default();
            let digest = plan.digests.get(name).map(String::as_str);
            let program = match images::pull(&self.wire, image, digest).await? {
                Ok(program) => program,
                Err(reason) => return Ok(Err(reason)),
            };
            let serves = plan.groups.contains_key(name);
            match Container::start(&self.wire, definition, &program, serves, &plan.arn).await {
                Ok(container) => containers.push(container),
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
        Ok(Ok(containers))
    }

    /// Tells when the task is healthy, and returns when it is no more.
    async fn watch(&self, plan: &Plan, served: &[Served], up: impl Fn()) -> Result<()> {
        if served.is_empty() {
            sleep(STEADY).await;
        }
        let mut told = false;
        loop {
            let states: Vec<(String, &str)> =
                served.iter().map(|(group, port)| (self.state(group, *port), group.as_str())).collect();
            if let Some((_, group)) = states.iter().find(|(state, _)| state == "unhealthy") {
                let reason = format!("Task failed ELB health checks in (target-group {group})");
                return self.tell(&plan.cluster, &plan.arn, "UNHEALTHY", Some(&reason), &[]).await.inspect(|()| up());
            }
            if !told && states.iter().all(|(state, _)| state == "healthy") {
                self.tell(&plan.cluster, &plan.arn, "HEALTHY", None, &[]).await?;
                told = true;
                up();
            }
            sleep(LOOK).await;
        }
    }

    fn state(&self, group: &str, port: u16) -> String {
        let states = self.load_balancer.health(group);
        states.into_iter().find(|target| target.port == port).map(|target| target.state).unwrap_or_default()
    }

    async fn register(&self, served: &[Served]) -> Result<()> {
        try_join_all(served.iter().map(|(group, port)| async move {
            let registered = self.elb.register_targets().target_group_arn(group).targets(target(*port)).send().await;
            registered.with_context(|| format!("RegisterTargets in {group}"))
        }))
        .await?;
        if served.is_empty() { Ok(()) } else { self.load_balancer.reload_after("RegisterTargets").await }
    }

    async fn deregister(&self, served: &[Served]) -> Result<()> {
        for (group, port) in served {
            match self.elb.deregister_targets().target_group_arn(group).targets(target(*port)).send().await {
                // A group that was deleted with its stack holds no targets.
                Err(error) if !error.as_service_error().is_some_and(|e| e.is_target_group_not_found_exception()) => {
                    return Err(error).with_context(|| format!("DeregisterTargets of {group}"));
                }
                _ => {}
            }
        }
        if served.is_empty() { Ok(()) } else { self.load_balancer.reload_after("DeregisterTargets").await }
    }

    /// Tells ECS of a task.
    ///
    /// # Errors
    /// The API's.
    pub async fn tell(
        &self,
        cluster: &str,
        task: &str,
        status: &str,
        reason: Option<&str>,
        containers: &[ContainerStateChange],
    ) -> Result<()> {
        let tell = self.ecs.submit_task_state_change().cluster(cluster).task(task).status(status);
        let tell = tell.set_reason(reason.map(str::to_owned)).set_containers(Some(containers.to_vec()));
        tell.send().await.context("SubmitTaskStateChange").map(drop)
    }
}

fn change(name: &str, code: Option<i64>, runtime: Option<String>) -> ContainerStateChange {
    let code = code.and_then(|code| i32::try_from(code).ok());
    ContainerStateChange::builder().container_name(name).set_exit_code(code).set_runtime_id(runtime).build()
}

fn target(port: u16) -> TargetDescription {
    TargetDescription::builder().id("127.0.0.1").port(i32::from(port)).build()
}

//! The tasks of one owner brought in line with what ECS asks for.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_ecs::types::{ContainerDefinition, DesiredStatus, KeyValuePair, Service, Task};
use tokio_util::sync::CancellationToken;

use super::Owner;
use super::task::{Phase, Plan, Tools};
use crate::gateway::lock;
use crate::load_balancer::LoadBalancer;

/// The most tasks that DescribeTasks takes (API reference).
const AT_ONCE: usize = 100;

/// Starts and stops tasks as ECS wants it.
pub(super) struct Agent {
    ecs: aws_sdk_ecs::Client,
    tools: Arc<Tools>,
    /// What runs, by the task's ARN.
    running: Arc<Mutex<HashMap<String, Running>>>,
    ends: CancellationToken,
}

/// A task that was started here and has not ended.
struct Running {
    owner: Owner,
    phase: Phase,
    stop: CancellationToken,
    crash: CancellationToken,
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.ends.cancel();
    }
}

impl Agent {
    pub fn new(upstream: &SdkConfig, load_balancer: LoadBalancer) -> Self {
        let tools = Arc::new(Tools::new(upstream, load_balancer));
        Self { ecs: aws_sdk_ecs::Client::new(upstream), tools, running: Arc::default(), ends: CancellationToken::new() }
    }

    /// Starts what the owner's tasks lack and stops what they have too much. Whether all of them are as ECS wants them: none is
    /// being started or stopped. `moved` is told whenever one of them gets on.
    ///
    /// # Errors
    /// The API's, and a task of which no containers can be made.
    pub async fn look(&self, owner: &Owner, moved: impl Fn() + Send + Sync + Clone + 'static) -> Result<bool> {
        let wanted = self.tasks(owner, DesiredStatus::Running).await?;
        let unwanted = self.tasks(owner, DesiredStatus::Stopped).await?;
        let arns: HashSet<&str> = wanted.iter().filter_map(Task::task_arn).collect();
        let (mine, missing) = {
            let running = lock(&self.running);
            let mine = running.iter().filter(|(_, r)| r.owner == *owner);
            for (_, gone) in mine.clone().filter(|(arn, _)| !arns.contains(arn.as_str())) {
                gone.stop.cancel();
            }
            let all_up = mine.clone().all(|(arn, r)| r.phase == Phase::Up && arns.contains(arn.as_str()));
            let missing: Vec<&Task> =
                wanted.iter().filter(|t| t.task_arn().is_some_and(|arn| !running.contains_key(arn))).collect();
            (all_up, missing)
        };
        for task in unwanted.iter().filter(|task| task.last_status() != Some("STOPPED")) {
            let arn = task.task_arn().unwrap_or_default();
            // Asked to end before it was begun.
            if !lock(&self.running).contains_key(arn) {
                self.tools.tell(&owner.0, arn, "STOPPED", None, &[]).await?;
            }
        }
        if missing.is_empty() {
            return Ok(mine);
        }
        let service = self.service(owner).await?;
        for task in missing {
            let plan = self.plan(owner, task, service.as_ref()).await?;
            self.start(plan, owner, moved.clone());
        }
        Ok(false)
    }

    /// Kills the first container of a task of this owner that is healthy. Whether there was one.
    pub fn crash(&self, owner: &Owner) -> bool {
        let running = lock(&self.running);
        let task = running.values().find(|task| task.owner == *owner && task.phase == Phase::Up && !task.stop.is_cancelled());
        task.inspect(|task| task.crash.cancel()).is_some()
    }

    /// Tells ECS that Spot takes a task's capacity back.
    ///
    /// # Errors
    /// The API's.
    pub async fn interrupt(&self, cluster: &str, task: &str) -> Result<()> {
        self.tools.tell(cluster, task, "INTERRUPTED", None, &[]).await
    }

    fn start(&self, plan: Plan, owner: &Owner, moved: impl Fn() + Send + Sync + 'static) {
        let (arn, stop, crash) = (plan.arn.clone(), self.ends.child_token(), CancellationToken::new());
        let task = Running { owner: owner.clone(), phase: Phase::Starting, stop: stop.clone(), crash: crash.clone() };
        lock(&self.running).insert(arn.clone(), task);
        let (tools, running) = (Arc::clone(&self.tools), Arc::clone(&self.running));
        tokio::spawn(async move {
            let up = || {
                if let Some(task) = lock(&running).get_mut(&arn) {
                    task.phase = Phase::Up;
                }
                moved();
            };
            if let Err(error) = tools.run(&plan, (&stop, &crash), up).await
                && !stop.is_cancelled()
            {
                eprintln!("local AWS: task {arn}: {error:#}");
            }
            lock(&running).remove(&arn);
            moved();
        });
    }

    /// The owner's tasks with this desired status.
    async fn tasks(&self, (cluster, service): &Owner, desired: DesiredStatus) -> Result<Vec<Task>> {
        let list = self.ecs.list_tasks().cluster(cluster).set_service_name(service.clone()).desired_status(desired);
        let mut pages = list.into_paginator().send();
        let (mut arns, mut tasks) = (Vec::new(), Vec::new());
        while let Some(page) = pages.next().await {
            arns.extend(page.with_context(|| format!("ListTasks of {cluster}"))?.task_arns.unwrap_or_default());
        }
        for arns in arns.chunks(AT_ONCE) {
            let described = self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(arns.to_vec())).send().await;
            tasks.extend(described.with_context(|| format!("DescribeTasks of {cluster}"))?.tasks.unwrap_or_default());
        }
        let of_service = |task: &Task| task.group().is_some_and(|group| group.starts_with("service:"));
        tasks.retain(|task| service.is_some() || !of_service(task));
        Ok(tasks)
    }

    async fn service(&self, (cluster, service): &Owner) -> Result<Option<Service>> {
        let Some(name) = service else { return Ok(None) };
        let described = self.ecs.describe_services().cluster(cluster).services(name).send().await;
        let described = described.with_context(|| format!("DescribeServices of {cluster}/{name}"))?;
        Ok(Some(described.services().first().with_context(|| format!("no service {cluster}/{name}"))?.clone()))
    }

    /// What is to run for a task.
    async fn plan(&self, (cluster, _): &Owner, task: &Task, service: Option<&Service>) -> Result<Plan> {
        let arn = task.task_arn().context("a task without ARN")?;
        let definition = task.task_definition_arn().context("a task without task definition")?;
        let definition =
            self.ecs.describe_task_definition().task_definition(definition).send().await.context("DescribeTaskDefinition")?;
        let definitions = definition.task_definition().map(|d| d.container_definitions().to_vec()).unwrap_or_default();
        let containers = definitions.into_iter().map(|definition| with_overrides(definition, task)).collect();
        let digest = |container: &aws_sdk_ecs::types::Container| {
            Some((container.name()?.to_owned(), container.image_digest()?.to_owned()))
        };
        Ok(Plan {
            arn: arn.to_owned(),
            cluster: cluster.clone(),
            containers,
            digests: task.containers().iter().filter_map(digest).collect(),
            groups: service.map(by_container).unwrap_or_default(),
        })
    }
}

/// A container with what RunTask says instead of its definition.
fn with_overrides(mut definition: ContainerDefinition, task: &Task) -> ContainerDefinition {
    let all = task.overrides().map(|overrides| overrides.container_overrides()).unwrap_or_default();
    let Some(given) = all.iter().find(|given| given.name() == definition.name()) else { return definition };
    if !given.command().is_empty() {
        definition.command = Some(given.command().to_vec());
    }
    let environment: Vec<KeyValuePair> = definition.environment().iter().chain(given.environment()).cloned().collect();
    definition.environment = Some(environment);
    definition
}

/// The groups that each container of a service serves.
fn by_container(service: &Service) -> HashMap<String, Vec<String>> {
    let mut groups: HashMap<String, Vec<String>> = HashMap::new();
    for served in service.load_balancers() {
        if let (Some(container), Some(group)) = (served.container_name(), served.target_group_arn()) {
            groups.entry(container.to_owned()).or_default().push(group.to_owned());
        }
    }
    groups
}

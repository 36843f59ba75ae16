//! One service brought in line with its tasks.

use std::{collections::HashMap, time::Duration};

use anyhow::{Context, Result};
use aws_config::SdkConfig;
use aws_sdk_ecs::types::{ContainerDefinition, Service, Task};
use aws_sdk_elasticloadbalancingv2::types::TargetDescription;
use futures::future::{try_join, try_join_all};
use tokio::sync::Mutex;

use crate::{
    app::{App, colour_of},
    load_balancer::LoadBalancer,
};

/// How long a new instance may take until the load balancer finds it healthy.
const PATIENCE: Duration = Duration::from_secs(60);

/// Starts and stops applications as ECS wants it.
pub(super) struct Agent {
    ecs: aws_sdk_ecs::Client,
    elb: aws_sdk_elasticloadbalancingv2::Client,
    load_balancer: LoadBalancer,
    /// What runs, by the task's ARN.
    running: Mutex<HashMap<String, Running>>,
}

/// The instances of one task: one for each of its containers that takes traffic.
struct Running {
    service: (String, String),
    instances: Vec<Instance>,
}

struct Instance {
    app: App,
    /// The ARNs of the groups it is registered in.
    groups: Vec<String>,
}

impl Agent {
    pub fn new(upstream: &SdkConfig, load_balancer: LoadBalancer) -> Self {
        let (ecs, elb) = (aws_sdk_ecs::Client::new(upstream), aws_sdk_elasticloadbalancingv2::Client::new(upstream));
        Self { ecs, elb, load_balancer, running: Mutex::default() }
    }

    /// Starts what the service's tasks lack and stops what they have too much, until ECS asks for nothing more.
    ///
    /// # Errors
    /// The API's, and an instance that does not become healthy.
    pub async fn follow(&self, cluster: &str, service: &str) -> Result<()> {
        loop {
            let tasks = self.tasks(cluster, service).await?;
            let stopped = self.stop_all_but(cluster, service, &tasks).await?;
            let missing = {
                let running = self.running.lock().await;
                tasks.into_iter().filter(|task| task.task_arn().is_some_and(|arn| !running.contains_key(arn))).collect::<Vec<_>>()
            };
            if missing.is_empty() && !stopped {
                return Ok(());
            }
            try_join_all(missing.iter().map(|task| self.run(cluster, service, task))).await?;
        }
    }

    /// The tasks that ECS wants to run for the service.
    async fn tasks(&self, cluster: &str, service: &str) -> Result<Vec<Task>> {
        let listed = self.ecs.list_tasks().cluster(cluster).service_name(service).send().await;
        let listed = listed.with_context(|| format!("ListTasks of {cluster}/{service}"))?.task_arns.unwrap_or_default();
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let described = self.ecs.describe_tasks().cluster(cluster).set_tasks(Some(listed)).send().await;
        Ok(described.with_context(|| format!("DescribeTasks of {cluster}/{service}"))?.tasks.unwrap_or_default())
    }

    async fn run(&self, cluster: &str, service: &str, task: &Task) -> Result<()> {
        let arn = task.task_arn().context("a task without ARN")?;
        let description = self.ecs.describe_services().cluster(cluster).services(service).send();
        let definition = task.task_definition_arn().context("a task without task definition")?;
        let definition = self.ecs.describe_task_definition().task_definition(definition).send();
        let description = async { description.await.with_context(|| format!("DescribeServices of {cluster}/{service}")) };
        let definition = async { definition.await.context("DescribeTaskDefinition") };
        let (description, definition) = try_join(description, definition).await?;
        let description = description.services().first().with_context(|| format!("no service {cluster}/{service}"))?;
        let containers = definition.task_definition().map(|d| d.container_definitions()).unwrap_or_default();

        let mut instances = Vec::new();
        for (container, groups) in by_container(description) {
            let version = version(containers, &container)
                .with_context(|| format!("no container `{container}` in the task of {service}"))?;
            let app = App::start(version, &colour_of(version)).await?;
            instances.push(Instance { app, groups });
        }
        // Known before they are registered, so that whatever fails from here on they are stopped with their task.
        let targets: Vec<_> =
            instances.iter().flat_map(|i| i.groups.iter().map(|group| (group.clone(), i.app.address()))).collect();
        self.running
            .lock()
            .await
            .insert(arn.to_owned(), Running { service: (cluster.to_owned(), service.to_owned()), instances });
        try_join_all(targets.iter().map(|(group, address)| async move {
            let registered = self.elb.register_targets().target_group_arn(group).targets(target(address.port())).send().await;
            registered.with_context(|| format!("RegisterTargets in {group}"))
        }))
        .await?;
        self.load_balancer.reload_after("RegisterTargets").await?;
        try_join_all(targets.iter().map(|(group, address)| self.load_balancer.wait_target_healthy(group, *address, PATIENCE)))
            .await?;
        self.ecs
            .submit_task_state_change()
            .cluster(cluster)
            .task(arn)
            .status("RUNNING")
            .send()
            .await
            .context("SubmitTaskStateChange")?;
        Ok(())
    }

    /// Whether there was anything to stop.
    async fn stop_all_but(&self, cluster: &str, service: &str, tasks: &[Task]) -> Result<bool> {
        let ours = |running: &Running| running.service.0 == cluster && running.service.1 == service;
        let mut gone = Vec::new();
        {
            let mut running = self.running.lock().await;
            let over = |arn: &String| !tasks.iter().any(|task| task.task_arn() == Some(arn));
            gone.extend(running.extract_if(|arn, r| ours(r) && over(arn)).flat_map(|(_, r)| r.instances));
        }
        for instance in &gone {
            for group in &instance.groups {
                let port = instance.app.address().port();
                match self.elb.deregister_targets().target_group_arn(group).targets(target(port)).send().await {
                    // A group that was deleted with its stack holds no targets.
                    Err(error) if !error.as_service_error().is_some_and(|e| e.is_target_group_not_found_exception()) => {
                        return Err(error).with_context(|| format!("DeregisterTargets of {group}"));
                    }
                    _ => {}
                }
            }
        }
        if !gone.is_empty() {
            self.load_balancer.reload_after("DeregisterTargets").await?;
        }
        let stopped = !gone.is_empty();
        for instance in gone {
            // It answers what it has in hand; nobody waits for that.
            tokio::spawn(instance.app.stop());
        }
        Ok(stopped)
    }
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

/// The tag of a container's image; `latest` where it has none.
fn version<'a>(containers: &'a [ContainerDefinition], name: &str) -> Option<&'a str> {
    let image = containers.iter().find(|container| container.name() == Some(name))?.image()?;
    // A colon before the last slash belongs to the registry's port.
    Some(last(image).split_once(':').map_or("latest", |(_, tag)| tag))
}

fn last(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn target(port: u16) -> TargetDescription {
    TargetDescription::builder().id("127.0.0.1").port(i32::from(port)).build()
}

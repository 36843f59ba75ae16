//! Plays the container agents of ECS: runs the containers of each task that ECS wants, registers them in the target groups of
//! their service, and tells ECS how the tasks fare, with the exit codes of their processes.
//!
//! Which tasks there are to be is ECS's own business (`ministack/deployments.py`): on a changed service it asks for new ones, and
//! when those are healthy it stops the old ones. So a rolling update comes about as on AWS. What a container does is its image's
//! matter ([`images`]); what it prints goes to CloudWatch Logs.

mod agent;
mod container;
mod images;
mod logs;
pub(crate) mod permissions;
pub mod registry;
mod scaling;
mod task;
mod throttle;
mod wire;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use serde_json::Value;
use tokio::{sync::watch, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use self::agent::Agent;
use self::scaling::Targets;
pub(crate) use self::throttle::Registrations;
use crate::gateway::{Request, lock};
use crate::load_balancer::LoadBalancer;

/// Whose tasks: the cluster's name and the service's; without one, the cluster's one-off tasks.
type Owner = (String, Option<String>);

/// Runs the tasks of one account. Clones are the same one; with the last its containers end.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    agent: Arc<Agent>,
    workers: Mutex<HashMap<Owner, Worker>>,
    scaling: Targets,
}

/// Follows the tasks of one owner, a change after the other.
struct Worker {
    progress: watch::Sender<Progress>,
    _task: AbortOnDropHandle<()>,
}

/// Changes are counted: what has been told, and what has been carried out.
#[derive(Clone, Debug, Default)]
struct Progress {
    told: u64,
    /// Grows with each task that gets on: then the worker looks again.
    moved: u64,
    done: u64,
    /// Why the last one was not carried out.
    error: Option<String>,
}

impl Runner {
    /// Starts with nothing to run. `upstream` is the API that holds the services.
    #[must_use]
    pub fn start(upstream: SdkConfig, load_balancer: LoadBalancer) -> Self {
        Self(Arc::new(Inner {
            agent: Arc::new(Agent::new(&upstream, load_balancer)),
            workers: Mutex::default(),
            scaling: Targets::default(),
        }))
    }

    /// Tells that a service was created, updated or deleted; both are names. Returns at once, the update happens in the background.
    pub fn service_changed(&self, cluster: &str, service: &str) {
        self.changed((cluster.to_owned(), Some(service.to_owned())));
    }

    /// Tells that tasks were started or stopped by hand: of a cluster, by its name, and of each of its services.
    pub fn tasks_changed(&self, cluster: &str) {
        self.changed((cluster.to_owned(), None));
        let services: Vec<Owner> = lock(&self.0.workers).keys().filter(|(of, _)| of == cluster).cloned().collect();
        services.into_iter().for_each(|owner| self.changed(owner));
    }

    /// Kills a container of a healthy task of a service, as the kernel does where memory runs out. Whether there was one.
    pub fn crash(&self, cluster: &str, service: &str) -> bool {
        self.0.agent.crash(&(cluster.to_owned(), Some(service.to_owned())))
    }

    /// Takes a task's capacity back, as Fargate Spot does.
    ///
    /// # Errors
    /// The API's.
    pub async fn spot_takes_back(&self, cluster: &str, task: &str) -> Result<()> {
        self.0.agent.interrupt(cluster, task).await?;
        self.tasks_changed(cluster);
        Ok(())
    }

    /// The answer of Application Auto Scaling.
    pub(crate) fn scaling(&self, request: &Request) -> Value {
        self.0.scaling.answer(request)
    }

    /// Takes in a call of ECS that was answered.
    pub(crate) fn called(&self, request: &Request) {
        let name = |field| request.json(field).and_then(Value::as_str).and_then(|arn| arn.rsplit('/').next());
        let cluster = name("cluster").unwrap_or("default");
        match request.action.as_str() {
            "CreateService" => self.service_changed(cluster, name("serviceName").unwrap_or_default()),
            "UpdateService" | "DeleteService" => self.service_changed(cluster, name("service").unwrap_or_default()),
            "RunTask" | "StopTask" => self.tasks_changed(cluster),
            // arn:aws:ecs:REGION:ACCOUNT:service-deployment/CLUSTER/SERVICE/ID
            "StopServiceDeployment" => {
                let arn = request.json("serviceDeploymentArn").and_then(Value::as_str).unwrap_or_default();
                if let [_, cluster, service, _] = arn.split('/').collect::<Vec<_>>()[..] {
                    self.service_changed(cluster, service);
                }
            }
            _ => {}
        }
    }

    fn changed(&self, owner: Owner) {
        let mut workers = lock(&self.0.workers);
        let worker = workers.entry(owner.clone()).or_insert_with(|| Worker::start(&self.0.agent, owner));
        worker.progress.send_modify(|progress| progress.told += 1);
    }

    /// Waits until all changes told of a service so far are carried out: its new tasks run and are healthy, the old ones are gone.
    ///
    /// # Errors
    /// The last of them failed, or the time is over.
    pub async fn settled(&self, cluster: &str, service: &str, within: Duration) -> Result<()> {
        let progress = {
            let workers = lock(&self.0.workers);
            let worker = workers.get(&(cluster.to_owned(), Some(service.to_owned())));
            worker.map(|worker| worker.progress.subscribe())
        };
        let Some(mut progress) = progress else {
            bail!("no change of the service {cluster}/{service} was told, so there is nothing to wait for");
        };
        let told = progress.borrow().told;
        let Ok(reached) = timeout(within, progress.wait_for(|p| p.done >= told)).await else {
            bail!("the service {cluster}/{service} has not settled after {within:?}");
        };
        match &reached?.error {
            Some(error) => bail!("the service {cluster}/{service} failed to settle: {error}"),
            None => Ok(()),
        }
    }
}

impl Worker {
    fn start(agent: &Arc<Agent>, owner: Owner) -> Self {
        let progress = watch::Sender::new(Progress::default());
        let (agent, reported, mut wanted) = (Arc::clone(agent), progress.clone(), progress.subscribe());
        let task = tokio::spawn(async move {
            let mut seen = 0;
            loop {
                let Ok(now) = wanted.wait_for(|p| p.told > p.done || p.moved > seen).await.map(|p| p.clone()) else { return };
                seen = now.moved;
                let moved = reported.clone();
                let looked = agent.look(&owner, move || moved.send_modify(|progress| progress.moved += 1)).await;
                let quiet = looked.as_ref().is_ok_and(|quiet| *quiet);
                if !quiet && looked.is_ok() && wanted.wait_for(|p| p.moved > seen || p.told > now.told).await.is_err() {
                    return;
                }
                if quiet || looked.is_err() {
                    let error = looked.err().map(|error| format!("{error:#}"));
                    reported.send_modify(|progress| (progress.done, progress.error) = (now.told, error));
                }
            }
        });
        Self { progress, _task: AbortOnDropHandle::new(task) }
    }
}

//! Plays the container agents of ECS: runs an instance of the demo application for each task that ECS wants, registers it in the
//! target groups of its service, and tells ECS that the task runs once the load balancer finds it healthy.
//!
//! Which tasks there are to be is ECS's own business: on a changed service it asks for new ones, and when those run it stops
//! the old ones. So a rolling update comes about as on AWS. The version of an instance is its image's tag.

mod agent;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::{Result, bail};
use aws_config::SdkConfig;
use tokio::{sync::watch, time::timeout};
use tokio_util::task::AbortOnDropHandle;

use self::agent::Agent;
use crate::load_balancer::LoadBalancer;

/// Runs the services of one account. Clones are the same one; with the last its applications end.
#[derive(Clone)]
pub struct Runner(Arc<Inner>);

struct Inner {
    agent: Arc<Agent>,
    /// By cluster and service.
    workers: Mutex<HashMap<(String, String), Worker>>,
}

/// Follows one service, a change after the other.
struct Worker {
    progress: watch::Sender<Progress>,
    _task: AbortOnDropHandle<()>,
}

/// Changes are counted: what has been told, and what has been carried out.
#[derive(Clone, Debug, Default)]
struct Progress {
    told: u64,
    done: u64,
    /// Why the last one was not carried out.
    error: Option<String>,
}

impl Runner {
    /// Starts with nothing to run. `upstream` is the API that holds the services.
    #[must_use]
    pub fn start(upstream: SdkConfig, load_balancer: LoadBalancer) -> Self {
        Self(Arc::new(Inner { agent: Arc::new(Agent::new(&upstream, load_balancer)), workers: Mutex::default() }))
    }

    /// Tells that a service was created, updated or deleted; both are names. Returns at once, the update happens in the background.
    pub fn service_changed(&self, cluster: &str, service: &str) {
        let mut workers = self.0.workers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let key = (cluster.to_owned(), service.to_owned());
        let worker = workers.entry(key).or_insert_with(|| Worker::start(&self.0.agent, cluster, service));
        worker.progress.send_modify(|progress| progress.told += 1);
    }

    /// Waits until all changes told of a service so far are carried out: its new tasks run and are healthy, the old ones are gone.
    ///
    /// # Errors
    /// The last of them failed, or the time is over.
    pub async fn settled(&self, cluster: &str, service: &str, within: Duration) -> Result<()> {
        let progress = {
            let workers = self.0.workers.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            let worker = workers.get(&(cluster.to_owned(), service.to_owned()));
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
    fn start(agent: &Arc<Agent>, cluster: &str, service: &str) -> Self {
        let progress = watch::Sender::new(Progress::default());
        let (agent, reported, mut wanted) = (Arc::clone(agent), progress.clone(), progress.subscribe());
        let (cluster, service) = (cluster.to_owned(), service.to_owned());
        let task = tokio::spawn(async move {
            loop {
                let Ok(told) = wanted.wait_for(|p| p.told > p.done).await.map(|p| p.told) else { return };
                let error = agent.follow(&cluster, &service).await.err().map(|error| format!("{error:#}"));
                reported.send_modify(|progress| (progress.done, progress.error) = (told, error));
            }
        });
        Self { progress, _task: AbortOnDropHandle::new(task) }
    }
}

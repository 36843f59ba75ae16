//! Reads everything that [`crate::history`] tells from.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use futures::future::{try_join, try_join_all, try_join3};

use super::call::Caller;
use super::elb::read::ReadError;
use super::failure::AwsFailure;
use super::json::Json;
use super::{codepipeline, ecs, elb};
use crate::history::release::Release;
use crate::history::rolls::{Brought, Rollout};
use crate::history::sequence::sequence;
use crate::history::{flips, rolls};
use crate::seen::ports::PortPair;
use crate::seen::survey::survey;

/// How many actions of a pipeline are looked back through: about 50 releases.
const ACTIONS: usize = 500;
/// How many executions.
const EXECUTIONS: usize = 100;
/// How many deployments of a service: as many as one call describes revisions of.
const ROLLOUTS: usize = 20;

/// Where releases are looked for.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// Pipelines, by name.
    pub pipelines: Vec<String>,
    /// Load balancers, by name.
    pub load_balancers: Vec<String>,
    /// Services: cluster and name.
    pub services: Vec<(String, String)>,
    /// The ports of load balancers.
    pub ports: Vec<PortPair>,
}

/// What reads them.
#[derive(Clone, Debug)]
pub struct History {
    config: SdkConfig,
    elb: aws_sdk_elasticloadbalancingv2::Client,
}

impl History {
    /// With these settings.
    #[must_use]
    pub fn new(config: &SdkConfig) -> Self {
        Self { config: config.clone(), elb: aws_sdk_elasticloadbalancingv2::Client::new(config) }
    }

    /// Every release that is still known of, the newest first. Calls are tried for so long.
    ///
    /// # Errors
    /// An [`AwsFailure`], and a load balancer that is not there or has nothing to flip.
    pub async fn read(&self, places: &Places, timeout: Duration) -> Result<Vec<Release>, ReadError> {
        let caller = Caller::until(Instant::now() + timeout);
        let json = Json::new(&self.config);
        let readers = Readers {
            pipelines: codepipeline::read::Reader::new(json.clone(), caller.clone()),
            load_balancers: elb::read::Reader::new(&self.config, self.elb.clone(), caller.clone()),
            services: ecs::Reader::new(json, caller),
        };
        readers.all(places).await
    }
}

struct Readers {
    pipelines: codepipeline::read::Reader,
    load_balancers: elb::read::Reader,
    services: ecs::Reader,
}

impl Readers {
    async fn all(&self, places: &Places) -> Result<Vec<Release>, ReadError> {
        let of_pipelines = try_join_all(places.pipelines.iter().map(|name| self.pipeline(name)));
        let of_records = try_join_all(places.load_balancers.iter().map(|name| self.records(name, &places.ports)));
        let of_services = try_join_all(places.services.iter().map(|(cluster, name)| self.service(cluster, name)));
        let (actions, records, services) =
            try_join3(async { Ok(of_pipelines.await?) }, of_records, async { Ok(of_services.await?) }).await?;
        let mut all = flips::joined(actions.concat(), records.concat());
        all.extend(services.concat());
        Ok(sequence(all))
    }

    async fn pipeline(&self, name: &str) -> Result<Vec<Release>, AwsFailure> {
        let (actions, executions) =
            try_join(self.pipelines.actions(name, ACTIONS), self.pipelines.executions(name, EXECUTIONS)).await?;
        Ok(flips::of_pipeline(&actions, &executions))
    }

    async fn records(&self, name: &str, ports: &[PortPair]) -> Result<Vec<Release>, ReadError> {
        let topology = self.load_balancers.topology(name).await?;
        let pairs: Vec<_> = survey(&topology, ports)?.pairs.into_keys().collect();
        Ok(flips::of_records(&topology, &pairs))
    }

    async fn service(&self, cluster: &str, name: &str) -> Result<Vec<Release>, AwsFailure> {
        let service = self.services.service(cluster, name).await?;
        let rollouts: Vec<Rollout> = self.services.rollouts(&service, ROLLOUTS).await?;
        let mut targets: Vec<String> = rollouts.iter().map(|rollout| rollout.target.clone()).collect();
        targets.sort_unstable();
        targets.dedup();
        let revisions = self.services.revisions(&targets).await?;
        let mut definitions: Vec<&String> = revisions.iter().map(|revision| &revision.definition).collect();
        definitions.sort_unstable();
        definitions.dedup();
        let read = try_join_all(definitions.iter().map(|arn| self.services.definition(arn))).await?;
        let known: BTreeMap<&str, Brought> =
            read.iter().map(|definition| (definition.arn.as_str(), Brought::of(definition))).collect();
        let of = |revision: &crate::roll::seen::Revision| {
            Some((revision.arn.clone(), known.get(revision.definition.as_str())?.clone()))
        };
        Ok(rolls::releases(&format!("{cluster}/{name}"), &rollouts, &revisions.iter().filter_map(of).collect()))
    }
}

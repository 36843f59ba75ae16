//! Reads the companions of target groups. No call where no group names any.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ecs::types as ecs;
use futures::future::try_join_all;

use super::running::{Ecs, SERVICES_AT_ONCE};
use crate::aws::failure::{AwsFailure, Class};
use crate::seen::companion::{Companion, Deployment, called, named};
use crate::seen::topology::Topology;

impl Ecs {
    /// With the companions that the groups' tags name, as they are now. One round trip: one call for ten companions of a
    /// cluster. Tags that cannot be read are the guard's matter.
    ///
    /// # Errors
    /// An [`AwsFailure`]; a cluster or a service that is not there is a finding.
    pub async fn with_companions(&self, mut topology: Topology) -> Result<Topology, AwsFailure> {
        let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (cluster, service) in topology.groups.values().flat_map(|group| named(group).unwrap_or_default()) {
            wanted.entry(cluster.to_owned()).or_default().insert(service.to_owned());
        }
        let wanted: Vec<(String, Vec<String>)> =
            wanted.into_iter().map(|(cluster, services)| (cluster, services.into_iter().collect())).collect();
        let calls = wanted.iter().flat_map(|(cluster, names)| names.chunks(SERVICES_AT_ONCE).map(move |names| (cluster, names)));
        let read = try_join_all(calls.map(async |(cluster, names)| self.companions(cluster, names).await)).await?;
        topology.companions = read.into_iter().flatten().collect();
        Ok(topology)
    }

    async fn companions(&self, cluster: &str, names: &[String]) -> Result<Vec<(String, Companion)>, AwsFailure> {
        let services = match self.services(cluster, names).await {
            Err(failure) if failure.class == Class::NotFound => Vec::new(),
            read => read?,
        };
        let read = names.iter().map(|name| {
            let found = services.iter().find(|service| service.service_name() == Some(name));
            (called((cluster, name)), found.map_or(Companion::Missing, companion))
        });
        Ok(read.collect())
    }
}

fn companion(service: &ecs::Service) -> Companion {
    let deployments = service.deployments().iter().filter(|deployment| deployment.status() != Some("INACTIVE"));
    let deployments = deployments.map(|deployment| Deployment {
        rollout: deployment.rollout_state().map(|state| state.as_str().to_owned()),
        reason: deployment.rollout_state_reason().filter(|reason| !reason.is_empty()).map(str::to_owned),
    });
    Companion::There { desired: service.desired_count(), running: service.running_count(), deployments: deployments.collect() }
}

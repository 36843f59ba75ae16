//! What really runs behind a target group, by ECS: the service that registers into it, the container that the group
//! serves, and that container's image in the PRIMARY deployment's task definition.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types as ecs;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use jiff::Timestamp;

use crate::aws::call::Caller;
use crate::aws::failure::{AwsFailure, Class};
use crate::plan::labels::Running;
use crate::seen::group::{SERVICE, TargetGroup};

/// The most services that DescribeServices takes (service model).
const SERVICES_AT_ONCE: usize = 10;
/// How many calls of a search are under way at once.
const SIDE_BY_SIDE: usize = 8;
/// The largest page of ListServices and ListClusters (service model).
const PAGE: i32 = 100;

/// Reads ECS, and cannot write.
#[derive(Clone, Debug)]
pub struct Ecs {
    client: Client,
    caller: Caller,
}

impl Ecs {
    /// A reader, until the caller's deadline.
    #[must_use]
    pub fn new(client: Client, caller: Caller) -> Self {
        Self { client, caller }
    }

    /// What runs behind `group`: by its `Service` tag alone.
    ///
    /// # Errors
    /// An [`AwsFailure`]; none where the tag is missing or names no active service that serves the group.
    pub async fn by_tag(&self, group: &TargetGroup) -> Result<Option<Running>, AwsFailure> {
        let Some((cluster, service)) = group.tag(SERVICE).and_then(|tag| tag.split_once('/')) else { return Ok(None) };
        match self.services(cluster, &[service.to_owned()]).await {
            Ok(services) => self.first(cluster, &services, group).await,
            Err(failure) if failure.class == Class::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// What runs behind each of `groups`, by its ARN: by its `Service` tag, else by the service among the cluster's (or
    /// all clusters') whose load balancers name the group. A group that no service names is not in the answer. `looked` hears
    /// how many services a search has looked at, and of how many.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn behind(
        &self,
        groups: &[&TargetGroup],
        cluster: Option<&str>,
        looked: impl FnMut(usize, usize),
    ) -> Result<BTreeMap<String, Running>, AwsFailure> {
        let tagged = try_join_all(groups.iter().map(|group| self.by_tag(group))).await?;
        let tagged = groups.iter().zip(tagged).filter_map(|(group, running)| Some((group.arn.clone(), running?)));
        let mut found: BTreeMap<String, Running> = tagged.collect();
        let left: Vec<&TargetGroup> = groups.iter().copied().filter(|group| !found.contains_key(&group.arn)).collect();
        if !left.is_empty() {
            found.extend(self.searched(left, cluster, looked).await?);
        }
        Ok(found)
    }

    /// Looks through the services, in their order, until one is found for every group. Only their names are kept.
    async fn searched(
        &self,
        mut groups: Vec<&TargetGroup>,
        cluster: Option<&str>,
        mut looked: impl FnMut(usize, usize),
    ) -> Result<BTreeMap<String, Running>, AwsFailure> {
        let clusters = match cluster {
            Some(cluster) => vec![cluster.to_owned()],
            None => self.clusters().await?,
        };
        let lists = stream::iter(&clusters).map(async |cluster| Ok((cluster, self.list(cluster).await?))).buffered(SIDE_BY_SIDE);
        let lists: Vec<(&String, Vec<String>)> = lists.try_collect().await?;
        let all = lists.iter().map(|(_, services)| services.len()).sum();
        let chunks =
            lists.iter().flat_map(|(cluster, services)| services.chunks(SERVICES_AT_ONCE).map(move |chunk| (*cluster, chunk)));
        let mut looks = stream::iter(chunks)
            .map(async |(cluster, chunk)| Ok((cluster, chunk.len(), self.services(cluster, chunk).await?)))
            .buffered(SIDE_BY_SIDE);
        let (mut found, mut so_far) = (BTreeMap::new(), 0);
        while !groups.is_empty()
            && let Some((cluster, count, services)) = looks.try_next().await?
        {
            for group in std::mem::take(&mut groups) {
                match self.first(cluster, &services, group).await? {
                    Some(running) => drop(found.insert(group.arn.clone(), running)),
                    None => groups.push(group),
                }
            }
            so_far += count;
            looked(so_far, all);
        }
        Ok(found)
    }

    async fn first(&self, cluster: &str, services: &[ecs::Service], group: &TargetGroup) -> Result<Option<Running>, AwsFailure> {
        for service in services {
            if let Some(container) = container(service, &group.arn) {
                return self.running(cluster, service, container).await.map(Some);
            }
        }
        Ok(None)
    }

    async fn running(&self, cluster: &str, service: &ecs::Service, container: &str) -> Result<Running, AwsFailure> {
        const ACTION: &str = "ecs:DescribeTaskDefinition";
        let name = service.service_name().unwrap_or_default();
        let primary = service.deployments().iter().find(|deployment| deployment.status() == Some("PRIMARY"));
        let definition = primary.and_then(ecs::Deployment::task_definition);
        let definition = definition.ok_or_else(|| AwsFailure::incomplete("ecs:DescribeServices", name, "PRIMARY deployment"))?;
        let answer =
            self.caller.call(ACTION, definition, || self.client.describe_task_definition().task_definition(definition).send());
        let answer = answer.await?;
        let containers = answer.task_definition().map(ecs::TaskDefinition::container_definitions).unwrap_or_default();
        let found = containers.iter().find(|definition| definition.name() == Some(container));
        let image = found.and_then(ecs::ContainerDefinition::image);
        let image =
            image.ok_or_else(|| AwsFailure::incomplete(ACTION, definition, &format!("image of container {container}")))?;
        let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
        let completed = primary.and_then(ecs::Deployment::rollout_state) == Some(&ecs::DeploymentRolloutState::Completed);
        let began = primary.and_then(ecs::Deployment::created_at).and_then(|time| Timestamp::from_second(time.secs()).ok());
        Ok(Running {
            service: format!("{cluster}/{name}"),
            tag: image_tag(image).map(str::to_owned),
            image: image.to_owned(),
            settled: began.filter(|_| completed && service.deployments().len() == 1),
        })
    }

    async fn services(&self, cluster: &str, names: &[String]) -> Result<Vec<ecs::Service>, AwsFailure> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let resource = format!("{cluster}/{}", names.join(","));
        let call = || self.client.describe_services().cluster(cluster).set_services(Some(names.to_vec())).send();
        let answer = self.caller.call("ecs:DescribeServices", &resource, call).await?;
        // A service that was deleted stays in answers as INACTIVE for a while.
        Ok(answer.services.unwrap_or_default().into_iter().filter(|service| service.status() == Some("ACTIVE")).collect())
    }

    async fn clusters(&self) -> Result<Vec<String>, AwsFailure> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let call = || self.client.list_clusters().max_results(PAGE).set_next_token(next.clone()).send();
            let answer = self.caller.call("ecs:ListClusters", "*", call).await?;
            all.extend(answer.cluster_arns.unwrap_or_default());
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
        }
    }

    async fn list(&self, cluster: &str) -> Result<Vec<String>, AwsFailure> {
        let mut all = Vec::new();
        let mut next = None;
        loop {
            let call = || self.client.list_services().cluster(cluster).max_results(PAGE).set_next_token(next.clone()).send();
            let answer = self.caller.call("ecs:ListServices", cluster, call).await?;
            all.extend(answer.service_arns.unwrap_or_default());
            next = answer.next_token.filter(|token| !token.is_empty());
            if next.is_none() {
                return Ok(all);
            }
        }
    }
}

/// The container that a service registers into a group, also where ECS's own blue/green alternates between two.
fn container<'a>(service: &'a ecs::Service, group: &str) -> Option<&'a str> {
    let serves = |balancer: &&ecs::LoadBalancer| {
        let alternate = balancer.advanced_configuration().and_then(ecs::AdvancedConfiguration::alternate_target_group_arn);
        balancer.target_group_arn() == Some(group) || alternate == Some(group)
    };
    service.load_balancers().iter().find(serves)?.container_name()
}

/// The tag of an image reference: what follows the last `:` behind the last `/`, before any digest.
#[must_use]
pub fn image_tag(image: &str) -> Option<&str> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

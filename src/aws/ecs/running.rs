//! What really runs behind a target group, by ECS: the services that register into it, their deployments or task sets, the
//! container that the group serves, and that container's image. Which of them counts, [`crate::plan::behind`] says.

use std::collections::BTreeMap;

use aws_sdk_ecs::Client;
use aws_sdk_ecs::types as ecs;
use futures::future::try_join_all;
use futures::stream::{self, StreamExt};
use jiff::Timestamp;

use crate::aws::call::Caller;
use crate::aws::failure::{AwsFailure, Class};
use crate::plan::behind::{Behind, State, Version, candidates, leads_nowhere};
use crate::plan::labels::Running;
use crate::seen::group::{SERVICE, TargetGroup, service_named};

/// The most services that DescribeServices takes (service model).
pub(super) const SERVICES_AT_ONCE: usize = 10;
/// How many calls of a search are under way at once.
const SIDE_BY_SIDE: usize = 8;
/// The largest page of ListServices and ListClusters (service model).
const PAGE: i32 = 100;

/// The versions that were found, by the group's ARN.
type Found = BTreeMap<String, Vec<Version>>;

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

    /// What runs behind each of `groups`, by their `Service` tags alone.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn by_tag(&self, groups: &[&TargetGroup]) -> Result<Behind, AwsFailure> {
        let (found, doubts) = self.tagged(groups).await?;
        let behind = Behind { doubts, ..Behind::default() };
        self.judged(groups, found, behind).await
    }

    /// What runs behind each of `groups`: by its `Service` tag where that leads to one with tasks, else by the services of the
    /// cluster (or of all clusters) whose load balancers name the group. `looked` hears how many services a search has looked
    /// at, and of how many.
    ///
    /// # Errors
    /// An [`AwsFailure`]; a cluster that nobody named and that may not be looked through is a doubt.
    pub async fn behind(
        &self,
        groups: &[&TargetGroup],
        cluster: Option<&str>,
        looked: impl FnMut(usize, usize),
    ) -> Result<Behind, AwsFailure> {
        let (mut found, doubts) = self.tagged(groups).await?;
        let mut behind = Behind { doubts, ..Behind::default() };
        let runs = |versions: &Vec<Version>| versions.iter().any(|version| version.runs);
        let open: Vec<&TargetGroup> = groups.iter().copied().filter(|group| !found.get(&group.arn).is_some_and(runs)).collect();
        if !open.is_empty() {
            let (versions, denied) = self.search(&open, cluster, looked).await?;
            for group in open {
                let of_group = found.entry(group.arn.clone()).or_default();
                let more =
                    versions.iter().filter(|version| version.groups.contains_key(&group.arn) && !of_group.contains(version));
                let more: Vec<Version> = more.cloned().collect();
                of_group.extend(more);
                if of_group.is_empty() {
                    behind.doubts.extend(denied.iter().map(|denied| {
                        format!(
                            "what runs behind {} was not found, and not every cluster may be looked through: {denied}. Name the \
                             service's cluster with --cluster, or set the group's {SERVICE} tag",
                            group.name
                        )
                    }));
                }
            }
        }
        self.judged(groups, found, behind).await
    }

    /// The versions behind each group, by its `Service` tag; and what is wrong with tags that lead nowhere.
    async fn tagged(&self, groups: &[&TargetGroup]) -> Result<(Found, Vec<String>), AwsFailure> {
        let (mut found, mut doubts) = (Found::new(), Vec::new());
        for (group, read) in groups.iter().zip(try_join_all(groups.iter().map(|group| self.by_its_tag(group))).await?) {
            match read {
                Ok(versions) => found.insert(group.arn.clone(), versions).map_or((), drop),
                Err(doubt) => doubts.push(doubt),
            }
        }
        Ok((found, doubts))
    }

    async fn by_its_tag(&self, group: &TargetGroup) -> Result<Result<Vec<Version>, String>, AwsFailure> {
        let Some(tag) = group.tag(SERVICE) else { return Ok(Ok(Vec::new())) };
        let Some((cluster, service)) = service_named(tag) else {
            return Ok(Err(leads_nowhere(group, tag, "this names no service")));
        };
        match self.services(cluster, &[service.to_owned()]).await {
            Ok(services) if services.is_empty() => Ok(Err(leads_nowhere(group, tag, "there is no such service"))),
            Ok(services) => {
                let versions = services.iter().flat_map(|service| versions(cluster, service));
                Ok(Ok(versions.filter(|version| version.groups.contains_key(&group.arn)).collect()))
            }
            Err(failure) if failure.class == Class::NotFound => Ok(Err(leads_nowhere(group, tag, "there is no such cluster"))),
            Err(failure) => Err(failure),
        }
    }

    /// Every version behind these groups, of all services of the cluster or of all clusters: two services may be behind one
    /// group. And why those clusters were passed over that may not be looked through, where others may.
    async fn search(
        &self,
        groups: &[&TargetGroup],
        cluster: Option<&str>,
        mut looked: impl FnMut(usize, usize),
    ) -> Result<(Vec<Version>, Vec<String>), AwsFailure> {
        let clusters = match cluster {
            Some(cluster) => vec![cluster.to_owned()],
            None => self.clusters().await?,
        };
        let mut denied = Denied { clusters: clusters.len(), why: BTreeMap::new() };
        let mut lists = stream::iter(&clusters).map(async |cluster| (cluster, self.list(cluster).await)).buffered(SIDE_BY_SIDE);
        let mut listed = Vec::new();
        while let Some((cluster, services)) = lists.next().await {
            listed.extend(denied.or_read(cluster, services)?.map(|services| (cluster, services)));
        }
        let all = listed.iter().map(|(_, services)| services.len()).sum();
        let chunks =
            listed.iter().flat_map(|(cluster, services)| services.chunks(SERVICES_AT_ONCE).map(move |chunk| (*cluster, chunk)));
        let mut looks = stream::iter(chunks)
            .map(async |(cluster, chunk)| (cluster, chunk.len(), self.services(cluster, chunk).await))
            .buffered(SIDE_BY_SIDE);
        let (mut found, mut so_far) = (Vec::new(), 0);
        while let Some((cluster, count, services)) = looks.next().await {
            let services = denied.or_read(cluster, services)?.unwrap_or_default();
            let versions = services.iter().flat_map(|service| versions(cluster, service));
            found.extend(versions.filter(|version| groups.iter().any(|group| version.groups.contains_key(&group.arn))));
            so_far += count;
            looked(so_far, all);
        }
        Ok((found, denied.why.into_values().collect()))
    }

    /// Which of the versions that were found serves each group, as far as that is certain.
    async fn judged(&self, groups: &[&TargetGroup], mut found: Found, mut behind: Behind) -> Result<Behind, AwsFailure> {
        for group in groups {
            let candidates = candidates(found.remove(&group.arn).unwrap_or_default());
            let images = try_join_all(candidates.iter().map(|version| self.image(version, &group.arn))).await?;
            let alone = candidates.len() == 1;
            let read = candidates.into_iter().zip(images).map(|(version, image)| {
                let settled = version.began.filter(|_| alone && version.alone && version.state == State::Completed);
                let tag = image_tag(&image).map(str::to_owned);
                let groups = version.groups.into_keys().collect();
                (version.state, Running { service: version.service, image, tag, settled, groups })
            });
            behind.judge(&group.arn, read.collect());
        }
        Ok(behind)
    }

    async fn image(&self, version: &Version, group: &str) -> Result<String, AwsFailure> {
        const ACTION: &str = "ecs:DescribeTaskDefinition";
        let definition = &version.definition;
        let container = version.groups.get(group).map_or("", String::as_str);
        let call = || self.client.describe_task_definition().task_definition(definition).send();
        let answer = self.caller.call(ACTION, definition, call).await?;
        let containers = answer.task_definition().map(ecs::TaskDefinition::container_definitions).unwrap_or_default();
        let found = containers.iter().find(|definition| definition.name() == Some(container));
        let image = found.and_then(ecs::ContainerDefinition::image).map(str::to_owned);
        image.ok_or_else(|| AwsFailure::incomplete(ACTION, definition, &format!("image of container {container}")))
    }

    pub(super) async fn services(&self, cluster: &str, names: &[String]) -> Result<Vec<ecs::Service>, AwsFailure> {
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

/// The clusters that may not be looked through, and why.
struct Denied {
    /// How many are looked through.
    clusters: usize,
    why: BTreeMap<String, String>,
}

impl Denied {
    /// What was read of a cluster; none where that is not allowed, unless no cluster may be read.
    fn or_read<T>(&mut self, cluster: &str, read: Result<T, AwsFailure>) -> Result<Option<T>, AwsFailure> {
        match read {
            Err(failure)
                if failure.class == Class::Permission
                    && (self.why.contains_key(cluster) || self.why.len() + 1 < self.clusters) =>
            {
                self.why.insert(cluster.to_owned(), failure.what());
                Ok(None)
            }
            read => read.map(Some),
        }
    }
}

/// What a service has behind target groups: its deployments, or where CodeDeploy or somebody else deploys it, its task sets.
fn versions(cluster: &str, service: &ecs::Service) -> Vec<Version> {
    let cluster = cluster.rsplit('/').next().unwrap_or(cluster);
    let name = format!("{cluster}/{}", service.service_name().unwrap_or_default());
    let runs = service.desired_count() + service.running_count() > 0;
    let deployments = service.deployments().iter().filter(|deployment| deployment.status() != Some("INACTIVE"));
    let deployments = deployments.filter_map(|deployment| {
        let state = match deployment.rollout_state() {
            Some(ecs::DeploymentRolloutState::Completed) => State::Completed,
            Some(ecs::DeploymentRolloutState::Failed) => State::Failed,
            _ => State::UnderWay,
        };
        let (groups, definition) = (groups(service.load_balancers()), deployment.task_definition()?.to_owned());
        let began = time(deployment.created_at());
        let alone = service.deployments().len() == 1;
        Some(Version { service: name.clone(), set: None, groups, definition, state, runs, began, alone })
    });
    let sets = service.task_sets().iter().filter(|set| set.status() != Some("DRAINING"));
    let sets = sets.filter_map(|set| {
        let steady = set.stability_status() == Some(&ecs::StabilityStatus::SteadyState);
        Some(Version {
            service: name.clone(),
            set: set.id().map(str::to_owned),
            groups: groups(set.load_balancers()),
            definition: set.task_definition()?.to_owned(),
            state: if steady { State::Completed } else { State::UnderWay },
            runs: set.computed_desired_count() + set.running_count() > 0,
            began: time(set.created_at()),
            alone: service.task_sets().len() == 1,
        })
    });
    deployments.chain(sets).collect()
}

/// The target groups of load balancers, each with its container, also where ECS's own blue/green alternates between two.
fn groups(balancers: &[ecs::LoadBalancer]) -> BTreeMap<String, String> {
    let groups = balancers.iter().flat_map(|balancer| {
        let alternate = balancer.advanced_configuration().and_then(ecs::AdvancedConfiguration::alternate_target_group_arn);
        let container = balancer.container_name().unwrap_or_default();
        [balancer.target_group_arn(), alternate].into_iter().flatten().map(|group| (group.to_owned(), container.to_owned()))
    });
    groups.collect()
}

fn time(time: Option<&aws_sdk_ecs::primitives::DateTime>) -> Option<Timestamp> {
    time.and_then(|time| Timestamp::from_second(time.secs()).ok())
}

/// The tag of an image reference: what follows the last `:` behind the last `/`, before any digest.
#[must_use]
pub fn image_tag(image: &str) -> Option<&str> {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let last = name.rsplit('/').next().unwrap_or(name);
    last.split_once(':').map(|(_, tag)| tag)
}

//! Reads a load balancer: load balancer, then its listeners and groups, then rules, tags, health and attributes
//! together. Three round trips in a row, however many rules and groups there are.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types as elb;
use futures::future::try_join_all;
use futures::try_join;
use thiserror::Error;

use super::actions;
use super::conditions::{self, Numbered};
use crate::aws::call::Caller;
use crate::aws::failure::{AwsFailure, Class};
use crate::seen::group::{Target, TargetGroup, arn_tail};
use crate::seen::setup_error::SetupError;
use crate::seen::topology::{Listener, Rule, RuleId, Topology};

/// The most ARNs that DescribeTags takes (service model).
const TAGS_AT_ONCE: usize = 20;
/// The action that reads rules.
const RULES: &str = "elasticloadbalancing:DescribeRules";
/// The largest page that ELB serves (service model).
const PAGE: i32 = 400;

/// Why nothing could be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// An AWS call failed.
    #[error(transparent)]
    Aws(#[from] AwsFailure),
    /// What was read cannot be flipped.
    #[error(transparent)]
    Setup(#[from] SetupError),
}

/// Reads, and cannot write.
#[derive(Clone, Debug)]
pub struct Reader {
    elb: Client,
    region: String,
    caller: Caller,
}

type Tags = BTreeMap<String, BTreeMap<String, String>>;

impl Reader {
    /// A reader on these settings, until the caller's deadline.
    #[must_use]
    pub fn new(config: &SdkConfig, elb: Client, caller: Caller) -> Self {
        let region = config.region().map_or_else(|| "no Region is set".to_owned(), ToString::to_string);
        Self { elb, region, caller }
    }

    /// The caller, for reading something else within the same deadline.
    #[must_use]
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// Reads everything that a flip needs to know. Three round trips in a row.
    ///
    /// # Errors
    /// [`SetupError::NoLoadBalancer`] where there is none of that name, and [`AwsFailure`] for everything else.
    pub async fn topology(&self, name: &str) -> Result<Topology, ReadError> {
        let arn = self.load_balancer(name).await?;
        let (listeners, groups) = try_join!(self.listeners(&arn), self.groups_of(&arn))?;
        let arns: Vec<String> = groups.iter().filter_map(|group| group.target_group_arn().map(str::to_owned)).collect();
        let (rules, groups) =
            try_join!(try_join_all(listeners.values().map(|arn| self.rules(arn))), self.groups(&groups, &arns),)?;
        let mut numbered = Numbered::default();
        let listeners = listeners.into_iter().zip(rules).map(|((port, arn), rules)| {
            let rules = read_rules(&arn, &rules, &mut numbered)?;
            Ok::<_, AwsFailure>((port, Listener { arn, port, rules }))
        });
        let mut topology = Topology { name: name.to_owned(), arn, listeners: listeners.collect::<Result<_, _>>()?, groups };
        self.detached(&mut topology).await?;
        Ok(topology)
    }

    /// Reads the tags once more, after the rules. One round trip.
    ///
    /// [`Reader::topology`] reads rules and tags side by side, so that rules which another delivery moved meanwhile may
    /// stand beside tags from before its record: then nothing says why they moved. A record is acknowledged before
    /// the first rule is written, so tags that are read after the rules tell of every flip that the rules show.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn tags_again(&self, mut topology: Topology) -> Result<Topology, AwsFailure> {
        let arns: Vec<String> = topology.groups.keys().cloned().collect();
        let mut tags = self.tags(&arns).await?;
        for (arn, group) in &mut topology.groups {
            group.tags = tags.remove(arn).unwrap_or_default();
        }
        Ok(topology)
    }

    /// Reads rules and tags again; health stays as it was. One round trip.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn again(&self, topology: &Topology) -> Result<Topology, AwsFailure> {
        let mut fresh = topology.clone();
        let arns: Vec<String> = topology.groups.keys().cloned().collect();
        let (rules, mut tags) =
            try_join!(try_join_all(topology.listeners.values().map(|listener| self.rules(&listener.arn))), self.tags(&arns))?;
        let mut numbered = Numbered::default();
        for (listener, rules) in fresh.listeners.values_mut().zip(rules) {
            listener.rules = read_rules(&listener.arn, &rules, &mut numbered)?;
        }
        for (arn, group) in &mut fresh.groups {
            group.tags = tags.remove(arn).unwrap_or_default();
        }
        Ok(fresh)
    }

    /// Reads the health of every group again. One round trip.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn health(&self, mut topology: Topology) -> Result<Topology, AwsFailure> {
        let arns: Vec<String> = topology.groups.keys().cloned().collect();
        let targets = try_join_all(arns.iter().map(|arn| self.targets(arn))).await?;
        for (arn, targets) in arns.iter().zip(targets) {
            if let Some(group) = topology.groups.get_mut(arn) {
                group.targets = targets;
            }
        }
        Ok(topology)
    }

    async fn load_balancer(&self, name: &str) -> Result<String, ReadError> {
        const ACTION: &str = "elasticloadbalancing:DescribeLoadBalancers";
        let answer = self.caller.call(ACTION, name, || self.elb.describe_load_balancers().names(name).send()).await;
        let answer = answer.map_err(|failure| {
            // Exactly this code: for the deployer it means a first deployment.
            if failure.code.as_deref() == Some("LoadBalancerNotFound") {
                SetupError::NoLoadBalancer { name: name.to_owned(), region: self.region.clone() }.into()
            } else {
                ReadError::Aws(failure)
            }
        })?;
        let found = answer.load_balancers().first().ok_or_else(|| AwsFailure::incomplete(ACTION, name, "load balancer"))?;
        let kind = found.r#type().map_or("unknown", elb::LoadBalancerTypeEnum::as_str);
        if kind != "application" {
            return Err(SetupError::WrongKind { name: name.to_owned(), kind: kind.to_owned() }.into());
        }
        Ok(found.load_balancer_arn().ok_or_else(|| AwsFailure::incomplete(ACTION, name, "ARN"))?.to_owned())
    }

    async fn listeners(&self, load_balancer: &str) -> Result<BTreeMap<u16, String>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeListeners";
        let pages = self.pages(async |marker: Option<String>| {
            let call = || {
                self.elb.describe_listeners().load_balancer_arn(load_balancer).page_size(PAGE).set_marker(marker.clone()).send()
            };
            let answer = self.caller.call(ACTION, load_balancer, call).await?;
            Ok((answer.listeners.unwrap_or_default(), answer.next_marker))
        });
        let listener = |listener: elb::Listener| -> Option<(u16, String)> {
            Some((u16::try_from(listener.port()?).ok()?, listener.listener_arn?))
        };
        let read = pages.await?.into_iter().map(listener).collect::<Option<_>>();
        read.ok_or_else(|| AwsFailure::incomplete(ACTION, load_balancer, "port or ARN of a listener"))
    }

    async fn rules(&self, listener: &str) -> Result<Vec<elb::Rule>, AwsFailure> {
        let pages = self.pages(async |marker: Option<String>| {
            let call = || self.elb.describe_rules().listener_arn(listener).page_size(PAGE).set_marker(marker.clone()).send();
            let answer = self.caller.call(RULES, listener, call).await?;
            Ok((answer.rules.unwrap_or_default(), answer.next_marker))
        });
        pages.await
    }

    async fn groups_of(&self, load_balancer: &str) -> Result<Vec<elb::TargetGroup>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroups";
        self.pages(async |marker: Option<String>| {
            let call = || {
                self.elb
                    .describe_target_groups()
                    .load_balancer_arn(load_balancer)
                    .page_size(PAGE)
                    .set_marker(marker.clone())
                    .send()
            };
            let answer = self.caller.call(ACTION, load_balancer, call).await?;
            Ok((answer.target_groups.unwrap_or_default(), answer.next_marker))
        })
        .await
    }

    /// Groups that a partner tag names and that belong to no listener any more: where targets are sticky, a flip that died
    /// between its writes leaves the retired group without a rule, and so out of the load balancer's list. Two more round
    /// trips however many they are, and only then. One call each: a call that names several fails where one is gone.
    async fn detached(&self, topology: &mut Topology) -> Result<(), AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroups";
        let mut missing = Vec::new();
        for (arn, group) in &topology.groups {
            let Some(partner) = group.partner() else { continue };
            let sibling = arn.split_once(":targetgroup/").map(|(prefix, _)| format!("{prefix}:targetgroup/{partner}"));
            missing.extend(sibling.filter(|named| !topology.groups.contains_key(named)));
        }
        missing.sort();
        missing.dedup();
        let found = try_join_all(missing.iter().map(|arn| async move {
            let call = || self.elb.describe_target_groups().target_group_arns(arn).send();
            match self.caller.call(ACTION, arn, call).await {
                Ok(answer) => self.groups(answer.target_groups(), std::slice::from_ref(arn)).await,
                Err(failure) if failure.class == Class::NotFound => Ok(BTreeMap::new()), // deleted since: the tag is old
                Err(failure) => Err(failure),
            }
        }));
        topology.groups.extend(found.await?.into_iter().flatten());
        Ok(())
    }

    /// Tags, targets and stickiness of groups, all at once.
    async fn groups(&self, groups: &[elb::TargetGroup], arns: &[String]) -> Result<BTreeMap<String, TargetGroup>, AwsFailure> {
        let (mut tags, targets, sticky) = try_join!(
            self.tags(arns),
            try_join_all(arns.iter().map(|arn| self.targets(arn))),
            try_join_all(arns.iter().map(|arn| self.sticky(arn))),
        )?;
        let read = groups.iter().zip(targets).zip(sticky).filter_map(|((group, targets), sticky)| {
            let arn = group.target_group_arn()?.to_owned();
            let group = TargetGroup {
                name: group.target_group_name().unwrap_or_else(|| arn_tail(&arn)).to_owned(),
                tags: tags.remove(&arn).unwrap_or_default(),
                health_checks: group.health_check_enabled() != Some(false),
                arn: arn.clone(),
                targets,
                sticky,
            };
            Some((arn, group))
        });
        Ok(read.collect())
    }

    async fn tags(&self, arns: &[String]) -> Result<Tags, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTags";
        let chunks = try_join_all(arns.chunks(TAGS_AT_ONCE).map(|chunk| {
            let first = chunk.first().map_or("", String::as_str);
            self.caller.call(ACTION, first, || self.elb.describe_tags().set_resource_arns(Some(chunk.to_vec())).send())
        }));
        let mut tags = Tags::new();
        for described in chunks.await?.iter().flat_map(|answer| answer.tag_descriptions()) {
            let of_one = described.tags().iter();
            let of_one = of_one.map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()));
            tags.insert(described.resource_arn().unwrap_or_default().to_owned(), of_one.collect());
        }
        match arns.iter().find(|arn| !tags.contains_key(*arn)) {
            // Without its tags a group would look like one that nobody is flipping.
            Some(arn) => Err(AwsFailure::incomplete(ACTION, arn, "entry for this group")),
            None => Ok(tags),
        }
    }

    async fn targets(&self, group: &str) -> Result<Vec<Target>, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetHealth";
        let answer = self.caller.call(ACTION, group, || self.elb.describe_target_health().target_group_arn(group).send()).await?;
        let target = |described: &elb::TargetHealthDescription| {
            let target = described.target()?;
            let id = target.id().unwrap_or_default();
            let health = described.target_health()?;
            // A target that a zonal shift takes the traffic from stays `healthy`.
            let moved = described.administrative_override().and_then(elb::AdministrativeOverride::state);
            let shifted = moved.is_some_and(|state| state.as_str() == "zonal_shift_active");
            Some(Target {
                id: target.port().map_or_else(|| id.to_owned(), |port| format!("{id}:{port}")),
                state: if shifted { "zonal shift".to_owned() } else { health.state()?.as_str().to_owned() },
                reason: health.reason().map(|reason| reason.as_str().to_owned()),
            })
        };
        let targets = answer.target_health_descriptions().iter().map(target).collect::<Option<_>>();
        targets.ok_or_else(|| AwsFailure::incomplete(ACTION, group, "state of a target"))
    }

    async fn sticky(&self, group: &str) -> Result<bool, AwsFailure> {
        const ACTION: &str = "elasticloadbalancing:DescribeTargetGroupAttributes";
        let call = || self.elb.describe_target_group_attributes().target_group_arn(group).send();
        let answer = self.caller.call(ACTION, group, call).await?;
        Ok(answer
            .attributes()
            .iter()
            .any(|attribute| attribute.key() == Some("stickiness.enabled") && attribute.value() == Some("true")))
    }

    /// Every page of a listing.
    async fn pages<T>(
        &self,
        page: impl AsyncFn(Option<String>) -> Result<(Vec<T>, Option<String>), AwsFailure>,
    ) -> Result<Vec<T>, AwsFailure> {
        let (mut all, mut next) = page(None).await?;
        while let Some(marker) = next.filter(|marker| !marker.is_empty()) {
            let (more, after) = page(Some(marker)).await?;
            all.extend(more);
            next = after;
        }
        Ok(all)
    }
}

/// The rules of a listener as they were read, in the order of evaluation.
fn read_rules(listener: &str, read: &[elb::Rule], numbered: &mut Numbered) -> Result<Vec<Rule>, AwsFailure> {
    let mut rules = Vec::new();
    for rule in read {
        let arn = rule.rule_arn().ok_or_else(|| AwsFailure::incomplete(RULES, listener, "ARN of a rule"))?;
        let priority = rule.priority().ok_or_else(|| AwsFailure::incomplete(RULES, arn, "priority"))?.to_owned();
        let conditions = conditions::read(arn, rule.conditions(), numbered);
        let id = if priority == "default" { RuleId::Default(listener.to_owned()) } else { RuleId::Rule(arn.to_owned()) };
        let (actions, transforms) = (actions::read(rule.actions()), !rule.transforms().is_empty());
        rules.push(Rule { id, conditions, actions, transforms, priority });
    }
    rules.sort_by_key(|rule| rule.priority.parse::<u32>().unwrap_or(u32::MAX));
    Ok(rules)
}

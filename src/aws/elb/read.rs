//! Reads a load balancer. This file shows which call waits for which: the load balancer, then its listeners and groups, then rules,
//! tags, health and attributes together. Three round trips in a row, however many rules and groups there are; one, where the
//! first two were made before.

use std::collections::BTreeMap;

use aws_config::SdkConfig;
use aws_sdk_elasticloadbalancingv2::Client;
use futures::future::{join_all, try_join, try_join_all};
use futures::try_join;
use thiserror::Error;

use super::TAGS_AT_ONCE;
use super::conditions::Numbered;
use super::rules;
use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;
use crate::aws::nothing::nothing;
use crate::seen::group::TargetGroup;
use crate::seen::setup_error::SetupError;
use crate::seen::topology::{Listener, Rule, Topology};

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
    pub(super) elb: Client,
    pub(super) region: String,
    pub(super) caller: Caller,
}

/// A load balancer, its listeners, its groups and their stickiness: what stays while rules, tags and health change.
#[derive(Clone, Debug)]
pub struct Outline(Topology);

impl Outline {
    /// The load balancer's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Whether these rules know of groups that came later.
    fn is_outdated(&self, topology: &Topology) -> bool {
        let rules = topology.listeners.values().flat_map(|listener| &listener.rules);
        rules
            .filter_map(Rule::forward)
            .flat_map(|forward| &forward.targets)
            .any(|target| !self.0.groups.contains_key(&target.group))
    }
}

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
        let found = self.found(name).await?;
        let (topology, sticky) = try_join!(self.filled(&found), self.stickiness(&found))?;
        Ok(self.with_detached(with_stickiness(topology, &sticky)).await?)
    }

    /// Reads what stays, before anybody asks for a flip. Three round trips in a row.
    ///
    /// # Errors
    /// As [`Reader::topology`].
    pub async fn outline(&self, name: &str) -> Result<Outline, ReadError> {
        let found = self.found(name).await?;
        let sticky = self.stickiness(&found).await?;
        Ok(Outline(with_stickiness(found, &sticky)))
    }

    /// Opens as many connections, side by side, as [`Reader::topology_of`] uses: the client keeps them.
    pub async fn open(&self, outline: &Outline) {
        let listeners = outline.0.listeners.len();
        let groups = outline.0.groups.len();
        let opened = (0..listeners + groups + groups.div_ceil(TAGS_AT_ONCE)).map(|_| {
            // Any operation will do: it is not asked for.
            self.elb.describe_load_balancers().customize().mutate_request(nothing).send()
        });
        join_all(opened).await;
    }

    /// Reads everything else. One round trip.
    ///
    /// # Errors
    /// An [`AwsFailure`], of the class [`Class::NotFound`] where a listener or a group has gone; nothing where a group has come.
    ///
    /// [`Class::NotFound`]: crate::aws::failure::Class::NotFound
    pub async fn topology_of(&self, outline: &Outline) -> Result<Option<Topology>, AwsFailure> {
        let topology = self.filled(&outline.0).await?;
        if outline.is_outdated(&topology) {
            return Ok(None);
        }
        self.with_detached(topology).await.map(Some)
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
        let (rules, tagged) = try_join!(self.rules_of(topology), self.tags_again(topology.clone()))?;
        Ok(with_rules(tagged, rules))
    }

    /// Reads the health of every group again. One round trip.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn health(&self, mut topology: Topology) -> Result<Topology, AwsFailure> {
        let groups = topology.groups.values_mut();
        try_join_all(groups.map(async |group| {
            group.targets = self.targets(&group.arn).await?;
            Ok(())
        }))
        .await
        .map(|_: Vec<()>| topology)
    }

    /// The load balancer, then its listeners and groups. Two round trips.
    async fn found(&self, name: &str) -> Result<Topology, ReadError> {
        let arn = self.load_balancer(name).await?;
        let (listeners, groups) = try_join(self.listeners(&arn), self.groups_of(&arn)).await?;
        let listeners = listeners.into_iter().map(|(port, arn)| (port, Listener { arn, port, rules: Vec::new() }));
        let groups = groups.into_iter().map(|group| (group.arn.clone(), group));
        Ok(Topology {
            name: name.to_owned(),
            arn,
            listeners: listeners.collect(),
            groups: groups.collect(),
            companions: BTreeMap::new(),
        })
    }

    /// Rules, tags and health, side by side.
    async fn filled(&self, found: &Topology) -> Result<Topology, AwsFailure> {
        let (rules, tagged, healthy) =
            try_join!(self.rules_of(found), self.tags_again(found.clone()), self.health(found.clone()))?;
        let mut filled = with_rules(tagged, rules);
        for (arn, group) in healthy.groups {
            if let Some(filled) = filled.groups.get_mut(&arn) {
                filled.targets = group.targets;
            }
        }
        Ok(filled)
    }

    /// The rules of every listener, by its port. What a listener outside of the ports does matters too.
    async fn rules_of(&self, topology: &Topology) -> Result<Vec<(u16, Vec<Rule>)>, AwsFailure> {
        let listeners = topology.listeners.values();
        let described = try_join_all(listeners.map(async |listener| Ok((listener, self.rules(&listener.arn).await?)))).await?;
        let mut numbered = Numbered::default();
        let read = described.iter().map(|(listener, read)| Ok((listener.port, rules::read(&listener.arn, read, &mut numbered)?)));
        read.collect()
    }

    /// Which groups' targets are sticky, by ARN.
    async fn stickiness(&self, found: &Topology) -> Result<BTreeMap<String, bool>, AwsFailure> {
        let read = try_join_all(found.groups.keys().map(async |arn| Ok((arn.clone(), self.sticky(arn).await?)))).await;
        read.map(BTreeMap::from_iter)
    }

    /// With the groups that a partner tag names and that belong to no listener any more: where targets are sticky, a flip that died
    /// between its writes leaves the retired group without a rule, and so out of the load balancer's list. Two more round
    /// trips however many they are, and only then. One call each: a call that names several fails where one is gone.
    async fn with_detached(&self, mut topology: Topology) -> Result<Topology, AwsFailure> {
        let mut missing = Vec::new();
        for (arn, group) in &topology.groups {
            let Some(partner) = group.partner() else { continue };
            let sibling = arn.split_once(":targetgroup/").map(|(prefix, _)| format!("{prefix}:targetgroup/{partner}"));
            missing.extend(sibling.filter(|named| !topology.groups.contains_key(named)));
        }
        missing.sort();
        missing.dedup();
        let found = try_join_all(missing.iter().map(async |arn| match self.group(arn).await? {
            Some(group) => self.detached(group).await.map(Some),
            None => Ok(None), // deleted since: the tag is old
        }));
        let found = found.await?.into_iter().flatten();
        topology.groups.extend(found.map(|group| (group.arn.clone(), group)));
        Ok(topology)
    }

    /// A group with its tags, targets and stickiness.
    async fn detached(&self, group: TargetGroup) -> Result<TargetGroup, AwsFailure> {
        let arn = group.arn.clone();
        let arns = std::slice::from_ref(&arn);
        let (mut tags, targets, sticky) = try_join!(self.tags(arns), self.targets(&arn), self.sticky(&arn))?;
        Ok(TargetGroup { tags: tags.remove(&arn).unwrap_or_default(), targets, sticky, ..group })
    }
}

fn with_rules(mut topology: Topology, rules: Vec<(u16, Vec<Rule>)>) -> Topology {
    for (port, rules) in rules {
        if let Some(listener) = topology.listeners.get_mut(&port) {
            listener.rules = rules;
        }
    }
    topology
}

fn with_stickiness(mut topology: Topology, sticky: &BTreeMap<String, bool>) -> Topology {
    for (arn, group) in &mut topology.groups {
        group.sticky = sticky.get(arn).copied().unwrap_or_default();
    }
    topology
}

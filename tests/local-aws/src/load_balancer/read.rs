//! Reads from the API what the load balancer plays: as parallel as the dependencies allow, and only what can have changed,
//! since a write is not answered before its reload is over. Nothing is paged: the emulator behind it answers whole lists.

use std::collections::HashMap;

use anyhow::{Context, Result};
use aws_sdk_elasticloadbalancingv2::{Client, types};
use futures::future::{try_join, try_join_all, try_join3};

/// What a write can have changed, and so what has to be read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Nothing that routing or probing depends on, such as tags.
    #[default]
    Nothing,
    /// The targets of the groups.
    Targets,
    /// Listeners and rules.
    Routing,
    /// Any of it.
    Everything,
}

impl Scope {
    /// What the API's `action` can have changed. An action that is not known here is taken to change everything.
    #[must_use]
    pub fn of(action: &str) -> Self {
        match action {
            "AddTags" | "RemoveTags" | "ModifyLoadBalancerAttributes" | "ModifyListenerAttributes" => Self::Nothing,
            "RegisterTargets" | "DeregisterTargets" => Self::Targets,
            "CreateListener" | "ModifyListener" | "DeleteListener" => Self::Routing,
            "CreateRule" | "ModifyRule" | "DeleteRule" | "SetRulePriorities" => Self::Routing,
            read if read.starts_with("Describe") => Self::Nothing,
            _ => Self::Everything,
        }
    }

    /// The least scope that covers both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        if self != Self::Nothing && other != Self::Nothing && self != other { Self::Everything } else { self.max(other) }
    }
}

/// All that was read, as the API tells it.
#[derive(Default)]
pub(super) struct Reading {
    pub load_balancers: Vec<types::LoadBalancer>,
    pub listeners: Vec<types::Listener>,
    /// By the listener's ARN.
    pub rules: HashMap<String, Vec<types::Rule>>,
    pub groups: Vec<types::TargetGroup>,
    /// By the group's ARN.
    pub targets: HashMap<String, Vec<types::TargetDescription>>,
    /// By the group's ARN: its attributes by key.
    pub attributes: HashMap<String, HashMap<String, String>>,
}

impl Reading {
    /// Reads again what `scope` covers.
    ///
    /// # Errors
    /// The API's, naming the call.
    pub async fn refresh(&mut self, elb: &Client, scope: Scope) -> Result<()> {
        match scope {
            Scope::Nothing => {}
            Scope::Targets => self.targets = targets(elb, &self.groups).await?,
            Scope::Routing => (self.listeners, self.rules) = routing(elb, &self.load_balancers).await?,
            Scope::Everything => {
                (self.load_balancers, self.groups) = try_join(load_balancers(elb), groups(elb)).await?;
                let groups = &self.groups;
                let all = try_join3(routing(elb, &self.load_balancers), targets(elb, groups), attributes(elb, groups));
                ((self.listeners, self.rules), self.targets, self.attributes) = all.await?;
            }
        }
        Ok(())
    }

    /// The name of the load balancer with this ARN.
    pub fn load_balancer_name(&self, arn: &str) -> Option<&str> {
        self.load_balancers.iter().find(|lb| lb.load_balancer_arn() == Some(arn))?.load_balancer_name()
    }
}

async fn load_balancers(elb: &Client) -> Result<Vec<types::LoadBalancer>> {
    let answer = elb.describe_load_balancers().send().await.context("DescribeLoadBalancers")?;
    Ok(answer.load_balancers.unwrap_or_default())
}

async fn routing(
    elb: &Client,
    load_balancers: &[types::LoadBalancer],
) -> Result<(Vec<types::Listener>, HashMap<String, Vec<types::Rule>>)> {
    let read = load_balancers.iter().filter_map(types::LoadBalancer::load_balancer_arn).map(|arn| async move {
        match elb.describe_listeners().load_balancer_arn(arn).send().await {
            Ok(answer) => Ok(answer.listeners.unwrap_or_default()),
            // Deleted since the load balancers were read; so below.
            Err(error) if error.as_service_error().is_some_and(|e| e.is_load_balancer_not_found_exception()) => Ok(Vec::new()),
            Err(error) => Err(error).with_context(|| format!("DescribeListeners of {arn}")),
        }
    });
    let listeners = try_join_all(read).await?.concat();
    let read = listeners.iter().filter_map(types::Listener::listener_arn).map(|arn| async move {
        let rules = match elb.describe_rules().listener_arn(arn).send().await {
            Ok(answer) => answer.rules.unwrap_or_default(),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_listener_not_found_exception()) => Vec::new(),
            Err(error) => return Err(error).with_context(|| format!("DescribeRules of {arn}")),
        };
        Ok((arn.to_owned(), rules))
    });
    let rules = try_join_all(read).await?.into_iter().collect();
    Ok((listeners, rules))
}

async fn groups(elb: &Client) -> Result<Vec<types::TargetGroup>> {
    Ok(elb.describe_target_groups().send().await.context("DescribeTargetGroups")?.target_groups.unwrap_or_default())
}

async fn targets(elb: &Client, groups: &[types::TargetGroup]) -> Result<HashMap<String, Vec<types::TargetDescription>>> {
    let read = groups.iter().filter_map(types::TargetGroup::target_group_arn).map(|arn| async move {
        let answer = match elb.describe_target_health().target_group_arn(arn).send().await {
            Ok(answer) => answer.target_health_descriptions.unwrap_or_default(),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_target_group_not_found_exception()) => Vec::new(),
            Err(error) => return Err(error).with_context(|| format!("DescribeTargetHealth of {arn}")),
        };
        Ok((arn.to_owned(), answer.into_iter().filter_map(|d| d.target).collect()))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

async fn attributes(elb: &Client, groups: &[types::TargetGroup]) -> Result<HashMap<String, HashMap<String, String>>> {
    let read = groups.iter().filter_map(types::TargetGroup::target_group_arn).map(|arn| async move {
        let attributes = match elb.describe_target_group_attributes().target_group_arn(arn).send().await {
            Ok(answer) => answer.attributes.unwrap_or_default(),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_target_group_not_found_exception()) => Vec::new(),
            Err(error) => return Err(error).with_context(|| format!("DescribeTargetGroupAttributes of {arn}")),
        };
        Ok((arn.to_owned(), attributes.into_iter().filter_map(|a| Some((a.key?, a.value?))).collect()))
    });
    Ok(try_join_all(read).await?.into_iter().collect())
}

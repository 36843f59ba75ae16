//! The routing table of a node: the rules it has and the groups that there are, arranged for answering requests. Made anew at
//! each change and swapped whole, so that a request sees either all of a change or nothing of it.

use std::{collections::HashMap, sync::Arc};

use anyhow::{Context, Result};
use aws_sdk_elasticloadbalancingv2::types::{self, Action};

use super::{
    condition::{Condition, Facts},
    group::Group,
    read::Reading,
    turns::Turns,
};

/// All listeners of one account, by ARN.
pub(super) type Listeners = HashMap<String, Listener>;

/// The listeners and groups of one account, as one node has them.
#[derive(Clone, Default)]
pub(super) struct Table {
    pub listeners: Arc<Listeners>,
    /// By ARN. Every node has the same ones.
    pub groups: Arc<HashMap<String, Arc<Group>>>,
}

/// One listener with its rules in the order of evaluation, the default one last.
pub(super) struct Listener {
    pub load_balancer: String,
    pub port: u16,
    pub https: bool,
    rules: Vec<Rule>,
}

/// Conditions that must all hold, and the actions that follow in their order.
#[derive(Default)]
pub(super) struct Rule {
    conditions: Vec<Condition>,
    pub actions: Vec<Action>,
    /// Whose turn it is among the groups of its forward action.
    pub turns: Turns,
}

impl Listener {
    /// The rule for a request: the first one whose conditions hold. The default rule has none.
    pub fn rule(&self, request: &Facts<'_>) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.conditions.iter().all(|c| c.holds(request)))
    }
}

/// Arranges the listeners of a reading.
///
/// # Errors
/// A listener or rule that this load balancer cannot play.
pub(super) fn listeners(reading: &Reading) -> Result<Listeners> {
    let mut listeners = HashMap::new();
    for listener in &reading.listeners {
        let arn = listener.listener_arn().context("a listener without ARN")?;
        let mut rules: Vec<_> = own_rules(reading, arn).collect();
        rules.sort_by_key(|rule| priority(rule));
        let default = Rule { actions: in_order(listener.default_actions()), ..Rule::default() };
        let load_balancer = listener.load_balancer_arn().unwrap_or_default();
        let port =
            listener.port().and_then(|port| u16::try_from(port).ok()).with_context(|| format!("listener {arn} without port"))?;
        let listener = Listener {
            load_balancer: reading.load_balancer_name(load_balancer).unwrap_or_default().to_owned(),
            port,
            https: listener.protocol() == Some(&types::ProtocolEnum::Https),
            rules: rules.into_iter().map(arrange).chain([Ok(default)]).collect::<Result<_>>()?,
        };
        listeners.insert(arn.to_owned(), listener);
    }
    Ok(listeners)
}

/// The groups that some rule or default action forwards to. Any weight counts, also 0 (ELB: a group is in use while an action names it).
pub(super) fn attached(listeners: &Listeners) -> impl Iterator<Item = &str> {
    let actions = listeners.values().flat_map(|listener| &listener.rules).flat_map(|rule| &rule.actions);
    actions.flat_map(weights).map(|(arn, _)| arn)
}

/// The groups of a forward action with their weights, from either of its two shapes; nothing for other actions.
pub(super) fn weights(action: &Action) -> Vec<(&str, u32)> {
    let config = action.forward_config().map(|config| config.target_groups()).unwrap_or_default();
    if config.is_empty() {
        return action.target_group_arn().map(|arn| (arn, 1)).into_iter().collect();
    }
    // AWS takes a weight that is not given as 1.
    let weight = |w: Option<i32>| w.map_or(1, |w| u32::try_from(w).unwrap_or(0));
    config.iter().filter_map(|group| Some((group.target_group_arn()?, weight(group.weight())))).collect()
}

/// A listener's rules without the default one, which is taken from the listener itself: that is where the API changes it.
fn own_rules<'a>(reading: &'a Reading, listener: &str) -> impl Iterator<Item = &'a types::Rule> {
    reading.rules.get(listener).into_iter().flatten().filter(|rule| !rule.is_default().unwrap_or(false))
}

fn arrange(rule: &types::Rule) -> Result<Rule> {
    let conditions = rule.conditions().iter().map(Condition::read).collect::<Result<_>>();
    let conditions = conditions.with_context(|| format!("rule {}", rule.rule_arn().unwrap_or_default()))?;
    Ok(Rule { conditions, actions: in_order(rule.actions()), turns: Turns::default() })
}

fn in_order(actions: &[Action]) -> Vec<Action> {
    let mut actions = actions.to_vec();
    actions.sort_by_key(|action| action.order());
    actions
}

/// Lower numbers go first.
fn priority(rule: &types::Rule) -> u32 {
    rule.priority().and_then(|p| p.parse().ok()).unwrap_or(u32::MAX)
}

//! What was seen of one load balancer: listeners, rules, target groups, tags and target health.
//!
//! A topology is read, never guessed: what cannot be read faithfully is an error of the reading.
//! It holds no SDK type, so that planning, tests and fuzzing need no client.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::seen::companion::Companion;
use crate::seen::group::{TargetGroup, arn_tail};

/// One load balancer as it was read, with the rules of the listeners that the port pairs name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Topology {
    /// The load balancer's name.
    pub name: String,
    /// The load balancer's ARN.
    pub arn: String,
    /// Every listener of the load balancer, by port.
    pub listeners: BTreeMap<u16, Listener>,
    /// Every target group that belongs to the load balancer, by ARN.
    pub groups: BTreeMap<String, TargetGroup>,
    /// The companions that the groups name, by `cluster/service`, as far as they were asked for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub companions: BTreeMap<String, Companion>,
}

/// One listener and its rules.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listener {
    /// The listener's ARN.
    pub arn: String,
    /// The port it listens on.
    pub port: u16,
    /// Its rules in the order of evaluation, the default rule last.
    pub rules: Vec<Rule>,
}

/// One rule of a listener; the default actions are a rule too.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rule {
    /// How the rule is addressed in a write.
    pub id: RuleId,
    /// `1` to `50000`, or `default`.
    pub priority: String,
    /// What a request must match; none for the default rule.
    pub conditions: BTreeSet<Condition>,
    /// What happens to a request, in the order in which AWS lists it.
    pub actions: Vec<Action>,
    /// Whether it rewrites requests, which a flip keeps.
    pub transforms: bool,
}

/// How a rule is addressed: the default rule only through its listener
/// (ModifyRule refuses it, Elastic Load Balancing API reference).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum RuleId {
    /// A rule with a priority, by its ARN: changed by ModifyRule.
    Rule(String),
    /// The default actions of the listener with this ARN: changed by ModifyListener.
    Default(String),
}

impl RuleId {
    /// The ARN that the write names.
    #[must_use]
    pub fn arn(&self) -> &str {
        match self {
            Self::Rule(arn) | Self::Default(arn) => arn,
        }
    }
}

/// One condition of a rule, in a form that compares regardless of order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Condition {
    /// `path-pattern`, `host-header`, `http-header`, `http-request-method`, `query-string` or `source-ip`.
    pub field: String,
    /// The header's name, for `http-header`.
    pub name: Option<String>,
    /// The values, any of which matches; `regex:…` for a regular expression. Those of a header or a query string may be
    /// secrets, and are numbered when they are read: `value 1`, `key=value 2`.
    pub values: BTreeSet<String>,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<&str> = self.values.iter().map(String::as_str).collect();
        match &self.name {
            Some(name) => write!(f, "{} {name}={}", self.field, values.join("|")),
            None => write!(f, "{} {}", self.field, values.join("|")),
        }
    }
}

/// One action of a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// AWS's `Order`, where it gave one.
    pub order: Option<i32>,
    /// What the action does.
    pub kind: ActionKind,
}

/// What an action does, as far as a flip needs to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum ActionKind {
    /// Send the request to target groups.
    Forward(Forward),
    /// Anything else: kept as it is.
    Carried(Carried),
}

/// An action that a flip carries through untouched (sign-in, redirect, fixed response).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Carried {
    /// AWS's action type, such as `authenticate-oidc`.
    pub kind: String,
    /// Its settings as AWS names them; none where this version does not know the type,
    /// and then a rule that holds it is never rewritten.
    pub settings: Option<serde_json::Value>,
}

/// A forward action, in one shape for both of AWS's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Forward {
    /// The groups with their weights, in AWS's order; at most five.
    pub targets: Vec<Weighted>,
    /// Group stickiness.
    pub stickiness: Stickiness,
}

/// One group of a forward action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Weighted {
    /// The group's ARN.
    pub group: String,
    /// 0 to 999; a group's share is its weight over the sum of all.
    pub weight: i32,
}

/// Group stickiness of a forward action: where it is on, a client stays on its group, whatever the weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stickiness {
    /// Whether it is on.
    pub on: bool,
    /// How long, in seconds; none where AWS did not say. It may be there although stickiness is off.
    pub seconds: Option<i32>,
}

/// Whom a forward action serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Serves<'a> {
    /// One group gets every request.
    One(&'a str),
    /// Several groups share them, or none gets any.
    Mixed,
}

impl Forward {
    /// Whom this action serves, by its weights.
    #[must_use]
    pub fn serves(&self) -> Serves<'_> {
        let mut weighted = self.targets.iter().filter(|target| target.weight > 0);
        match (weighted.next(), weighted.next()) {
            (Some(one), None) => Serves::One(&one.group),
            _ => Serves::Mixed,
        }
    }

    /// Whether `group` gets every request.
    #[must_use]
    pub fn serves_only(&self, group: &str) -> bool {
        self.serves() == Serves::One(group)
    }

    /// Whether `group` gets any request: by its weight, or since clients may be bound to it, which weights do not end.
    #[must_use]
    pub fn sends_to(&self, group: &str) -> bool {
        self.targets.iter().any(|target| target.group == group && (target.weight > 0 || self.stickiness.on))
    }

    /// The groups it names, at any weight.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.targets.iter().map(|target| target.group.as_str())
    }
}

impl Rule {
    /// The rule's forward action, where it has one (AWS allows one at most).
    #[must_use]
    pub fn forward(&self) -> Option<&Forward> {
        self.actions.iter().find_map(|action| match &action.kind {
            ActionKind::Forward(forward) => Some(forward),
            ActionKind::Carried(_) => None,
        })
    }

    /// The action types that a flip carries through.
    pub fn carried(&self) -> impl Iterator<Item = &Carried> {
        self.actions.iter().filter_map(|action| match &action.kind {
            ActionKind::Carried(carried) => Some(carried),
            ActionKind::Forward(_) => None,
        })
    }

    /// The rule's actions with another forward, everything else as it is.
    #[must_use]
    pub fn with_forward(&self, forward: &Forward) -> Vec<Action> {
        let mut actions = self.actions.clone();
        for action in &mut actions {
            if matches!(action.kind, ActionKind::Forward(_)) {
                action.kind = ActionKind::Forward(forward.clone());
            }
        }
        actions
    }

    /// The rule for a person: `default action`, or its conditions with its priority.
    #[must_use]
    pub fn describe(&self) -> String {
        describe_rule(&self.priority, &self.conditions)
    }
}

/// A rule for a person: `default action`, or `rule 10 (path-pattern /api/*)`.
#[must_use]
pub fn describe_rule(priority: &str, conditions: &BTreeSet<Condition>) -> String {
    if priority == "default" {
        return "default action".to_owned();
    }
    let conditions: Vec<String> = conditions.iter().map(ToString::to_string).collect();
    format!("rule {priority} ({})", conditions.join(" and "))
}

impl Topology {
    /// A group by its ARN, where it was read.
    #[must_use]
    pub fn group(&self, arn: &str) -> Option<&TargetGroup> {
        self.groups.get(arn)
    }

    /// A group for a message, also where it was not read.
    #[must_use]
    pub fn describe(&self, arn: &str) -> String {
        self.group(arn).map_or_else(|| arn.to_owned(), TargetGroup::describe)
    }

    /// What a person calls the group with this ARN: its Identifier, or its name where it has none or another group of
    /// this load balancer has the same.
    #[must_use]
    pub fn short<'a>(&'a self, arn: &'a str) -> &'a str {
        let Some(group) = self.group(arn) else { return arn_tail(arn) };
        let shared = self.groups.values().any(|other| other.arn != arn && other.identifier() == group.identifier());
        if shared { &group.name } else { group.short() }
    }

    /// The weights of a forward action for a message: `Code1 100, Code2 0`, and whether clients stick to their group.
    #[must_use]
    pub fn weights(&self, forward: &Forward) -> String {
        let weights: Vec<String> =
            forward.targets.iter().map(|target| format!("{} {}", self.short(&target.group), target.weight)).collect();
        weights.join(", ") + if forward.stickiness.on { " (sticky)" } else { "" }
    }
}

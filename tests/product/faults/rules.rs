//! What the rules of a load balancer say, and where the traffic is by them.

use std::fmt;

use aws_sdk_elasticloadbalancingv2::types::Rule;

/// One rule with the weights of its groups, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleState {
    pub port: i32,
    pub priority: String,
    pub weights: Vec<(String, i32)>,
}

/// Where the traffic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Traffic {
    /// As before, on every rule.
    Before,
    /// Flipped, on every rule.
    Flipped,
    /// Some rules one way, some the other.
    Split,
}

/// The groups of a rule's forward with their weights, by name.
pub fn weights(rule: &Rule) -> Vec<(String, i32)> {
    let forward = rule.actions().iter().find_map(|action| action.forward_config()).unwrap();
    let name = |arn: &str| arn.split('/').nth(1).unwrap().to_owned();
    let groups = forward.target_groups().iter();
    let mut weights: Vec<_> =
        groups.map(|group| (name(group.target_group_arn().unwrap()), group.weight().unwrap_or(1))).collect();
    weights.sort();
    weights
}

/// Where the traffic is by these rules.
pub fn traffic(rules: &[RuleState]) -> Traffic {
    let all = |live: &str, test: &str| {
        rules.iter().all(|rule| {
            let serving = if rule.port == 80 { live } else { test };
            rule.weights.iter().all(|(group, weight)| (*weight == 100) == group.ends_with(serving))
        })
    };
    match (all("code1", "code2"), all("code2", "code1")) {
        (true, _) => Traffic::Before,
        (_, true) => Traffic::Flipped,
        _ => Traffic::Split,
    }
}

impl fmt::Display for RuleState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "port {}, {}: {:?}", self.port, self.priority, self.weights)
    }
}

//! A listener's rules as they are read.

use aws_sdk_elasticloadbalancingv2::types as elb;

use super::actions;
use super::conditions::{self, Numbered};
use crate::aws::failure::AwsFailure;
use crate::seen::topology::{Rule, RuleId};

/// The action that reads them.
pub(super) const ACTION: &str = "elasticloadbalancing:DescribeRules";

/// The rules of a listener as they were read, in the order of evaluation.
pub(super) fn read(listener: &str, read: &[elb::Rule], numbered: &mut Numbered) -> Result<Vec<Rule>, AwsFailure> {
    let mut rules = Vec::new();
    for rule in read {
        let arn = rule.rule_arn().ok_or_else(|| AwsFailure::incomplete(ACTION, listener, "ARN of a rule"))?;
        let priority = rule.priority().ok_or_else(|| AwsFailure::incomplete(ACTION, arn, "priority"))?.to_owned();
        let conditions = conditions::read(arn, rule.conditions(), numbered);
        let id = if priority == "default" { RuleId::Default(listener.to_owned()) } else { RuleId::Rule(arn.to_owned()) };
        let (actions, transforms) = (actions::read(rule.actions()), !rule.transforms().is_empty());
        rules.push(Rule { id, conditions, actions, transforms, priority });
    }
    rules.sort_by_key(|rule| rule.priority.parse::<u32>().unwrap_or(u32::MAX));
    Ok(rules)
}

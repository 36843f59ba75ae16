//! A rule's conditions in a form that compares: twins are rules with the same ones.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types as elb;

use crate::seen::topology::Condition;

/// A rule's conditions. One of a kind that this version cannot read equals no other: its rule has
/// no twin.
pub(super) fn read(rule: &str, conditions: &[elb::RuleCondition]) -> BTreeSet<Condition> {
    let unreadable = |condition: &elb::RuleCondition| Condition {
        field: condition.field().unwrap_or("condition").to_owned(),
        name: None,
        values: BTreeSet::from([format!("that this version cannot read, of {rule}")]),
    };
    conditions.iter().map(|condition| read_one(condition).unwrap_or_else(|| unreadable(condition))).collect()
}

fn read_one(condition: &elb::RuleCondition) -> Option<Condition> {
    let mut values: BTreeSet<String> = condition.values().iter().cloned().collect();
    let mut name = None;
    let mut add = |plain: &[String], regexes: &[String]| {
        values.extend(plain.iter().cloned());
        values.extend(regexes.iter().map(|regex| format!("regex:{regex}")));
    };
    if let Some(hosts) = condition.host_header_config() {
        // Host names compare without case (ELB user guide, host conditions).
        let lower: Vec<String> = hosts.values().iter().map(|host| host.to_ascii_lowercase()).collect();
        add(&lower, hosts.regex_values());
    }
    if let Some(paths) = condition.path_pattern_config() {
        add(paths.values(), paths.regex_values());
    }
    if let Some(header) = condition.http_header_config() {
        name = header.http_header_name().map(str::to_ascii_lowercase);
        add(header.values(), header.regex_values());
    }
    if let Some(methods) = condition.http_request_method_config() {
        add(methods.values(), &[]);
    }
    if let Some(sources) = condition.source_ip_config() {
        add(sources.values(), &[]);
    }
    if let Some(query) = condition.query_string_config() {
        let pair = |pair: &elb::QueryStringKeyValuePair| match pair.key() {
            Some(key) => format!("{key}={}", pair.value().unwrap_or_default()),
            None => pair.value().unwrap_or_default().to_owned(),
        };
        let pairs: Vec<String> = query.values().iter().map(pair).collect();
        add(&pairs, &[]);
    }
    let field = condition.field()?.to_owned();
    if field == "host-header" {
        // AWS repeats the values of the old `Values` form beside the new one.
        values = values
            .into_iter()
            .map(|value| if value.starts_with("regex:") { value } else { value.to_ascii_lowercase() })
            .collect();
    }
    (!values.is_empty()).then_some(Condition { field, name, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_of_a_kind_that_is_not_known_equals_no_other() {
        let of_tomorrow = [elb::RuleCondition::builder().field("country").build()];
        let (one, other) = (read("rule/1", &of_tomorrow), read("rule/2", &of_tomorrow));
        assert_eq!(one.len(), 1);
        assert_ne!(one, other);
    }

    #[test]
    fn both_forms_of_a_condition_read_the_same_in_any_order_and_case() {
        let config = elb::HostHeaderConditionConfig::builder().values("B.example.com").values("a.example.com").build();
        let typed = elb::RuleCondition::builder().field("host-header").host_header_config(config).build();
        let plain = elb::RuleCondition::builder().field("host-header").values("a.example.com").values("b.EXAMPLE.com").build();
        assert_eq!(read("rule/1", &[typed]), read("rule/2", &[plain]));
    }
}

//! A rule's conditions in a form that compares: twins are rules with the same ones.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types as elb;

use crate::seen::topology::Condition;

/// The values of headers and query strings, which may be secrets, such as the key that a CDN sends its origin: none is kept,
/// so that none can be told. Equal ones have the same number within a reading.
#[derive(Debug, Default)]
pub(super) struct Numbered(BTreeMap<String, usize>);

impl Numbered {
    fn number(&mut self, value: &str) -> String {
        let next = self.0.len() + 1;
        format!("value {}", self.0.entry(value.to_owned()).or_insert(next))
    }
}

/// A rule's conditions. One of a kind that this version cannot read equals no other: its rule has
/// no twin.
pub(super) fn read(rule: &str, conditions: &[elb::RuleCondition], numbered: &mut Numbered) -> BTreeSet<Condition> {
    let unreadable = |condition: &elb::RuleCondition| Condition {
        field: condition.field().unwrap_or("condition").to_owned(),
        name: None,
        values: BTreeSet::from([format!("that this version cannot read, of {rule}")]),
    };
    conditions.iter().map(|condition| read_one(condition, numbered).unwrap_or_else(|| unreadable(condition))).collect()
}

fn read_one(condition: &elb::RuleCondition, numbered: &mut Numbered) -> Option<Condition> {
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
        let regexes = header.regex_values().iter().map(|regex| format!("regex:{regex}"));
        let values: Vec<String> = header.values().iter().cloned().chain(regexes).map(|value| numbered.number(&value)).collect();
        add(&values, &[]);
    }
    if let Some(methods) = condition.http_request_method_config() {
        add(methods.values(), &[]);
    }
    if let Some(sources) = condition.source_ip_config() {
        add(sources.values(), &[]);
    }
    if let Some(query) = condition.query_string_config() {
        // A value without a key is not read as a pair: nothing says that AWS does (API reference, QueryStringKeyValuePair).
        let mut pair = |pair: &elb::QueryStringKeyValuePair| {
            let value = numbered.number(pair.value().unwrap_or_default());
            pair.key().map_or_else(|| value.clone(), |key| format!("{key}={value}"))
        };
        let pairs: Vec<String> = query.values().iter().map(&mut pair).collect();
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
        let (one, other) =
            (read("rule/1", &of_tomorrow, &mut Numbered::default()), read("rule/2", &of_tomorrow, &mut Numbered::default()));
        assert_eq!(one.len(), 1);
        assert_ne!(one, other);
    }

    #[test]
    fn a_secret_of_a_header_or_a_query_is_not_kept_and_equal_ones_stay_equal() {
        let header = |value: &str| {
            let config = elb::HttpHeaderConditionConfig::builder().http_header_name("X-Origin").values(value).build();
            elb::RuleCondition::builder().field("http-header").http_header_config(config).build()
        };
        let query = |pair: elb::QueryStringKeyValuePair| {
            let config = elb::QueryStringConditionConfig::builder().values(pair).build();
            elb::RuleCondition::builder().field("query-string").query_string_config(config).build()
        };
        let pair = elb::QueryStringKeyValuePair::builder;
        let mut numbered = Numbered::default();
        let mut told = |condition: elb::RuleCondition| {
            read("rule/1", &[condition], &mut numbered).into_iter().map(|condition| condition.to_string()).collect::<String>()
        };
        assert_eq!(told(header("s3cret")), "http-header x-origin=value 1");
        assert_eq!(told(header("other")), "http-header x-origin=value 2");
        assert_eq!(told(header("s3cret")), "http-header x-origin=value 1");
        assert_eq!(told(query(pair().key("a").value("1").build())), "query-string a=value 3");
        assert_eq!(told(query(pair().value("a=1").build())), "query-string value 4");
    }

    #[test]
    fn both_forms_of_a_condition_read_the_same_in_any_order_and_case() {
        let config = elb::HostHeaderConditionConfig::builder().values("B.example.com").values("a.example.com").build();
        let typed = elb::RuleCondition::builder().field("host-header").host_header_config(config).build();
        let plain = elb::RuleCondition::builder().field("host-header").values("a.example.com").values("b.EXAMPLE.com").build();
        assert_eq!(read("rule/1", &[typed], &mut Numbered::default()), read("rule/2", &[plain], &mut Numbered::default()));
    }
}

//! Command lines that fix something: what a person may copy into a shell. Words in capitals are to be filled in.

use blue_green::seen::topology::{Condition, Rule, RuleId};
use serde_json::{Value, json};
use shell_words::quote;

/// Puts one tag on a target group: AWS takes one resource a call.
#[must_use]
pub fn tag(arn: &str, key: &str, value: &str) -> String {
    format!("aws elbv2 add-tags --resource-arns {arn} --tags Key={key},Value={value}")
}

/// Makes one group live everywhere, whatever the rules say now, keeping everything else in them. What the function is
/// called in an account nobody here can know.
#[must_use]
pub fn promote(load_balancer: &str, to: &str) -> String {
    let payload = json!({ "ElbName": load_balancer, "PromoteTo": to }).to_string();
    format!(
        "aws lambda invoke --function-name FUNCTION_NAME --cli-binary-format raw-in-base64-out --payload {} /dev/stdout",
        quote(&payload)
    )
}

/// Gives a rule to one group, with the other one beside it at weight 0. None where the rule holds more than one action:
/// writing the forward alone would lose the rest.
#[must_use]
pub fn forward(rule: &Rule, serving: &str, resting: &str) -> Option<String> {
    let actions = forwards(serving, resting);
    (rule.actions.len() <= 1).then(|| match &rule.id {
        RuleId::Rule(arn) => format!("aws elbv2 modify-rule --rule-arn {arn} --actions {actions}"),
        RuleId::Default(listener) => format!("aws elbv2 modify-listener --listener-arn {listener} --default-actions {actions}"),
    })
}

/// Shows a rule with all of its actions.
#[must_use]
pub fn show(rule: &Rule) -> String {
    match &rule.id {
        RuleId::Rule(arn) => format!("aws elbv2 describe-rules --rule-arns {arn}"),
        RuleId::Default(listener) => format!("aws elbv2 describe-listeners --listener-arns {listener}"),
    }
}

/// Gives a listener the counterpart of a rule that stands on another one. None where a command could not say all of it: more
/// actions than a forward, rewrites, values that are not kept since they may be secrets; and default actions, which would take
/// the place of others.
#[must_use]
pub fn counterpart(rule: &Rule, listener: &str, serving: &str, resting: &str) -> Option<String> {
    let known = |condition: &Condition| !matches!(condition.field.as_str(), "http-header" | "query-string");
    let whole = rule.actions.len() <= 1 && !rule.transforms && rule.conditions.iter().all(known);
    let RuleId::Rule(_) = &rule.id else { return None };
    whole.then(|| {
        let conditions: Vec<Value> = rule.conditions.iter().map(condition).collect();
        let conditions = Value::from(conditions).to_string();
        let (priority, conditions, actions) = (&rule.priority, quote(&conditions), forwards(serving, resting));
        format!(
            "aws elbv2 create-rule --listener-arn {listener} --priority {priority} --conditions {conditions} --actions {actions}"
        )
    })
}

/// Makes a listener.
#[must_use]
pub fn listener(load_balancer: &str, port: u16, serving: &str, resting: &str) -> String {
    let protocol = if matches!(port, 443 | 8443) { "HTTPS --certificates CertificateArn=CERTIFICATE_ARN" } else { "HTTP" };
    let actions = forwards(serving, resting);
    format!(
        "aws elbv2 create-listener --load-balancer-arn {load_balancer} --port {port} --protocol {protocol} --default-actions {actions}"
    )
}

/// A forward action as one word of a command line.
fn forwards(serving: &str, resting: &str) -> String {
    let groups = json!([{ "TargetGroupArn": serving, "Weight": 100 }, { "TargetGroupArn": resting, "Weight": 0 }]);
    let actions = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": groups } }]).to_string();
    quote(&actions).into_owned()
}

/// A condition as CreateRule takes it (Elastic Load Balancing API, RuleCondition).
fn condition(condition: &Condition) -> Value {
    let (regexes, values): (Vec<&str>, Vec<&str>) =
        condition.values.iter().map(String::as_str).partition(|value| value.starts_with("regex:"));
    let mut config = json!({});
    if !values.is_empty() {
        config["Values"] = json!(values);
    }
    if !regexes.is_empty() {
        config["RegexValues"] = regexes.into_iter().filter_map(|regex| regex.strip_prefix("regex:")).collect();
    }
    let words = condition.field.split('-').map(|word| word[..1].to_uppercase() + &word[1..]);
    let key = words.collect::<String>() + "Config";
    json!({ "Field": condition.field, key: config })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use blue_green::seen::topology::{Condition, Rule, RuleId};

    #[test]
    fn a_shell_reads_back_what_was_meant_also_where_a_path_holds_a_quote() {
        let condition = Condition {
            field: "path-pattern".to_owned(),
            name: None,
            values: BTreeSet::from(["/men's; echo $HOME `date` \\".to_owned()]),
        };
        let expected = format!("[{}]", super::condition(&condition));
        let (id, conditions) = (RuleId::Rule("arn:rule".to_owned()), BTreeSet::from([condition]));
        let rule = Rule { id, priority: "10".to_owned(), conditions, actions: Vec::new(), transforms: false };
        let command = super::counterpart(&rule, "arn:listener", "arn:one", "arn:other").unwrap_or_default();
        let words = shell_words::split(&command);
        assert!(words.is_ok_and(|words| words[8] == expected), "{expected}");
    }

    #[test]
    fn conditions_are_written_as_create_rule_takes_them() {
        let written = |field: &str, values: &[&str]| {
            let values = values.iter().map(|value| (*value).to_owned()).collect();
            super::condition(&Condition { field: field.to_owned(), name: None, values }).to_string()
        };
        assert_eq!(
            written("path-pattern", &["/api/*", "regex:^/v[0-9]"]),
            r#"{"Field":"path-pattern","PathPatternConfig":{"RegexValues":["^/v[0-9]"],"Values":["/api/*"]}}"#
        );
        assert_eq!(
            written("http-request-method", &["GET"]),
            r#"{"Field":"http-request-method","HttpRequestMethodConfig":{"Values":["GET"]}}"#
        );
        assert_eq!(written("source-ip", &["10.0.0.0/8"]), r#"{"Field":"source-ip","SourceIpConfig":{"Values":["10.0.0.0/8"]}}"#);
    }
}

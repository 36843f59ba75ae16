//! What the templates say, read as data.

use std::collections::BTreeMap;

use local_aws::installation::{root, template};
use serde_json::{Value, json};

/// A template as JSON: `!Ref`, `!Sub` and the others in their long form.
pub fn read(name: &str) -> Value {
    json_of(serde_yaml_ng::from_str(&template(name).unwrap()).unwrap())
}

fn json_of(value: serde_yaml_ng::Value) -> Value {
    use serde_yaml_ng::Value as Yaml;
    match value {
        Yaml::Tagged(tagged) => {
            let name = tagged.tag.to_string().trim_start_matches('!').to_owned();
            let name = if ["Ref", "Condition"].contains(&name.as_str()) { name } else { format!("Fn::{name}") };
            json!({ name: json_of(tagged.value) })
        }
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect(),
        Yaml::Mapping(map) => {
            let entry = |(key, value): (Yaml, Yaml)| (key.as_str().unwrap().to_owned(), json_of(value));
            Value::Object(map.into_iter().map(entry).collect())
        }
        other => serde_json::to_value(other).unwrap(),
    }
}

/// The statements of a role's policy.
fn statements(template: &Value, role: &str, policy: &str) -> Value {
    let policies = template["Resources"][role]["Properties"]["Policies"].as_array().unwrap();
    let found =
        policies.iter().find(|found| found["PolicyName"] == policy).unwrap_or_else(|| panic!("{role} has no policy {policy}"));
    found["PolicyDocument"]["Statement"].clone()
}

/// The statements of a policy document.
pub fn statements_of(document: &Value) -> Vec<Value> {
    document["Statement"].as_array().unwrap().clone()
}

/// Without the ways of writing that make no difference: one text or a list of one, `Fn::Sub` or not.
fn plain(value: &Value) -> Value {
    match value {
        Value::Object(map) => match map.get("Fn::Sub") {
            Some(text) => plain(text),
            None => Value::Object(map.iter().map(|(key, value)| (key.clone(), plain(value))).collect()),
        },
        Value::Array(items) if items.len() == 1 => plain(&items[0]),
        Value::Array(items) => items.iter().map(plain).collect(),
        other => other.clone(),
    }
}

#[test]
fn the_roles_have_the_policies_that_the_tests_run_under() {
    let pipeline = read("pipeline");
    let files = [
        ("FunctionRole", "flip", "blue-green-flip.json"),
        ("DiscoverRole", "deployer", "deployer.json"),
        ("DiscoverRole", "deployer-stacks", "deployer-stacks.json"),
    ];
    for (role, policy, file) in files {
        let text = std::fs::read_to_string(root().join("cloudformation/policies").join(file)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(plain(&statements(&pipeline, role, policy)), plain(&file["Statement"]), "{policy} of {role}");
    }
}

#[test]
fn ci_may_do_what_the_files_say_with_one_cluster_but_open_shells() {
    let access = read("ci-access");
    for (id, file) in [("PushPolicy", "push.json"), ("RollPolicy", "roll.json")] {
        let text = std::fs::read_to_string(root().join("cloudformation/policies").join(file)).unwrap();
        let file: Value = serde_json::from_str(&text).unwrap();
        let allowed = |statement: &Value| (statement["Sid"].clone(), actions(statement));
        let own = statements_of(&access["Resources"][id]["Properties"]["PolicyDocument"]);
        let wanted = statements_of(&file).into_iter().filter(|statement| statement["Sid"] != "OpenShells");
        let wanted: Vec<_> = wanted.map(|statement| allowed(&statement)).collect();
        assert_eq!(own.iter().map(allowed).collect::<Vec<_>>(), wanted, "{id}");
    }
}

/// The pipeline owns the revision: once it is given, the stack's own definition reaches neither the service nor its schedule.
#[test]
fn a_rolled_service_runs_the_revision_that_it_is_given() {
    let template = read("rolling-service");
    let resources = &template["Resources"];
    let wanted = json!({ "Fn::If": ["IsFirst", { "Ref": "TaskDefinition" }, { "Ref": "Revision" }] });
    assert_eq!(resources["Service"]["Properties"]["TaskDefinition"], wanted);
    assert_eq!(resources["ScheduledTask"]["Properties"]["Target"]["EcsParameters"]["TaskDefinitionArn"], wanted);
    assert_eq!(resources["TaskDefinition"]["UpdateReplacePolicy"], "Retain");
}

#[test]
fn no_policy_allows_everything() {
    for name in ["load-balancer", "pipeline", "rolling-service"] {
        let template = read(name);
        for (id, resource) in template["Resources"].as_object().unwrap() {
            for policy in resource["Properties"]["Policies"].as_array().into_iter().flatten() {
                for action in policy["PolicyDocument"]["Statement"].as_array().into_iter().flatten().flat_map(actions) {
                    assert!(action != "*" && !action.ends_with(":*"), "{name} {id} allows {action}");
                }
            }
        }
    }
}

#[test]
fn no_failed_event_is_stored() {
    let pipeline = read("pipeline");
    let resources = pipeline["Resources"].as_object().unwrap();
    assert!(resources["Function"]["Properties"]["DeadLetterConfig"].is_null());
    let deliveries = &resources["FunctionDeliveries"]["Properties"];
    assert!(deliveries["DestinationConfig"].is_null(), "a destination would store the pipeline's credentials");
    assert_eq!(deliveries["MaximumRetryAttempts"], 2);
    assert_eq!(deliveries["MaximumEventAgeInSeconds"], 900);
    assert_eq!(deliveries["Qualifier"], "$LATEST");
    assert_eq!(resources["Function"]["Properties"]["Timeout"], 300);
}

#[test]
fn what_flips_write_stands_in_no_template() {
    for name in ["bucket", "network", "load-balancer", "service", "pipeline"] {
        for (id, resource) in read(name)["Resources"].as_object().unwrap() {
            let keys = resource["Properties"]["Tags"].as_array().into_iter().flatten().filter_map(|tag| tag["Key"].as_str());
            let written: Vec<&str> =
                keys.filter(|key| ["Image", "IsProduction"].contains(key) || key.starts_with("bluegreen:")).collect();
            assert!(written.is_empty(), "{name} {id}: {written:?}");
        }
    }
}

#[test]
fn every_rule_holds_both_groups() {
    let resources = read("load-balancer")["Resources"].clone();
    let rules = resources.as_object().unwrap().iter().filter(|(_, r)| r["Type"] == "AWS::ElasticLoadBalancingV2::ListenerRule");
    let mut weights = BTreeMap::new();
    for (id, rule) in rules {
        let groups = rule["Properties"]["Actions"][0]["ForwardConfig"]["TargetGroups"].as_array().unwrap().clone();
        let weight = |side: &str| {
            groups.iter().find(|g| g["TargetGroupArn"]["Ref"] == format!("TargetGroup{side}")).unwrap()["Weight"].clone()
        };
        weights.insert(id.as_str(), (weight("Code1"), weight("Code2")));
    }
    let (live, test) = ((json!(100), json!(0)), (json!(0), json!(100)));
    let expected = [("LiveHttpsRule", live.clone()), ("LiveRule", live), ("TestHttpsRule", test.clone()), ("TestRule", test)];
    assert_eq!(weights, expected.into());
}

#[test]
fn a_side_means_the_same_when_it_is_handed_back() {
    let service = read("service");
    assert!(service["Transform"].is_null());
    for (name, parameter) in service["Parameters"].as_object().unwrap() {
        assert!(parameter["NoEcho"].is_null(), "{name}");
        assert!(["String", "Number"].contains(&parameter["Type"].as_str().unwrap()), "{name}");
    }
    assert!(!service.to_string().contains("{{resolve:"));
}

#[test]
fn no_secret_is_a_parameter() {
    for name in ["bucket", "network", "load-balancer", "service", "pipeline"] {
        for (parameter, _) in read(name)["Parameters"].as_object().unwrap() {
            let lower = parameter.to_lowercase();
            assert!(!["token", "secret", "password"].iter().any(|word| lower.contains(word)), "{name}: {parameter}");
        }
    }
}

#[test]
fn cloudformation_may_do_what_a_sides_resources_need_and_no_more() {
    let types: Vec<String> = {
        let service = read("service");
        let resources = service["Resources"].as_object().unwrap();
        resources.values().map(|resource| resource["Type"].as_str().unwrap().to_owned()).collect()
    };
    let mut services: Vec<&str> = types.iter().map(|kind| kind.split("::").nth(1).unwrap()).collect();
    services.dedup();
    let statements = statements(&read("pipeline"), "DeployRole", "deploy");
    let actions = statements.as_array().unwrap().iter().flat_map(actions);
    for action in actions {
        let service = action.split(':').next().unwrap().to_uppercase();
        let known = services.iter().any(|known| known.to_uppercase() == service) || action == "iam:PassRole";
        assert!(known, "{action}: a side has no resource of {service}");
    }
}

/// The actions of a statement.
fn actions(statement: &Value) -> Vec<String> {
    match &statement["Action"] {
        Value::Array(actions) => actions.iter().map(|action| action.as_str().unwrap().to_owned()).collect(),
        action => action.as_str().map(str::to_owned).into_iter().collect(),
    }
}

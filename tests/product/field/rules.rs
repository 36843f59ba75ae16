//! Listeners and rules: ports outside the pairs, secrets in conditions, rules that no command can copy.

use aws_sdk_elasticloadbalancingv2::types::{
    HttpHeaderConditionConfig, ProtocolEnum, QueryStringConditionConfig, QueryStringKeyValuePair, RewriteConfig, RuleCondition,
    RuleTransform, TransformTypeEnum, UrlRewriteConfig,
};
use local_aws::world::{LoadBalancerSpec, Pair, Rule, host, path};
use serde_json::json;

use super::{failed, job, summary};
use crate::deployer::doctor::{add_rule, forward_to};
use crate::deployer::stage::{BUILT, Stage, idle_pair};

/// Stands in what must not be told.
const SECRET: &str = "qXzOriginKeyZq";

fn header(value: &str) -> RuleCondition {
    let config = HttpHeaderConditionConfig::builder().http_header_name("X-Origin-Verify").values(value).build();
    RuleCondition::builder().field("http-header").http_header_config(config).build()
}

fn query(key: Option<&str>, value: &str) -> RuleCondition {
    let pair = QueryStringKeyValuePair::builder().set_key(key.map(str::to_owned)).value(value).build();
    let config = QueryStringConditionConfig::builder().values(pair).build();
    RuleCondition::builder().field("query-string").query_string_config(config).build()
}

/// Adds a listener that forwards to a group.
async fn listener(stage: &Stage, port: i32, group: &str) {
    let create = stage.world.elb().create_listener().load_balancer_arn(&stage.shop.arn).port(port).protocol(ProtocolEnum::Http);
    create.default_actions(forward_to(stage, group).await).send().await.unwrap();
}

#[tokio::test]
async fn a_listener_outside_the_ports_that_serves_the_pair_is_named() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
    listener(&stage, 9443, "shop-code1").await;
    let before = stage.world.snapshot().await.unwrap();
    let words = "port 9443, default action forwards to Code1 (target group shop-code1, image v1), but port 9443 is in none of the port pairs";
    stage.deployer(&[]).await.ended(3, &[words, "--ports"]);
    assert_eq!(stage.read(), BUILT);
    for action in ["check", "flip"] {
        let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2", "Action": action })).await;
        let (kind, message) = failed(&ended);
        assert!(kind == "ConfigurationError" && message.contains(words), "{message}");
    }
    let doctor = stage.deployer(&["doctor", "--json"]).await;
    assert!(doctor.code == 3 && doctor.out.contains(words), "{doctor:?}");
    stage
        .world
        .snapshot()
        .await
        .map(|now| assert_eq!(now.matches("<Weight>").count(), before.matches("<Weight>").count()))
        .unwrap();
    let ports = "80:8080,9443:8080";
    stage.deployer(&["--ports", ports]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2", "Ports": ports })).await;
    assert!(summary(&ended).contains("3 rules were changed"), "{ended:?}");
    let status = stage.deployer(&["status", "--json", "--ports", ports]).await;
    let live = status.json()["versions"][0].clone();
    assert_eq!((&live["group"], &live["ports"]), (&json!("shop-code2"), &json!([80, 9443])), "{status:?}");
}

#[tokio::test]
async fn one_test_port_rehearses_80_and_443() {
    let stage = Stage::with(|spec| {
        let rule = Rule::new(10, "shop", [path("/api/*")]);
        spec.pair(Pair::new("shop")).ports(80, 8080).ports(443, 8443).rule(rule)
    });
    let stage = stage.await;
    stage.world.elb().delete_listener().listener_arn(&stage.shop.listeners[&8443]).send().await.unwrap();
    let ports = "80:8080,443:8080";
    stage.deployer(&["--ports", ports, "--strict"]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    for (to, rules) in [("Code2", 6), ("Code1", 6)] {
        let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": to, "Ports": ports })).await;
        assert!(summary(&ended).contains(&format!("{rules} rules were changed")), "{ended:?}");
    }
}

#[tokio::test]
async fn values_of_headers_and_queries_are_told_nowhere() {
    let stage = Stage::with(|spec| {
        let rules = [Rule::new(10, "shop", [header(SECRET)]), Rule::new(20, "shop", [query(Some("key"), SECRET)])];
        rules.into_iter().fold(spec.pair(Pair::new("shop")), LoadBalancerSpec::rule)
    });
    let stage = stage.await;
    add_rule(&stage, 80, 30, header(&format!("{SECRET}-2")), "shop-code1").await;
    let mut told = String::new();
    for verb in [&["status"][..], &["status", "--json"], &["plan"], &["plan", "--json"], &["doctor"], &["doctor", "--json"], &[]]
    {
        let run = stage.deployer(verb).await;
        told.push_str(&format!("{}{}", run.out, run.err));
    }
    stage.world.elb().delete_rule().rule_arn(last_rule(&stage).await).send().await.unwrap();
    for action in ["check", "flip"] {
        told.push_str(&format!("{:?}", job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2", "Action": action })).await));
    }
    assert!(!told.contains(SECRET), "{told}");
    assert!(told.contains("http-header x-origin-verify=value 1") && told.contains("query-string key=value 1"), "{told}");
}

/// The ARN of the rule with priority 30 on port 80.
async fn last_rule(stage: &Stage) -> String {
    let rules = stage.world.elb().describe_rules().listener_arn(&stage.shop.listeners[&80]).send().await.unwrap();
    rules.rules().iter().find(|rule| rule.priority() == Some("30")).unwrap().rule_arn().unwrap().to_owned()
}

#[tokio::test]
async fn a_query_without_a_key_is_no_twin_of_one_with_a_key() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("shop"))).await;
    add_rule(&stage, 80, 10, query(None, "a=1"), "shop-code1").await;
    add_rule(&stage, 8080, 10, query(Some("a"), "1"), "shop-code2").await;
    let doctor = stage.deployer(&["doctor", "--json"]).await;
    assert!(doctor.out.contains("but port 8080 has no rule with the same conditions"), "{doctor:?}");
}

#[tokio::test]
async fn no_command_of_the_doctor_loses_rewrites_or_values() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("shop"))).await;
    add_rule(&stage, 80, 10, path("/old/*"), "shop-code1").await;
    add_rule(&stage, 80, 30, header(SECRET), "shop-code1").await;
    let rewrite = RewriteConfig::builder().regex("^/old/(.*)$").replace("/new/$1").build();
    let rewrite = UrlRewriteConfig::builder().rewrites(rewrite).build();
    let transform = RuleTransform::builder().r#type(TransformTypeEnum::UrlRewrite).url_rewrite_config(rewrite).build();
    let rules = stage.world.elb().describe_rules().listener_arn(&stage.shop.listeners[&80]).send().await.unwrap();
    let arn = rules.rules().iter().find(|rule| rule.priority() == Some("10")).unwrap().rule_arn().unwrap().to_owned();
    stage.world.elb().modify_rule().rule_arn(&arn).transforms(transform).send().await.unwrap();
    let doctor = stage.deployer(&["doctor", "--json"]).await;
    assert!(
        doctor.out.contains(&format!("describe-rules --rule-arns {arn}")) && !doctor.out.contains("create-rule"),
        "{doctor:?}"
    );
}

#[tokio::test]
async fn rules_that_match_on_no_pair_of_ports_are_both_named() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("shop"))).await;
    let fixed = aws_sdk_elasticloadbalancingv2::types::FixedResponseActionConfig::builder().status_code("404").build();
    let none =
        aws_sdk_elasticloadbalancingv2::types::Action::builder().r#type("fixed-response".into()).fixed_response_config(fixed);
    for port in [80, 8080] {
        stage.set_default_action(port, none.clone().build()).await;
    }
    add_rule(&stage, 80, 10, host("www.example.com"), "shop-code1").await;
    add_rule(&stage, 8080, 10, host("test.example.com"), "shop-code2").await;
    let both = ["rule 10 (host-header www.example.com)", "rule 10 (host-header test.example.com)", "Rules are twins where"];
    stage.deployer(&[]).await.ended(3, &both);
    let doctor = stage.deployer(&["doctor", "--json"]).await;
    assert!(both.iter().all(|one| doctor.out.contains(one)) && !doctor.out.contains("modify-listener"), "{doctor:?}");
}

//! Rules with conditions.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, RewriteConfig, RulePriorityPair, RuleTransform, TargetGroupTuple,
    TransformTypeEnum, UrlRewriteConfig,
};
use local_aws::load::Aim;
use local_aws::world::{Pair, Rule, host, path};
use serde_json::json;

use crate::kinds::traffic::{asking, clients, stage, under_load};
use product_stage::function::{Stage, rules_only};

fn named(aim: Aim, host: &str) -> Aim {
    Aim { host: Some(host.to_owned()), ..aim }
}

#[tokio::test]
async fn host_and_path_rules_move_in_any_order_and_priority() {
    let api = Rule::new(10, "shop", [host("api.example.com"), path("/v1/*")]);
    let images = Rule::new(20, "shop", [path("/images/*")]);
    let stage = stage(|spec| spec.pair(Pair::new("shop")).rule(api).rule(images)).await;
    let elb = stage.world.elb();
    let rule = &stage.balancer.rules[&(8080, 10)];
    let turned = vec![path("/v1/*"), host("API.example.com")];
    elb.modify_rule().rule_arn(rule).set_conditions(Some(turned)).send().await.unwrap();
    let last = RulePriorityPair::builder().rule_arn(rule).priority(99).build();
    elb.set_rule_priorities().rule_priorities(last).send().await.unwrap();
    let before = stage.world.snapshot().await.unwrap();
    let aims = [
        named(asking(clients(&stage, "api", 80), "/v1/items"), "api.example.com"),
        asking(clients(&stage, "images", 80), "/images/1.png"),
        clients(&stage, "others", 80),
        named(asking(clients(&stage, "api test", 8080), "/v1/items"), "api.example.com"),
    ];
    let flipped = under_load(&stage, &aims, json!({})).await;
    assert!(flipped.summary(&aims).contains("6 rules were changed"));
    for name in ["api", "images", "others"] {
        flipped.moved(name, "v1", "v2");
    }
    flipped.moved("api test", "v2", "v1");
    under_load(&stage, &aims, json!({})).await.summary(&aims);
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

#[tokio::test]
async fn a_rule_that_rewrites_urls_keeps_doing_so() {
    let stage = stage(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/old/*")]))).await;
    let rewrite = RewriteConfig::builder().regex("^/old/(.*)$").replace("/new/$1").build();
    let rewrite = UrlRewriteConfig::builder().rewrites(rewrite).build();
    let transform = RuleTransform::builder().r#type(TransformTypeEnum::UrlRewrite).url_rewrite_config(rewrite).build();
    for rule in stage.balancer.rules.values() {
        stage.world.elb().modify_rule().rule_arn(rule).transforms(transform.clone()).send().await.unwrap();
    }
    let before = stage.world.snapshot().await.unwrap();
    assert!(before.contains("<Replace>/new/$1</Replace>"), "{before}");
    let aims = [asking(clients(&stage, "live", 80), "/old/1")];
    for (from, to) in [("v1", "v2"), ("v2", "v1")] {
        let flipped = under_load(&stage, &aims, json!({})).await;
        flipped.summary(&aims);
        flipped.moved("live", from, to);
    }
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

/// A rule on port 80 only, for the live group.
async fn live_only(stage: &Stage) {
    let group = stage.balancer.group("shop-code1").unwrap();
    let group = TargetGroupTuple::builder().target_group_arn(group).weight(1).build();
    let forward = ForwardActionConfig::builder().target_groups(group).build();
    let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
    let rule = stage.world.elb().create_rule().listener_arn(&stage.balancer.listeners[&80]).priority(5);
    rule.conditions(path("/static/*")).actions(action).send().await.unwrap();
}

#[tokio::test]
async fn a_rule_without_a_twin_stays_where_it_forwards_to_neither_group() {
    let files = Rule::new(10, "static", [path("/static/*")]);
    let stage = stage(|spec| spec.pair(Pair::new("shop")).pair(Pair::new("static").images("s1", "s2")).rule(files)).await;
    stage.world.elb().delete_rule().rule_arn(&stage.balancer.rules[&(8080, 10)]).send().await.unwrap();
    let aims = [asking(clients(&stage, "static", 80), "/static/1"), clients(&stage, "live", 80)];
    let flipped = under_load(&stage, &aims, json!({})).await;
    flipped.summary(&aims);
    flipped.stayed("static", "s1");
    flipped.moved("live", "v1", "v2");
}

#[tokio::test]
async fn a_rule_without_a_twin_is_refused_by_name_and_nothing_moves() {
    let stage = stage(|spec| spec).await;
    live_only(&stage).await;
    let aims = [asking(clients(&stage, "static", 80), "/static/1"), clients(&stage, "live", 80)];
    let refused = under_load(&stage, &aims, json!({})).await;
    let (kind, message) = refused.ended.failed();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("port 80, rule 5 (path-pattern /static/*) forwards to Code1"), "{message}");
    assert!(message.contains("port 8080 has no rule with the same conditions"), "{message}");
    for aim in &aims {
        refused.lost_nothing(&aim.name);
        refused.stayed(&aim.name, "v1");
    }
}

//! What Init finds and opens where the function's environment names the load balancer, and what becomes of that.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, ProtocolEnum, Tag, TargetDescription, TargetGroupTuple, TargetTypeEnum,
};
use futures::future::join_all;
use local_aws::gateway::{At, Call, Fault, FaultKind, Lasts};
use local_aws::world::{Pair, Rule, path};
use serde_json::{Value, json};

use product_stage::function::{Stage, shop};

/// A stage whose function knows the name `shop`.
async fn stage(call_timeout: &str) -> Stage {
    let mut stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    let settings = [("CALL_TIMEOUT_MS", call_timeout), ("WAIT_SECONDS", "0"), ("ELB_NAME", "shop")];
    stage.lambda = stage.world.lambda_with(Duration::from_secs(60), settings).unwrap();
    stage
}

fn promote() -> Value {
    shop(json!({ "PromoteTo": "Code2", "Execution": "run-1" }))
}

fn actions(calls: &[Call]) -> Vec<(usize, &str)> {
    calls.iter().map(|call| (call.depth, call.action.as_str())).collect()
}

#[tokio::test]
async fn where_init_knew_a_flip_is_live_by_round_trip_3_and_answered_by_7() {
    let stage = stage("30000").await;
    stage.lambda.start().await.unwrap();
    stage.world.gateway.expect_rounds(&[5, 1, 2, 2, 3, 2, 1]);
    stage.job(promote()).await.succeeded();
    let calls = stage.world.gateway.calls();
    let live = [&stage.balancer.listeners[&80], &stage.balancer.rules[&(80, 10)]];
    let moved = calls.iter().filter(|call| {
        call.action.starts_with("Modify") && call.resource.as_ref().is_some_and(|resource| live.contains(&resource))
    });
    let moved: Vec<usize> = moved.map(|call| call.depth).collect();
    assert_eq!(moved, [3, 3], "{:#?}", actions(&calls));
    let answered = calls.iter().find(|call| call.action == "PutJobSuccessResult").unwrap();
    assert_eq!((answered.depth, calls.len()), (7, 16), "{:#?}", actions(&calls));
}

#[tokio::test]
async fn init_opens_as_many_connections_as_the_flip_uses() {
    let stage = stage("30000").await;
    let gateway = &stage.world.gateway;
    // One more for CodePipeline, whenever it comes; the last five are there for their connections alone.
    gateway.reset_calls();
    stage.lambda.start().await.unwrap();
    let connections = |calls: &[Call]| calls.iter().map(|call| call.connection).collect::<BTreeSet<_>>();
    let calls = gateway.calls();
    let opened = connections(&calls);
    let nothing = calls.iter().filter(|call| call.action == "GET /").count();
    assert_eq!((calls.len(), nothing, opened.len()), (11, 6, 6), "{:#?}", actions(&calls));
    gateway.expect_rounds(&[5, 1, 2, 2, 3, 2, 1]);
    stage.job(promote()).await.succeeded();
    assert_eq!(connections(&gateway.calls()), opened);
}

#[tokio::test]
async fn rules_and_tags_that_changed_since_init_are_seen() {
    let stage = stage("30000").await;
    stage.lambda.start().await.unwrap();
    stage.set_tag("shop-code2", "Image", "v3").await;
    let wanted = shop(json!({ "PromoteTo": "Code2", "PromoteImage": "v2" }));
    let refused = stage.job(wanted).await;
    let (kind, message) = refused.failed();
    assert!(kind == "JobFailed" && message.contains("v3"), "{message}");
}

#[tokio::test]
async fn a_listener_that_was_replaced_since_init_is_looked_for_again() {
    let stage = stage("30000").await;
    stage.lambda.start().await.unwrap();
    replace_listener(&stage).await;
    flips_by_name(&stage).await;
}

#[tokio::test]
async fn a_group_that_was_replaced_since_init_is_looked_for_again() {
    let stage = stage("30000").await;
    stage.lambda.start().await.unwrap();
    replace_group(&stage).await;
    flips_by_name(&stage).await;
}

/// Whether one delivery is enough, and the load balancer was looked up by its name.
async fn flips_by_name(stage: &Stage) {
    stage.world.gateway.reset_calls();
    let ended = stage.job(promote()).await;
    ended.succeeded();
    assert_eq!(stage.versions().await, ("v2".to_owned(), "v1".to_owned()));
    let calls = stage.world.gateway.calls();
    let by_name = calls.iter().filter(|call| call.action == "DescribeLoadBalancers").count();
    assert_eq!((by_name, ended.deliveries.len()), (1, 1), "{:#?}", actions(&calls));
}

#[tokio::test]
async fn another_load_balancer_than_inits_is_looked_up_by_name() {
    let stage = stage("30000").await;
    stage.world.load_balancer("other").pair(Pair::new("other")).create().await.unwrap();
    stage.lambda.start().await.unwrap();
    stage.world.gateway.expect_rounds(&[1, 2, 7, 1, 1, 1, 3, 2, 1]);
    stage.job(json!({ "ElbName": "other", "PromoteTo": "Code2", "Execution": "run-1" })).await.succeeded();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_fault_at_every_call_of_init_ends_in_a_flip_all_the_same() {
    let runs = FaultKind::ALL.map(|kind| async move {
        let stage = stage("500").await;
        let mut struck = 0;
        loop {
            stage.lambda.retire().await;
            stage.world.gateway.clear_faults();
            stage.world.gateway.idle().await;
            stage.world.gateway.reset_calls();
            let calls = struck + 1;
            stage.world.gateway.inject(Fault { at: At::Call(calls), kind, lasts: Lasts::Once });
            stage.lambda.start().await.unwrap();
            if !stage.world.gateway.fault_hit() {
                return struck;
            }
            let ended = stage.job(shop(json!({ "Execution": format!("run-{calls}") }))).await;
            ended.succeeded();
            struck = calls;
        }
    });
    let struck = join_all(runs).await;
    assert!(struck.iter().all(|struck| *struck >= 11), "{struck:?}");
}

/// The test listener is made anew, with the same default action.
async fn replace_listener(stage: &Stage) {
    let elb = stage.world.elb();
    let old = &stage.balancer.listeners[&8080];
    elb.delete_listener().listener_arn(old).send().await.unwrap();
    let forward = forward(&[stage.balancer.group("shop-code2").unwrap(), stage.balancer.group("shop-code1").unwrap()]);
    let made = elb.create_listener().load_balancer_arn(&stage.balancer.arn).protocol(ProtocolEnum::Http).port(8080);
    let made = made.default_actions(forward.clone()).send().await.unwrap();
    let listener = made.listeners()[0].listener_arn().unwrap();
    let condition = path("/api/*");
    let rule = elb.create_rule().listener_arn(listener).priority(10).conditions(condition).actions(forward);
    rule.send().await.unwrap();
}

/// The test group is made anew, with the same target and the same tags.
async fn replace_group(stage: &Stage) {
    let elb = stage.world.elb();
    let [live, old] = ["shop-code1", "shop-code2"].map(|group| stage.balancer.group(group).unwrap());
    let made = elb.create_target_group().name("shop-new").protocol(ProtocolEnum::Http).port(80);
    let made = made.target_type(TargetTypeEnum::Ip).health_check_interval_seconds(5).send().await.unwrap();
    let new = made.target_groups()[0].target_group_arn().unwrap();
    let targets = elb.describe_target_health().target_group_arn(old).send().await.unwrap();
    let target: TargetDescription = targets.target_health_descriptions()[0].target().unwrap().clone();
    elb.register_targets().target_group_arn(new).targets(target).send().await.unwrap();
    for (key, value) in [("Identifier", "Code2"), ("Image", "v2")] {
        let tag = Tag::builder().key(key).value(value).build();
        elb.add_tags().resource_arns(new).tags(tag).send().await.unwrap();
    }
    for (port, groups) in [(80, [live, new]), (8080, [new, live])] {
        let (listener, rule) = (&stage.balancer.listeners[&port], &stage.balancer.rules[&(port, 10)]);
        elb.modify_listener().listener_arn(listener).default_actions(forward(&groups)).send().await.unwrap();
        elb.modify_rule().rule_arn(rule).actions(forward(&groups)).send().await.unwrap();
    }
    elb.delete_target_group().target_group_arn(old).send().await.unwrap();
    while elb.describe_target_health().target_group_arn(new).send().await.unwrap().target_health_descriptions()[0]
        .target_health()
        .is_none_or(|health| health.state().is_none_or(|state| state.as_str() != "healthy"))
    {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// All weight on the first.
fn forward(groups: &[&str]) -> Action {
    let groups = groups.iter().zip([100, 0]);
    let groups = groups.map(|(group, weight)| TargetGroupTuple::builder().target_group_arn(*group).weight(weight).build());
    let forward = ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build();
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build()
}

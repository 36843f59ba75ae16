//! Exact figures: calls and round trips in a row. The gateway holds each call until the others of its round trip have come.

use std::collections::BTreeSet;

use aws_sdk_elasticloadbalancingv2::types::{ProtocolEnum, TargetTypeEnum};
use local_aws::world::{Pair, Rule, path};
use serde_json::json;

use product_stage::function::{Stage, shop};

#[tokio::test]
async fn a_flip_by_name_is_live_by_the_5th_round_trip_and_answered_by_the_9th() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    stage.world.gateway.expect_rounds(&[1, 2, 7, 1, 2, 2, 3, 2, 1]);
    stage.job(shop(json!({ "PromoteTo": "Code2", "Execution": "run-1" }))).await.succeeded();
    let calls = stage.world.gateway.calls();
    let shown: Vec<_> = calls.iter().map(|call| (call.depth, call.action.as_str())).collect();
    let live = [&stage.balancer.listeners[&80], &stage.balancer.rules[&(80, 10)]];
    let moved = calls.iter().filter(|call| {
        call.action.starts_with("Modify") && call.resource.as_ref().is_some_and(|resource| live.contains(&resource))
    });
    let moved: Vec<usize> = moved.map(|call| call.depth).collect();
    assert_eq!(moved, [5, 5], "{shown:#?}");
    let answered = calls.iter().find(|call| call.action == "PutJobSuccessResult").unwrap();
    assert_eq!(answered.depth, 9, "{shown:#?}");
    assert_eq!(calls.len(), 21, "{shown:#?}");
    let connections: BTreeSet<usize> = calls.iter().map(|call| call.connection).collect();
    assert_eq!(connections.len(), 8, "as many as the third round trip has calls, and CodePipeline's");
}

#[tokio::test]
async fn a_flip_that_is_done_reads_once_and_answers() {
    let stage = Stage::new().await;
    stage.job(shop(json!({ "Execution": "run-1" }))).await.succeeded();
    stage.world.gateway.reset_calls();
    let (_, variables) = stage.job(shop(json!({ "Execution": "run-1" }))).await.succeeded();
    assert_eq!(variables["Changed"], "true", "it is the same flip, delivered again");
    let calls = stage.world.gateway.calls();
    let count = |is: fn(&str) -> bool| calls.iter().filter(|call| is(&call.action)).count();
    assert_eq!(count(|action| action.starts_with("Modify")), 0);
    assert_eq!(count(|action| action == "AddTags"), 1, "its own job is closed");
}

#[tokio::test]
async fn groups_that_only_a_partner_tag_names_are_read_side_by_side() {
    let stage = Stage::new().await;
    for (name, on) in [("gone-1", "shop-code1"), ("gone-2", "shop-code2")] {
        let made = stage.world.elb().create_target_group().name(name).protocol(ProtocolEnum::Http).port(80);
        let made = made.target_type(TargetTypeEnum::Ip).send().await.unwrap();
        let arn = made.target_groups()[0].target_group_arn().unwrap();
        stage.set_tag(on, "bluegreen:partner", arn.split_once(":targetgroup/").unwrap().1).await;
    }
    stage.world.gateway.expect_rounds(&[1, 2, 7, 2, 6, 1]);
    stage.job(shop(json!({ "Action": "check" }))).await.succeeded();
    let calls = stage.world.gateway.calls();
    let depths: Vec<usize> = calls.iter().filter(|call| call.action == "DescribeTargetGroups").map(|call| call.depth).collect();
    assert_eq!(depths, [2, 4, 4]);
}

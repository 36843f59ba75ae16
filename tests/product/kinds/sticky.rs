//! Clients that stay where they are: a flip really moves them.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, TargetGroupAttribute, TargetGroupStickinessConfig, TargetGroupTuple,
};
use local_aws::world::Pair;
use serde_json::json;

use crate::kinds::traffic::{clients, stage, under_load};
use product_stage::function::{Stage, rules_only};

/// Makes the default action of a listener sticky for ten minutes.
async fn stick(stage: &Stage, port: i32, groups: &[(&str, i32)]) {
    let groups = groups.iter().map(|(group, weight)| {
        TargetGroupTuple::builder().target_group_arn(stage.balancer.group(group).unwrap()).weight(*weight).build()
    });
    let stickiness = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(600).build();
    let forward = ForwardActionConfig::builder().set_target_groups(Some(groups.collect()));
    let forward = forward.target_group_stickiness_config(stickiness).build();
    let action = Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build();
    let listener = &stage.balancer.listeners[&port];
    stage.world.elb().modify_listener().listener_arn(listener).default_actions(action).send().await.unwrap();
}

#[tokio::test]
async fn clients_that_a_group_cookie_binds_move_at_once_and_back_again() {
    let stage = stage(|spec| spec).await;
    stick(&stage, 80, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    let aims = [clients(&stage, "live", 80), clients(&stage, "test", 8080)];
    let there = under_load(&stage, &aims, json!({})).await;
    let summary = there.summary(&aims);
    assert!(summary.contains("since group stickiness outranks weights, so that clients move at once: port 80"), "{summary}");
    there.moved("live", "v1", "v2");
    there.moved("test", "v2", "v1");
    let back = under_load(&stage, &aims, json!({})).await;
    back.summary(&aims);
    back.moved("live", "v2", "v1");
}

#[tokio::test]
async fn groups_with_sticky_targets_change_places_alone_and_come_back_exactly() {
    let stage = stage(|spec| spec.pair(Pair::new("shop").targets(2, 2)).single_group_forwards()).await;
    for group in stage.balancer.groups.values() {
        let sticky = TargetGroupAttribute::builder().key("stickiness.enabled").value("true").build();
        stage.world.elb().modify_target_group_attributes().target_group_arn(group).attributes(sticky).send().await.unwrap();
    }
    let before = stage.world.snapshot().await.unwrap();
    let aims = [clients(&stage, "live", 80)];
    let there = under_load(&stage, &aims, json!({})).await;
    let summary = there.summary(&aims);
    assert!(summary.contains("groups with sticky targets may share an action only with group stickiness"), "{summary}");
    there.moved("live", "v1", "v2");
    // The group that went to the test side had no rule for a moment: its targets are checked anew.
    let waiting = stage.balancer.group("shop-code1").unwrap();
    stage.world.load_balancer.wait_healthy(waiting, std::time::Duration::from_secs(60)).await.unwrap();
    assert_eq!(stage.version(8080).await, "v1");
    let back = under_load(&stage, &aims, json!({})).await;
    back.summary(&aims);
    back.moved("live", "v2", "v1");
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

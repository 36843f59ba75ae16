//! What keeps a flip from being made: each with its numbers, and nothing changed.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::world::Pair;
use serde_json::{Value, json};

use product_stage::function::{Stage, rules_only, shop};

async fn refused(stage: &Stage, parameters: Value, expected: &[&str]) {
    let before = rules_only(&stage.world.snapshot().await.unwrap());
    let ended = stage.job(parameters).await;
    let (kind, message) = ended.failed();
    assert_eq!(kind, "JobFailed", "{message}");
    for part in expected.iter().chain(&["No rule was changed"]) {
        assert!(message.contains(part), "{part:?} not in {message:?}");
    }
    assert_eq!(before, rules_only(&stage.world.snapshot().await.unwrap()));
    assert_eq!(stage.version(80).await, "v1");
}

#[tokio::test]
async fn no_healthy_target_is_refused_unless_forced() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(1, 0))).await;
    refused(&stage, shop(json!({})), &["Code2", "no healthy target (0 registered", "at least 1 must be healthy"]).await;
    let (_, variables) = stage.job(shop(json!({ "Force": true }))).await.succeeded();
    assert_eq!(variables["Live"], "Code2");
}

#[tokio::test]
async fn too_few_healthy_targets_are_refused_with_the_numbers() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(3, 1))).await;
    refused(&stage, shop(json!({})), &["has too few healthy targets: 1, where 3 are required (100 % of the 3"]).await;
    refused(&stage, shop(json!({ "MinCapacity": 34 })), &["2 are required (34 % of the 3"]).await;
    stage.job(shop(json!({ "MinCapacity": 33 }))).await.succeeded();
    assert_eq!(stage.version(80).await, "v2");
}

#[tokio::test]
async fn another_image_than_the_approved_one_is_refused_even_by_force() {
    let stage = Stage::new().await;
    for force in [false, true] {
        let parameters = shop(json!({ "PromoteImage": "v3", "Force": force }));
        refused(&stage, parameters, &["runs v2, but PromoteImage asks for v3"]).await;
    }
    stage.job(shop(json!({ "PromoteImage": "v2" }))).await.succeeded();
}

#[tokio::test]
async fn live_traffic_that_is_shared_by_weight_is_refused_with_the_weights() {
    let stage = Stage::new().await;
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    let before = stage.world.snapshot().await.unwrap();
    for parameters in [json!({}), json!({ "PromoteTo": "Code2" }), json!({ "Force": true })] {
        let ended = stage.job(shop(parameters)).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "JobFailed");
        assert!(message.contains("port 80, default action shares its traffic: Code1 90, Code2 10"), "{message}");
    }
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

#[tokio::test]
async fn access_denied_is_a_permission_error_that_names_action_and_resource() {
    for action in ["DescribeLoadBalancers", "DescribeRules", "DescribeTags", "AddTags", "ModifyListener"] {
        let stage = Stage::new().await;
        let at = At::Action(action.to_owned(), 1);
        stage.world.gateway.reset_calls();
        stage.world.gateway.inject(Fault { at, kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
        let before = rules_only(&stage.world.snapshot().await.unwrap());
        let ended = stage.job(shop(json!({}))).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "PermissionError", "{message}");
        let resource = match action {
            "DescribeLoadBalancers" => "shop".to_owned(),
            "DescribeTags" | "AddTags" => "targetgroup/shop-code".to_owned(),
            _ => "listener/app/shop".to_owned(),
        };
        assert!(message.contains(&format!("elasticloadbalancing:{action} on ")), "{message}");
        assert!(message.contains(&resource) && message.contains("in this role's policy"), "{message}");
        assert_eq!(before, rules_only(&stage.world.snapshot().await.unwrap()), "{action}");
    }
}

#[tokio::test]
async fn a_refused_job_stays_refused_after_the_reason_is_gone() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(3, 1))).await;
    let refused = stage.job(shop(json!({ "Execution": "run-1" }))).await;
    assert!(refused.failed().1.contains("3 are required"));
    // The reason goes away: two of the three live targets are gone, so that one is enough.
    let targets = stage.world.load_balancer.health(stage.balancer.group("shop-code1").unwrap());
    let gone = targets[..2].iter().map(|target| {
        aws_sdk_elasticloadbalancingv2::types::TargetDescription::builder().id(&target.id).port(i32::from(target.port)).build()
    });
    let group = stage.balancer.group("shop-code1").unwrap();
    stage.world.elb().deregister_targets().target_group_arn(group).set_targets(Some(gone.collect())).send().await.unwrap();
    stage.deliver(&refused.id).await;
    assert_eq!(stage.version(80).await, "v1", "a late copy of a refused job does not flip");
    stage.job(shop(json!({ "Execution": "run-1" }))).await.succeeded();
    assert_eq!(stage.version(80).await, "v2", "a Retry is a new job, and flips");
}

//! The doctor's commands, run as they are printed: afterwards it does not find that fault any more.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, ForwardActionConfig, Tag, TargetGroupTuple, TargetTypeEnum};
use local_aws::world::{Pair, Rule, host, path};

use crate::deployer::doctor::{add_rule, blocks, only, sound};
use crate::deployer::shell;
use crate::deployer::stage::Stage;

/// How long tasks may take to come up, on a busy machine.
const WAIT: Duration = Duration::from_secs(60);

/// Runs the fix of the one finding that blocks; then nothing blocks.
async fn fixed(stage: &Stage) {
    let (what, fix) = blocks(stage).await;
    shell::run(stage, &fix).await;
    let run = stage.deployer(&["doctor", "--json"]).await;
    assert_eq!(run.code, 0, "{what}\n{fix}\n{run:#?}");
    assert!(!run.out.contains("\"blocks\""), "{fix}: {run:#?}");
}

#[tokio::test]
async fn missing_tags_are_set() {
    let stage = sound().await;
    for group in ["shop-code1", "shop-code2"] {
        for tag in ["Identifier", "Image", "IsProduction", "Service"] {
            stage.remove_tag(group, tag).await;
        }
    }
    let run = stage.deployer(&["doctor", "--json"]).await;
    run.ended(3, &[]);
    let json = run.json();
    let fixes = json["findings"].as_array().unwrap().iter().filter_map(|finding| finding["fix"].as_str());
    for fix in fixes.filter(|fix| fix.contains("add-tags")) {
        shell::run(&stage, fix).await;
    }
    let run = stage.deployer(&["doctor", "--json"]).await;
    run.ended(0, &[]);
    assert!(!run.out.contains(" tag"), "{run:#?}");
    assert_eq!(stage.tag("shop-code1", "Service").await.as_deref(), Some("main/shop"));
    assert_eq!(stage.tag("shop-code2", "Image").await.as_deref(), Some("v2"));
}

#[tokio::test]
async fn a_missing_test_listener_is_made() {
    let stage = sound().await;
    stage.world.elb().delete_listener().listener_arn(&stage.shop.listeners[&8080]).send().await.unwrap();
    fixed(&stage).await;
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!(stage.code("Code2"), "v9", "the other group of the pair is on the test port");
}

#[tokio::test]
async fn a_side_that_is_too_small_is_scaled_up() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(2, 0))).await;
    stage.service("main", "shop-test", "shop-code2", "registry.example/shop:v2").await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("has 0 healthy targets of 0 registered, 2 are required"), "{what}");
    shell::run(&stage, &fix).await;
    stage.world.ecs_runner.settled("main", "shop-test", WAIT).await.unwrap();
    stage.world.load_balancer.wait_healthy(stage.arn("shop-code2"), WAIT).await.unwrap();
    let run = stage.deployer(&["doctor", "--json"]).await;
    run.ended(0, &[]);
}

#[tokio::test]
async fn a_rule_without_a_twin_gets_one() {
    let stage = sound().await;
    add_rule(&stage, 80, 10, host("beta.example"), "shop-code1").await;
    fixed(&stage).await;
}

#[tokio::test]
async fn a_half_flipped_one_is_settled_and_its_default_action_stays() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    stage.set_default(80, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    fixed(&stage).await;
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v2".to_owned()));
}

#[tokio::test]
async fn ports_that_serve_the_same_group_are_told_apart() {
    let stage = sound().await;
    stage.set_default(8080, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    fixed(&stage).await;
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()), "production has not moved");
}

/// Health checks can be off for Lambda functions alone, and are unless somebody turns them on.
#[tokio::test]
async fn health_checks_are_turned_on() {
    let stage = sound().await;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let tags = [("Identifier", "Code2"), ("Image", "v2"), ("IsProduction", "false"), ("Service", "main/shop-test")];
    let create = stage.world.elb().create_target_group().name("functions").target_type(TargetTypeEnum::Lambda);
    let made = create.set_tags(Some(tags.map(|(key, value)| tag(key, value)).to_vec())).send().await.unwrap();
    let functions = made.target_groups()[0].target_group_arn().unwrap();
    for (port, weights) in [(80, [100, 0]), (8080, [0, 100])] {
        let groups = [stage.arn("shop-code1"), functions].into_iter().zip(weights);
        let groups = groups.map(|(arn, weight)| TargetGroupTuple::builder().target_group_arn(arn).weight(weight).build());
        let forward = ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build();
        stage.set_default_action(port, Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build()).await;
    }
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("functions has no health checks"), "{what}");
    shell::run(&stage, &fix).await;
    let run = stage.deployer(&["doctor", "--json"]).await;
    assert!(!run.out.contains("has no health checks"), "{run:#?}");
}

#[tokio::test]
async fn a_fence_that_nobody_ended_is_taken_off() {
    let stage = sound().await;
    stage.set_tag("shop-code2", "bluegreen:build", "v1 exec-1 v8 2026-01-02T03:04:05Z").await;
    let json = stage.deployer(&["doctor", "--json"]).await.json();
    let fixes = json["findings"].as_array().unwrap().iter().filter_map(|finding| finding["fix"].as_str());
    shell::run(&stage, fixes.filter(|fix| fix.contains("unfence")).collect::<Vec<_>>()[0]).await;
    let run = stage.deployer(&["doctor", "--json"]).await;
    assert!(!run.out.contains("exec-1"), "{run:#?}");
}

#[tokio::test]
async fn labels_that_disagree_are_set() {
    let stage = sound().await;
    for (tag, value) in [("Image", "v7"), ("IsProduction", "true")] {
        stage.set_tag("shop-code2", tag, value).await;
        product_stage::query::security_group(&stage.world, &stage.shop.arn, &serde_json::json!([])).await;
        let (_, fix) = only(&stage.deployer(&["doctor", "--json"]).await, "warns");
        shell::run(&stage, &fix).await;
        let run = stage.deployer(&["doctor", "--json"]).await;
        assert!(!run.out.contains("\"warns\""), "{run:#?}");
    }
}

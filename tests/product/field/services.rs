//! Services behind the groups: retired ones, failed deployments, one for both groups, other controllers, tags that lead nowhere.

use std::time::Duration;

use aws_sdk_ecs::types::{DeploymentCircuitBreaker, DeploymentConfiguration};
use local_aws::world::Pair;
use serde_json::json;

use super::{Service, define, failed, job, summary};
use crate::deployer::stage::{BUILT, Stage};

/// A stage whose live group has no `Image` tag.
async fn untagged() -> Stage {
    let stage = Stage::new().await;
    stage.remove_tag("shop-code1", "Image").await;
    stage
}

async fn rollout(stage: &Stage, service: &str, wanted: &str) {
    for _ in 0..600 {
        let seen = stage.world.ecs().describe_services().cluster("main").services(service).send().await.unwrap();
        let primary = seen.services()[0].deployments()[0].rollout_state().map(|state| state.as_str().to_owned());
        if primary.as_deref() == Some(wanted) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("{service} never became {wanted}");
}

#[tokio::test]
async fn a_retired_service_does_not_count_beside_one_that_runs() {
    let stage = untagged().await;
    Service::new("a-retired", &["shop-code1"], "v0").make(&stage).await;
    Service { tasks: 1, ..Service::new("b-runs", &["shop-code1"], "v1") }.make(&stage).await;
    stage.deployer(&[]).await.ended(0, &["taking v1"]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));

    stage.set_tag("shop-code1", "Image", "v1").await;
    for service in ["", "main/a-retired"] {
        stage.set_tag("shop-code1", "Service", service).await;
        stage.write(BUILT);
        stage.deployer(&["--strict"]).await.ended(0, &[]);
        let doctor = stage.deployer(&["doctor"]).await;
        assert!(!doctor.out.contains("v0"), "{doctor:?}");
    }
}

#[tokio::test]
async fn two_services_that_run_different_images_are_both_named() {
    let stage = untagged().await;
    Service { tasks: 1, ..Service::new("one", &["shop-code1"], "v1") }.make(&stage).await;
    Service { tasks: 1, ..Service::new("two", &["shop-code1"], "v2") }.make(&stage).await;
    let both = ["service main/one runs registry.example/app:v1", "service main/two runs registry.example/app:v2"];
    stage.deployer(&[]).await.ended(3, &[&both[..], &["what shop-code1 (live) runs is not certain"]].concat());
    assert_eq!(stage.read(), BUILT);
    let doctor = stage.deployer(&["doctor", "--json"]).await;
    assert!(both.iter().all(|one| doctor.out.contains(one)) && !doctor.out.contains("Key=Image,Value=v"), "{doctor:?}");
    // A tag that says it is used, but a person hears of it.
    stage.set_tag("shop-code1", "Image", "v1").await;
    stage.deployer(&["--strict"]).await.ended(3, &both);
    assert_eq!(stage.read(), BUILT);
    stage.deployer(&[]).await.ended(0, &both);
    assert_eq!(stage.code("Code1"), "v1");
}

#[tokio::test]
async fn what_was_completed_last_counts_while_a_deployment_is_under_way() {
    let stage = untagged().await;
    Service { tasks: 1, ..Service::new("shop", &["shop-code1"], "v1") }.make(&stage).await;
    let missing = format!("{}.dkr.ecr.eu-central-1.amazonaws.com/none:v2", stage.world.account());
    let broken = define(&stage, "shop", &missing).await;
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(false).build();
    let settings = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
    let update = stage.world.ecs().update_service().cluster("main").service("shop").task_definition(broken);
    update.deployment_configuration(settings).send().await.unwrap();
    for rolled in ["IN_PROGRESS", "FAILED"] {
        rollout(&stage, "shop", rolled).await;
        stage.write(BUILT);
        stage.deployer(&[]).await.ended(0, &["taking v1"]);
        assert_eq!(stage.code("Code1"), "v1", "{rolled}");
    }
}

#[tokio::test]
async fn where_no_deployment_was_ever_completed_nobody_guesses() {
    let stage = untagged().await;
    let missing = format!("{}.dkr.ecr.eu-central-1.amazonaws.com/none:v2", stage.world.account());
    Service { image: missing.clone(), ..Service::new("shop", &["shop-code1"], "v2") }.make(&stage).await;
    let breaker = DeploymentCircuitBreaker::builder().enable(true).rollback(false).build();
    let settings = DeploymentConfiguration::builder().deployment_circuit_breaker(breaker).build();
    let definition = define(&stage, "shop", &missing).await;
    let update = stage.world.ecs().update_service().cluster("main").service("shop").desired_count(1).task_definition(definition);
    update.deployment_configuration(settings).send().await.unwrap();
    rollout(&stage, "shop", "FAILED").await;
    stage.deployer(&[]).await.ended(3, &["what shop-code1 (live) runs is not certain", "(its deployment is not completed)"]);
    assert_eq!(stage.read(), BUILT);
}

#[tokio::test]
async fn one_service_behind_both_groups_is_refused_by_everyone() {
    for alternates in [false, true] {
        let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
        let both = ["shop-code1", "shop-code2"];
        let (groups, alternate) = if alternates { (&both[..1], Some("shop-code2")) } else { (&both[..], None) };
        Service { alternate, ..Service::new("shop", groups, "v1") }.make(&stage).await;
        stage.set_tag("shop-code1", "Service", "main/shop").await;
        let words = "service main/shop registers its tasks into both shop-code1 and shop-code2";
        stage.deployer(&[]).await.ended(3, &[words]);
        assert_eq!(stage.read(), BUILT);
        let doctor = stage.deployer(&["doctor", "--json"]).await;
        assert!(doctor.code == 3 && doctor.out.contains(words), "{doctor:?}");
        let check = job(&stage, json!({ "ElbName": "shop", "Action": "check" })).await;
        let (kind, message) = failed(&check);
        assert!(kind == "ConfigurationError" && message.contains(words), "{message}");
    }
}

#[tokio::test]
async fn what_other_controllers_deploy_is_read_from_task_sets() {
    for controller in ["CODE_DEPLOY", "EXTERNAL"] {
        let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).pair(Pair::new("team").targets(0, 0))).await;
        for group in ["shop-code1", "shop-code2"] {
            stage.remove_tag(group, "Image").await;
        }
        Service { controller, ..Service::new("shop", &["shop-code1"], "v7") }.make(&stage).await;
        Service { controller, ..Service::new("theirs", &["team-code1"], "t1") }.make(&stage).await;
        stage.set_tag("shop-code1", "Service", "main/shop").await;
        stage.deployer(&[]).await.ended(0, &["taking v7"]);
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v7".to_owned(), "v9".to_owned()), "{controller}");
        let status = stage.deployer(&["status", "--json"]).await;
        status.ended(0, &[]);
        assert!(status.out.contains("registry.example/app:v7"), "{status:?}");
        let doctor = stage.deployer(&["doctor"]).await;
        assert!([0, 3].contains(&doctor.code), "{doctor:?}");
        let check = job(&stage, json!({ "ElbName": "shop", "Action": "check" })).await;
        assert!(summary(&check).contains("Code1 runs registry.example/app:v7"), "{check:?}");
    }
}

#[tokio::test]
async fn a_service_tag_may_be_an_arn_and_one_that_leads_nowhere_is_named() {
    let stage = untagged().await;
    Service { tasks: 1, ..Service::new("shop", &["shop-code1"], "v3") }.make(&stage).await;
    let arn = format!("arn:aws:ecs:eu-central-1:{}:service/main/shop", stage.world.account());
    stage.set_tag("shop-code1", "Service", &arn).await;
    stage.world.gateway.reset_calls();
    stage.deployer(&[]).await.ended(0, &["taking v3"]);
    assert!(!stage.world.gateway.calls().iter().any(|call| call.action.starts_with("List")), "the tag says where to look");
    for (tag, found) in [
        ("main / shop", "this names no service"),
        ("https://console.example/ecs/shop", "this names no service"),
        ("shop", "this names no service"),
        ("arn:aws:ecs:eu-central-1:1:service/shop", "this names no service"),
        ("main/gone", "there is no such service"),
        ("gone/shop", "there is no such cluster"),
    ] {
        stage.set_tag("shop-code1", "Service", tag).await;
        stage.write(BUILT);
        let words = format!("the Service tag of shop-code1 is {tag:?}: {found}");
        stage.deployer(&[]).await.ended(0, &[&words, "taking v3"]);
        assert_eq!(stage.code("Code1"), "v3");
    }
}

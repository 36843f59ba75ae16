//! Companions: services that a group's version needs beside its own, and that the guard looks at too.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use serde_json::{Value, json};

use product_stage::function::{Stage, rules_only, shop};
use product_stage::services::companion;

const TAG: &str = "Companions";

/// How many calls of ECS were made since the last reset.
fn asked(stage: &Stage) -> usize {
    stage.world.gateway.calls().iter().filter(|call| call.action == "DescribeServices").count()
}

/// A check and a flip, both refused with this, and nothing moved.
async fn refused(stage: &Stage, parameters: Value, expected: &str) {
    let before = rules_only(&stage.world.snapshot().await.unwrap());
    for action in ["check", "flip"] {
        let mut parameters = shop(parameters.clone());
        parameters["Action"] = json!(action);
        let ended = stage.job(parameters).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "JobFailed", "{action}: {message}");
        assert!(
            message.contains(expected) && message.contains("No rule was changed"),
            "{action}: {expected:?} not in {message:?}"
        );
    }
    assert_eq!(before, rules_only(&stage.world.snapshot().await.unwrap()));
}

async fn scale(stage: &Stage, tasks: i32) {
    let update = stage.world.ecs().update_service().cluster("main").service("shop-api").desired_count(tasks);
    update.send().await.unwrap();
}

#[tokio::test]
async fn an_unsteady_companion_refuses_and_a_steady_one_costs_one_call() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", TAG, "main/shop-api").await;
    let told = "the companion main/shop-api of Code2 (target group shop-code2, image v2)";
    refused(&stage, json!({}), &format!("{told} does not exist; expected a service with all of its tasks running")).await;
    companion(&stage.world, "shop-api").await;
    scale(&stage, 0).await;
    refused(&stage, json!({}), &format!("{told} is to run no task (desired count 0)")).await;
    scale(&stage, 1).await;
    stage.world.ecs_runner.settled("main", "shop-api", std::time::Duration::from_secs(60)).await.unwrap();
    stage.world.gateway.reset_calls();
    stage.job(shop(json!({ "PromoteTo": "Code2", "Execution": "run-1" }))).await.succeeded();
    assert_eq!((stage.version(80).await.as_str(), asked(&stage)), ("v2", 1));
}

#[tokio::test]
async fn force_passes_a_companions_health_and_no_tag_asks_nothing() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", TAG, "main/shop-api").await;
    stage.job(shop(json!({ "Force": true }))).await.succeeded();
    assert_eq!(stage.version(80).await, "v2");
    let other = Stage::new().await;
    other.world.gateway.reset_calls();
    other.job(shop(json!({}))).await.succeeded();
    assert_eq!(asked(&other), 0);
}

#[tokio::test]
async fn a_tag_that_names_no_service_is_refused_by_its_name_even_by_force() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", TAG, "main/shop-api mail").await;
    let told =
        "the Companions tag of Code2 (target group shop-code2, image v2) is \"main/shop-api mail\": \"mail\" names no service";
    for force in [false, true] {
        refused(&stage, json!({ "Force": force }), told).await;
    }
    // The way back to the side whose tag can be read stays open.
    stage.set_tag("shop-code2", TAG, "").await;
    stage.set_tag("shop-code1", TAG, "mail").await;
    stage.job(shop(json!({}))).await.succeeded();
}

#[tokio::test]
async fn companions_that_may_not_be_read_are_a_permission_error() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", TAG, "main/shop-api").await;
    let at = At::Action("DescribeServices".to_owned(), 1);
    stage.world.gateway.reset_calls();
    stage.world.gateway.inject(Fault { at, kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
    let ended = stage.job(shop(json!({}))).await;
    let (kind, message) = ended.failed();
    assert_eq!(kind, "PermissionError", "{message}");
    assert!(message.contains("ecs:DescribeServices on main/shop-api"), "{message}");
    assert_eq!(stage.version(80).await, "v1");
}

#[tokio::test]
async fn the_deployers_plan_and_doctor_say_what_the_guard_says() {
    let stage = Stage::new().await;
    let told = async |arguments: &[&str]| {
        stage.world.gateway.reset_calls();
        let output = stage.world.deployer(|deployer| _ = deployer.args(arguments)).await.unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, _) = told(&["plan", "--elb", "shop"]).await;
    assert_eq!((code, asked(&stage)), (Some(0), 0), "no tag, no call");
    stage.set_tag("shop-code2", TAG, "main/shop-api").await;
    let (code, plan) = told(&["plan", "--elb", "shop", "--json"]).await;
    assert_eq!((code, asked(&stage)), (Some(3), 1), "{plan}");
    let (_, doctor) = told(&["doctor", "--elb", "shop", "--json"]).await;
    for said in [plan, doctor] {
        assert!(said.contains("the companion main/shop-api of Code2") && said.contains("does not exist"), "{said}");
    }
}

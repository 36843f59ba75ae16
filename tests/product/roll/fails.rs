//! Rolls that fail: each says why, and what runs.

use local_aws::ecs::registry::Image;
use local_aws::gateway::{At, Fault, FaultKind};
use local_aws::load::Load;
use serde_json::Value;

use super::Stage;
use super::stage::{Made, SECRET};

#[tokio::test]
async fn an_image_that_cannot_start_is_rolled_back_by_the_breaker() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.registry.delete("shop/web", "v2").await.unwrap();
    let load = Load::start(&[stage.clients()]);
    let run = stage.roll("deploy", &["--image", &stage.image("v2"), "--no-pin"]).await;
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    run.ended(6, &["main/web was not deployed", "circuit breaker", "web:1 runs again", "CannotPullContainerError"]);
    assert_eq!((report.failed(), report.versions("live").len()), (0, 1), "{:?}", report.statuses("live"));
    assert_eq!(stage.revision().await, "web:1");
}

#[tokio::test]
async fn without_a_breaker_our_own_count_ends_a_crash_loop() {
    let stage = Stage::with(Made { breaker: false, ..Made::default() }).await;
    stage.push_running("v2", "echo starting; echo no database >&2; exit 3").await;
    let run = stage.deploy("v2").await;
    run.ended(6, &["container web ended with exit code 3", "| no database", "web:1 runs again", "of its tasks failed"]);
    assert_eq!((stage.revision().await.as_str(), stage.calls("StopServiceDeployment")), ("web:1", 1));
}

#[tokio::test]
async fn tasks_that_start_then_exit_are_counted_where_the_breaker_is_blind() {
    let stage = Stage::with(Made { behind: false, ..Made::default() }).await;
    stage.push_running("v2", "sleep 0.1; exit 1").await;
    let run = stage.deploy("v2").await;
    run.ended(6, &["container web ended with exit code 1", "web:1 runs again"]);
}

#[tokio::test]
async fn a_failing_health_check_is_told_with_its_target_group() {
    let stage = Stage::new().await;
    stage.push_image("v2", Image { sick: true, ..Image::default() }).await;
    stage.deploy("v2").await.ended(6, &["Task failed ELB health checks in (target-group", "web:1 runs again"]);
}

#[tokio::test]
async fn a_failed_deployment_is_kept_where_that_is_asked_for() {
    let stage = Stage::with(Made { breaker: false, ..Made::default() }).await;
    stage.push_running("v2", "exit 3").await;
    let run = stage.roll("deploy", &["--image", &stage.image("v2"), "--on-failure", "keep"]).await;
    run.ended(7, &["It was kept, as asked for", "deployer roll back --cluster main --service web"]);
    assert_eq!((stage.revision().await.as_str(), stage.calls("StopServiceDeployment")), ("web:2", 0));
    stage.roll("back", &[]).await.ended(0, &["main/web runs web:1 again"]);
}

#[tokio::test]
async fn without_the_permission_to_stop_the_undo_is_a_new_deployment() {
    let stage = Stage::with(Made { breaker: false, ..Made::default() }).await;
    stage.push_running("v2", "exit 3").await;
    stage.world.gateway.inject(Fault::once(At::Action("StopServiceDeployment".to_owned(), 1), FaultKind::AccessDenied));
    stage.deploy("v2").await.ended(6, &["going back by a new deployment", "runs again"]);
    let now = stage.described(&stage.revision().await).await;
    assert!(
        now["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().contains("@sha256:"),
        "pinned to the digest that ran: {now}"
    );
}

#[tokio::test]
async fn an_undo_does_not_follow_a_tag_that_moved() {
    let stage = Stage::with(Made { breaker: false, ..Made::default() }).await;
    // Whoever built the bad image moved the old tag too.
    stage.push_running("v2", "exit 3").await;
    stage.push_image("v1", Image { command: &["sh", "-c", "exit 4"], version: "moved", ..Image::default() }).await;
    stage.world.gateway.inject(Fault::once(At::Action("StopServiceDeployment".to_owned(), 1), FaultKind::AccessDenied));
    stage.deploy("v2").await.ended(6, &["with the digests of that time"]);
    let load = Load::start(&[stage.clients()]);
    load.each_asked(5).await.unwrap();
    assert_eq!(load.stop().await.unwrap().versions("live").into_keys().collect::<Vec<_>>(), ["v1"]);
}

#[tokio::test]
async fn a_deployment_that_another_one_replaces_is_superseded() {
    let stage = Stage::new().await;
    stage.push_image("v2", Image { command: &["sleep", "60"], sick: true, ..Image::default() }).await;
    stage.push("v3").await;
    let other = async {
        stage.until(async || stage.revision().await == "web:2").await;
        let run = stage.deploy("v3").await;
        run.ended(0, &["is still rolling and will be replaced", "main/web runs web:3"]);
    };
    let (first, ()) = tokio::join!(stage.deploy("v2"), other);
    first.ended(7, &["superseded by ecs-svc/", "web:3"]);
}

#[tokio::test]
async fn waiting_where_nothing_rolls_is_no_success() {
    let stage = Stage::new().await;
    stage.roll("wait", &[]).await.ended(3, &["nothing rolls in main/web", "ended SUCCESSFUL"]);
}

#[tokio::test]
async fn a_controller_that_is_not_ecs_is_refused_before_anything_is_written() {
    let stage = Stage::new().await;
    let ecs = stage.world.ecs();
    let controller = aws_sdk_ecs::types::DeploymentController::builder().r#type("CODE_DEPLOY".into()).build().unwrap();
    let create = ecs.create_service().cluster("main").service_name("other").task_definition("web").desired_count(0);
    create.deployment_controller(controller).send().await.unwrap();
    let run = stage.run(&["roll", "deploy", "--cluster", "main", "--service", "other", "--image", &stage.image("v1")]).await;
    run.ended(3, &["deployed by CODE_DEPLOY, expected ECS", "Nothing was changed"]);
    let run = stage.run(&["roll", "deploy", "--cluster", "main", "--service", "nobody", "--image", &stage.image("v1")]).await;
    run.ended(2, &["there is no service nobody in cluster main"]);
}

#[tokio::test]
async fn the_reason_reaches_the_machines_too() {
    let stage = Stage::with(Made { breaker: false, ..Made::default() }).await;
    stage.push_running("v2", "exit 3").await;
    let run = stage.roll("deploy", &["--image", &stage.image("v2"), "--json", "result.json"]).await;
    run.ended(6, &[]);
    let result: Value = serde_json::from_str(&stage.read("result.json")).unwrap();
    assert_eq!((&result["outcome"], &result["exit"]), (&"rolled-back".into(), &6.into()));
    assert!(result["reason"].as_str().unwrap().contains("tasks failed") && !result.to_string().contains(SECRET), "{result}");
}

//! The other verbs.

use local_aws::world::{DEPLOYER_ROLE, ROLL_POLICY};
use serde_json::{Value, json};

use super::Stage;
use super::stage::{Made, SECRET};

#[tokio::test]
async fn a_pulled_template_renders_to_what_runs() {
    let stage = Stage::new().await;
    let run = stage.roll("pull", &["--values", "--output", "task.json"]).await;
    run.ended(0, &[]);
    assert!(stage.read("task.json").contains(SECRET));
    let rendered = stage.run(&["roll", "render", "--template", "task.json"]).await;
    rendered.ended(0, &[]);
    let (rendered, runs): (Value, _) = (serde_json::from_str(&rendered.out).unwrap(), stage.described("web:1").await);
    for field in ["containerDefinitions", "fieldOfTomorrow", "cpu", "memory", "family"] {
        assert_eq!(rendered[field], runs["taskDefinition"][field]);
    }
    stage.roll("plan", &["--template", "task.json", "--no-pin"]).await.ended(0, &["nothing to do"]);
}

#[tokio::test]
async fn a_pulled_template_shows_no_values_and_says_so_when_rendered() {
    let stage = Stage::new().await;
    stage.roll("pull", &["--output", "task.json"]).await.ended(0, &[]);
    let pulled: Value = serde_json::from_str(&stage.read("task.json")).unwrap();
    assert_eq!(pulled["containerDefinitions"][0]["environment"][0], json!({ "name": "KEY", "value": "***" }));
    assert_eq!((&pulled["revision"], &pulled["fieldOfTomorrow"]["kept"][0]), (&Value::Null, &json!(1)));
    stage
        .run(&["roll", "render", "--template", "task.json"])
        .await
        .ended(2, &["/containerDefinitions/0/environment/0/value", "--values"]);
}

#[tokio::test]
async fn rendering_is_offline() {
    let stage = Stage::empty().await;
    std::fs::write(stage.file("t.json"), r#"{"family":"a","containerDefinitions":[{"name":"a","image":"r:${version}"}]}"#)
        .unwrap();
    let run = stage.run(&["roll", "render", "--template", "t.json", "--set", "version=1"]).await;
    run.ended(0, &["\"image\": \"r:1\""]);
    assert!(stage.world.gateway.calls().is_empty());
}

#[tokio::test]
async fn a_plan_shows_what_changes_and_writes_nothing() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    let run = stage.roll("plan", &["--image", &stage.image("v2"), "--json"]).await;
    run.ended(0, &[]);
    let plan: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!((&plan["action"], &plan["from"], &plan["to"]), (&json!("roll"), &json!("web:1"), &json!("web:(new)")));
    assert!(plan["images"][0]["to"].as_str().unwrap().ends_with("(v2)"), "{plan}");
    assert_eq!((stage.revisions().await, stage.calls("UpdateService")), (1, 0));
}

#[tokio::test]
async fn whoever_else_owns_the_revision_is_named() {
    let stage = Stage::new().await;
    let arn = stage.seen().await.service_arn().unwrap().to_owned();
    let tag = aws_sdk_ecs::types::Tag::builder().key("aws:cloudformation:stack-name").value("shop-stack").build();
    stage.world.ecs().tag_resource().resource_arn(arn).tags(tag).send().await.unwrap();
    stage.push("v2").await;
    stage.roll("plan", &["--image", &stage.image("v2")]).await.ended(0, &["CloudFormation stack shop-stack made this service"]);
}

#[tokio::test]
async fn status_shows_what_runs_and_what_failed() {
    let stage = Stage::with(Made { breaker: false, ..Made::default() }).await;
    stage.push_running("v2", "exit 3").await;
    stage.deploy("v2").await.ended(6, &[]);
    let run = stage.run(&["roll", "status", "--cluster", "main", "--json"]).await;
    run.ended(0, &[]);
    let rows: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(
        (&rows[0]["service"], &rows[0]["revision"], &rows[0]["running"]),
        (&json!("main/web"), &json!("web:1"), &json!(2))
    );
    assert_eq!(rows[0]["last_failure"]["status"], "ROLLBACK_SUCCESSFUL");
    stage.run(&["roll", "status", "--cluster", "main"]).await.ended(0, &["main/web", "web:1", "2 of 2"]);
}

#[tokio::test]
async fn services_are_looked_at_ten_a_call() {
    let stage = Stage::new().await;
    for number in 0..11 {
        let create = stage.world.ecs().create_service().cluster("main").service_name(format!("s{number}")).desired_count(0);
        create.task_definition("web:1").send().await.unwrap();
    }
    stage.world.gateway.reset_calls();
    let run = stage.run(&["roll", "status", "--cluster", "main"]).await;
    run.ended(0, &["main/s10", "main/web"]);
    assert_eq!(stage.calls("DescribeServices"), 2);
}

#[tokio::test]
async fn scaling_waits_for_the_tasks() {
    let stage = Stage::new().await;
    stage.roll("scale", &["--to", "3"]).await.ended(0, &["main/web runs 3 tasks"]);
    assert_eq!(stage.seen().await.running_count(), 3);
    stage.roll("scale", &["--to", "0"]).await.ended(0, &["main/web runs 0 tasks"]);
}

#[tokio::test]
async fn a_number_outside_the_bounds_of_autoscaling_is_refused() {
    let stage = Stage::new().await;
    let target = json!({
        "ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount",
        "MinCapacity": 2, "MaxCapacity": 4,
    });
    product_stage::json::call(&stage.world, "application-autoscaling", "RegisterScalableTarget", &target).await;
    stage.roll("scale", &["--to", "5"]).await.ended(3, &["between 2 and 4 tasks"]);
    assert_eq!(stage.calls("UpdateService"), 0);
    stage.roll("scale", &["--to", "3"]).await.ended(0, &["main/web runs 3 tasks", "may set another number"]);
}

#[tokio::test]
async fn the_doctor_finds_what_blocks_a_roll_and_says_the_fix() {
    let stage = Stage::new().await;
    stage.roll("doctor", &[]).await.ended(0, &["shells are off", "--enable-execute-command"]);
    stage.registry.delete("shop/web", "v1").await.unwrap();
    let run = stage.roll("doctor", &["--json"]).await;
    run.ended(3, &["is not in its registry any more"]);
    let found: Value = serde_json::from_str(&run.out).unwrap();
    assert_eq!(found[0]["weight"], "blocks");
}

#[tokio::test]
async fn the_doctor_says_which_role_may_not_be_passed() {
    let stage = Stage::empty().await;
    stage.push("v1").await;
    let role = format!("arn:aws:iam::{}:role/web", stage.world.account());
    let mut document = stage.document("v1");
    document["taskRoleArn"] = role.as_str().into();
    stage.service("web", &stage.register(&document).await, Made::default()).await;
    stage.roll("doctor", &[]).await.ended(0, &["shells are off"]);
    let without = |action: &str| ROLL_POLICY.replace(action, "iam:GetRole");
    stage.world.set_policies(DEPLOYER_ROLE, &[&without("iam:PassRole")]).unwrap();
    stage.roll("doctor", &[]).await.ended(3, &[&format!("may not pass {role} to ECS"), "iam:PassedToService"]);
    // Who may not ask is told that it is not known.
    stage.world.set_policies(DEPLOYER_ROLE, &[&without("iam:SimulatePrincipalPolicy")]).unwrap();
    stage.roll("doctor", &[]).await.ended(0, &[&format!("whether {role} may be passed to ECS is not known")]);
}

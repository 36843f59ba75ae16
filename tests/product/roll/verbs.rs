//! The other verbs.

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
async fn a_one_off_task_gives_its_exit_code_and_its_last_lines() {
    let stage = Stage::with(Made { behind: false, ..Made::default() }).await;
    stage.push_running("job", "sleep 60").await;
    stage.deploy("job").await.ended(0, &[]);
    let good = stage.roll("run", &["--", "sh", "-c", "echo migrated 7 tables"]).await;
    good.ended(0, &["web ended with exit code 0"]);
    assert_eq!(good.out, "migrated 7 tables\n");
    let bad = stage.roll("run", &["--container", "web", "--", "sh", "-c", "echo no such table; exit 5"]).await;
    bad.ended(8, &["web ended with exit code 5", "no such table"]);
    stage.roll("run", &["--container", "nobody", "--", "true"]).await.ended(2, &["has no container nobody; it has web, agent"]);
}

#[tokio::test]
async fn a_one_off_task_without_an_exit_code_has_failed() {
    let stage = Stage::new().await;
    stage.push_running("v2", "true").await;
    stage.registry.delete("shop/web", "v2").await.unwrap();
    stage.register(&stage.document("v2")).await;
    let run = stage.roll("run", &["--family", "web"]).await;
    run.ended(8, &["web has no exit code", "TaskFailedToStart", "CannotPullContainerError"]);
}

#[tokio::test]
async fn exec_says_what_it_lacks_before_anything_is_called() {
    let stage = Stage::new().await;
    stage.roll("exec", &[]).await.ended(2, &["needs a terminal", "deployer roll run"]);
    assert!(stage.world.gateway.calls().is_empty());
}

/// A plugin that notes what it was given.
const PLUGIN: &str = r#"#!/bin/sh
if [ "$1" = --version ]; then echo 1.2.707.0; exit; fi
printf '%s\n' "$@" > arguments
printenv AWS_SSM_START_SESSION_RESPONSE > session
"#;

/// Runs the deployer at a terminal, in the folder, with the plugin on its path.
async fn at_a_terminal(stage: &Stage, arguments: &[&str]) -> (i32, String) {
    use std::os::unix::fs::PermissionsExt;
    const TERMINAL: &str = "import os, pty, sys; sys.exit(os.waitstatus_to_exitcode(pty.spawn(sys.argv[1:])))";
    let plugin = stage.file("session-manager-plugin");
    std::fs::write(&plugin, PLUGIN).unwrap();
    std::fs::set_permissions(&plugin, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", stage.folder.path().display(), std::env::var("PATH").unwrap());
    let mut command = tokio::process::Command::new("python3");
    command.args(["-c", TERMINAL]).arg(local_aws::world::binary("deployer")).args(arguments).current_dir(stage.folder.path());
    command.env_clear().envs(stage.world.env_as("deployer")).env("TERM", "xterm").env("PATH", path);
    let ended = command.stdin(std::process::Stdio::null()).output().await.unwrap();
    (ended.status.code().unwrap(), String::from_utf8(ended.stdout).unwrap())
}

#[tokio::test]
async fn a_shell_is_opened_and_its_token_is_on_no_command_line() {
    let stage = Stage::with(Made { desired: 1, ..Made::default() }).await;
    let exec = ["roll", "exec", "--cluster", "main", "--service", "web", "--container", "web"];
    let (code, shown) = at_a_terminal(&stage, &exec).await;
    assert!(code == 3 && shown.contains("was started without shells"), "{code} {shown}");
    let update = stage.world.ecs().update_service().cluster("main").service("web").enable_execute_command(true);
    update.force_new_deployment(true).send().await.unwrap();
    stage.world.ecs_runner.settled("main", "web", std::time::Duration::from_secs(60)).await.unwrap();
    let (code, shown) = at_a_terminal(&stage, &exec).await;
    assert_eq!(code, 0, "{shown}");
    let (arguments, session) = (stage.read("arguments"), stage.read("session"));
    let session: Value = serde_json::from_str(&session).unwrap();
    let token = session["TokenValue"].as_str().unwrap();
    assert!(!token.is_empty() && !arguments.contains(token) && !shown.contains(token), "{arguments}");
    let lines: Vec<&str> = arguments.lines().collect();
    assert_eq!(lines[..4], ["AWS_SSM_START_SESSION_RESPONSE", "eu-central-1", "StartSession", ""]);
    assert!(lines[4].starts_with("{\"Target\":\"ecs:main_") && lines[5].starts_with("https://ssm."), "{lines:?}");
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

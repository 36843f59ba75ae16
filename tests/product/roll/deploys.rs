//! Rolls that succeed.

use local_aws::load::Load;
use serde_json::Value;

use super::Stage;
use super::stage::{Made, SECRET};

#[tokio::test]
async fn a_new_image_is_rolled_out_without_a_lost_request() {
    let stage = Stage::new().await;
    let digest = stage.push("v2").await;
    let load = Load::start(&[stage.clients()]);
    load.each_asked(3).await.unwrap();
    let run = stage.deploy("v2").await;
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    run.ended(0, &["main/web runs web:2", "web:1 → web:(new)", "registered web:2"]);
    assert_eq!(report.failed(), 0, "{:?}", report.statuses("live"));
    assert_eq!(report.versions("live").into_keys().collect::<Vec<_>>(), ["v1", "v2"]);
    let now = stage.described(&stage.revision().await).await;
    let image = now["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap();
    assert!(image.ends_with(&format!("/shop/web@{digest}")), "{image}");
}

#[tokio::test]
async fn nothing_of_a_definition_is_lost() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.deploy("v2").await.ended(0, &[]);
    let now = stage.described("web").await;
    let (before, after) = (stage.document("v1"), &now["taskDefinition"]);
    for field in ["fieldOfTomorrow", "cpu", "memory"] {
        assert_eq!(before[field], after[field], "{after}");
    }
    let (old, new) = (&before["containerDefinitions"], &after["containerDefinitions"]);
    for field in ["environment", "logConfiguration", "settingOfTomorrow", "name"] {
        assert_eq!(old[0][field], new[0][field], "{after}");
    }
    assert_eq!(new[1]["image"], "registry.example/agent:7", "a sidecar keeps its image");
    let tags: Vec<(&str, &str)> = now["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| (tag["key"].as_str().unwrap(), tag["value"].as_str().unwrap()))
        .collect();
    assert!(tags.contains(&("team", "shop")) && tags.contains(&("bluegreen:tag.web", "v2")), "{tags:?}");
}

#[tokio::test]
async fn what_runs_already_is_not_registered_again() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.deploy("v2").await.ended(0, &[]);
    let revisions = stage.revisions().await;
    stage.world.gateway.reset_calls();
    stage.deploy("v2").await.ended(0, &["runs web:2 already; nothing to do"]);
    assert_eq!((stage.revisions().await, stage.calls("UpdateService"), stage.calls("RegisterTaskDefinition")), (revisions, 0, 0));
    let forced = stage.roll("deploy", &["--image", &stage.image("v2"), "--force"]).await;
    forced.ended(0, &["main/web runs web:2"]);
    assert_eq!((stage.revisions().await, stage.calls("UpdateService")), (revisions, 1));
}

#[tokio::test]
async fn a_template_is_rendered_and_rolled_out() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    let template = stage.document("${version}").to_string().replace(SECRET, "0ther-value");
    std::fs::write(stage.file("task.json"), template).unwrap();
    let run = stage.roll("deploy", &["--template", "task.json", "--set", "version=v2"]).await;
    run.ended(0, &["main/web runs web:2", "environment.KEY.value", "(value not shown)"]);
    assert!(!run.err.contains("0ther-value"), "{run:#?}");
    let missing = stage.roll("deploy", &["--template", "task.json"]).await;
    missing.ended(2, &["/containerDefinitions/0/image", "--set version=VALUE"]);
}

#[tokio::test]
async fn a_service_without_tasks_is_rolled_out_at_once() {
    let stage = Stage::with(Made { desired: 0, ..Made::default() }).await;
    stage.push("v2").await;
    stage.deploy("v2").await.ended(0, &["main/web runs web:2"]);
}

#[tokio::test]
async fn results_are_written_for_machines() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    let variables = [
        ("GITHUB_OUTPUT", "output"),
        ("GITHUB_STEP_SUMMARY", "summary.md"),
        ("AWS_ECS_CLUSTER_NAME", "main"),
        ("AWS_ECS_SERVICE_NAME", "web"),
    ];
    let image = stage.image("v2");
    let run =
        stage.run_with(&variables, &["roll", "deploy", "--image", &image, "--json", "result.json", "--dotenv", "roll.env"]).await;
    run.ended(0, &[]);
    let result: Value = serde_json::from_str(&stage.read("result.json")).unwrap();
    assert_eq!(
        (&result["outcome"], &result["from"], &result["to"], &result["exit"]),
        (&"deployed".into(), &"web:1".into(), &"web:2".into(), &0.into())
    );
    assert!(
        stage.read("roll.env").contains("ROLL_OUTCOME=deployed\nROLL_FROM=web:1\nROLL_TO=web:2\n"),
        "{}",
        stage.read("roll.env")
    );
    assert!(stage.read("output").contains("outcome=deployed\nfrom=web:1\nto=web:2\n"), "{}", stage.read("output"));
    assert!(stage.read("summary.md").contains("| main/web | deployed | web:1 | web:2 |"), "{}", stage.read("summary.md"));
}

#[tokio::test]
async fn an_image_that_is_not_there_changes_nothing() {
    let stage = Stage::new().await;
    let run = stage.deploy("v9").await;
    run.ended(2, &["is not in ECR", "Nothing was changed"]);
    let run = stage.roll("deploy", &["--image", "registry.example/other:1"]).await;
    run.ended(2, &["no container runs an image of registry.example/other", "agent (registry.example/agent:7)"]);
    assert_eq!((stage.revisions().await, stage.calls("UpdateService")), (1, 0));
}

#[tokio::test]
async fn an_earlier_attempts_revision_is_used_again() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    let fault = local_aws::gateway::Fault::once(
        local_aws::gateway::At::Action("UpdateService".to_owned(), 1),
        local_aws::gateway::FaultKind::KillBefore,
    );
    stage.world.gateway.inject(fault);
    assert_eq!(stage.deploy("v2").await.code, -1, "killed");
    stage.world.gateway.clear_faults();
    assert_eq!((stage.revisions().await, stage.revision().await.as_str()), (2, "web:1"));
    stage.deploy("v2").await.ended(0, &["main/web runs web:2"]);
    assert_eq!(stage.revisions().await, 2);
}

#[tokio::test]
async fn a_killed_deploy_is_followed_by_the_next_one() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    let fault = local_aws::gateway::Fault::once(
        local_aws::gateway::At::Action("UpdateService".to_owned(), 1),
        local_aws::gateway::FaultKind::KillAfter,
    );
    stage.world.gateway.inject(fault);
    assert_eq!(stage.deploy("v2").await.code, -1, "killed");
    stage.world.gateway.clear_faults();
    let again = stage.deploy("v2").await;
    assert_eq!(again.code, 0, "{again:#?}");
    assert_eq!((stage.revisions().await, stage.calls("UpdateService")), (2, 1));
}

//! `roll run`: one-off tasks.

use serde_json::json;

use super::Stage;
use super::stage::Made;

/// A service whose image runs for long.
async fn stage() -> Stage {
    let stage = Stage::with(Made { desired: 1, behind: false, ..Made::default() }).await;
    stage.push_running("job", "sleep 60").await;
    stage.deploy("job").await.ended(0, &[]);
    stage.world.gateway.reset_calls();
    stage
}

#[tokio::test]
async fn a_one_off_task_gives_its_exit_code_and_its_last_lines() {
    let stage = stage().await;
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
async fn a_sidecar_that_is_stopped_with_the_task_does_not_count() {
    let stage = stage().await;
    // The agent has no process: it is stopped with the task, as by SIGTERM.
    let run = stage.roll("run", &["--json", "result.json", "--", "true"]).await;
    run.ended(0, &["web ended with exit code 0"]);
    let result: serde_json::Value = serde_json::from_str(&stage.read("result.json")).unwrap();
    let task =
        stage.world.ecs().describe_tasks().cluster("main").tasks(result["deployment"].as_str().unwrap()).send().await.unwrap();
    let codes: Vec<_> = task.tasks()[0].containers().iter().map(|c| (c.name().unwrap(), c.exit_code())).collect();
    assert!(codes.contains(&("web", Some(0))) && codes.contains(&("agent", Some(143))), "{codes:?}");
}

#[tokio::test]
async fn a_task_that_ecs_places_nowhere_is_a_failure() {
    let stage = stage().await;
    let mut document = stage.document("job");
    document["family"] = "picky".into();
    document["placementConstraints"] = json!([{ "type": "memberOf", "expression": "attribute:gpu exists" }]);
    stage.register(&document).await;
    let run = stage.roll("run", &["--family", "picky", "--", "true"]).await;
    run.ended(5, &["ECS placed no task", "MemberOf placement constraint unsatisfied"]);
}

#[tokio::test]
async fn a_task_that_spot_takes_away_has_failed_and_may_run_again() {
    let stage = stage().await;
    let taken = async {
        let running = async || {
            let list = stage.world.ecs().list_tasks().cluster("main").started_by("deployer-roll-run").send().await.unwrap();
            list.task_arns().first().cloned()
        };
        stage.until(async || running().await.is_some()).await;
        stage.world.ecs_runner.spot_takes_back("main", &running().await.unwrap()).await.unwrap();
    };
    let (run, ()) = tokio::join!(stage.roll("run", &["--", "sleep", "60"]), taken);
    run.ended(8, &["SpotInterruption", "Your Spot Task was interrupted", "run it again"]);
}

#[tokio::test]
async fn an_answer_that_is_lost_runs_a_task_once() {
    use local_aws::gateway::{At, Fault, FaultKind};
    let stage = stage().await;
    for kind in [FaultKind::ResetAfter, FaultKind::CutAnswer] {
        stage.world.gateway.reset_calls();
        stage.world.gateway.inject(Fault::once(At::Action("RunTask".to_owned(), 1), kind));
        stage.roll("run", &["--", "sh", "-c", "echo once"]).await.ended(0, &["once"]);
        assert!(stage.calls("RunTask") >= 2, "{kind:?}: asked again");
    }
    let lines = stage.registry.log("/ecs/web").await.unwrap();
    assert_eq!(lines.iter().filter(|line| *line == "once").count(), 2, "{lines:?}");
}

#[tokio::test]
async fn a_task_that_still_runs_when_time_is_up_has_not_failed() {
    let stage = stage().await;
    let run = stage.roll("run", &["--timeout", "1", "--", "sleep", "60"]).await;
    run.ended(9, &["time is up after 1 s", "still runs", "aws ecs stop-task --cluster main --task"]);
}

//! Releases that are made.

use local_aws::gateway::{At, Fault, FaultKind};
use local_aws::load::Load;
use serde_json::Value;

use super::Bundle;
use super::bundle::SERVICES;

#[tokio::test]
async fn every_service_is_new_then_the_schedule_then_the_task_runs() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    let load = Load::start(&[bundle.stage.clients()]);
    load.each_asked(3).await.unwrap();
    let before = bundle.nightly().await;
    let run = bundle.release("42", "v2", &["--json", "result.json"]).await;
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    run.ended(0, &["release 42 is made", "registered web:2 for service web", "deployed v2"]);
    assert_eq!((report.failed(), bundle.versions().await), (0, "v2".to_owned()), "{:?}", report.statuses("live"));
    assert_eq!(bundle.printed().await, ["deployed v2"]);
    let (calls, result): (Vec<_>, Value) =
        (bundle.stage.world.gateway.calls(), serde_json::from_str(&bundle.stage.read("result.json")).unwrap());
    // Services in the order of the file, then the schedule, then the task.
    let order: Vec<String> = calls
        .iter()
        .filter(|call| ["UpdateService", "UpdateSchedule", "RunTask"].contains(&call.action.as_str()))
        .map(|call| call.resource.clone().unwrap())
        .collect();
    assert_eq!(order[..5], ["web", "indexer", "ingester", "mailer", "nightly"], "{order:?}");
    assert!(order[5].contains("deployment:2"), "{order:?}");
    assert_eq!((&result["outcome"], result["members"].as_array().unwrap().len()), (&"released".into(), 6));
    // A schedule is replaced whole: nothing else of it has changed.
    let mut after = bundle.nightly().await;
    after["Target"]["EcsParameters"]["TaskDefinitionArn"] = before["Target"]["EcsParameters"]["TaskDefinitionArn"].clone();
    after["LastModificationDate"] = before["LastModificationDate"].clone();
    assert_eq!(after, before);
    assert_eq!(bundle.status("42").await, "released");
    bundle.stage.world.gateway.reset_calls();
    bundle.release("42", "v2", &[]).await.ended(0, &["release 42: nothing to do"]);
    bundle.release("43", "v2", &[]).await.ended(0, &["release 43: nothing to do"]);
    assert_eq!((bundle.stage.calls("UpdateService"), bundle.stage.calls("RegisterTaskDefinition")), (0, 0));
}

#[tokio::test]
async fn a_dry_run_shows_every_member_and_writes_nothing() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    let run = bundle.release("42", "v2", &["--dry-run"]).await;
    run.ended(0, &["release 42 would do this; nothing was written", "web:1", "web:(new)", "nightly", "deployment"]);
    assert_eq!((bundle.stage.calls("RegisterTaskDefinition"), bundle.stage.calls("UpdateService")), (0, 0));
}

#[tokio::test]
async fn the_same_release_goes_on_where_its_deployer_died() {
    for (action, number) in [("RegisterTaskDefinition", 3), ("UpdateService", 2), ("UpdateSchedule", 1), ("RunTask", 1)] {
        let bundle = Bundle::new().await;
        bundle.push("v2").await;
        bundle.stage.world.gateway.inject(Fault::once(At::Action(action.to_owned(), number), FaultKind::KillAfter));
        assert_eq!(bundle.release("42", "v2", &[]).await.code, -1, "killed at {action}");
        bundle.stage.world.gateway.idle().await;
        bundle.release("42", "v2", &[]).await.ended(0, &["release 42 is made"]);
        assert_eq!(
            (bundle.versions().await, bundle.printed().await),
            ("v2".to_owned(), vec!["deployed v2".to_owned()]),
            "{action}"
        );
    }
}

#[tokio::test]
async fn a_task_runs_when_no_old_task_is_left() {
    let bundle = Bundle::new().await;
    // The old task of the indexer takes its time to end.
    let line = "trap 'sleep 1; exit 0' TERM; while :; do sleep 0.1; done";
    bundle.stage.push_running("v1-indexer", line).await;
    let slow = bundle.register("indexer", "v1-indexer").await;
    let update = bundle.stage.world.ecs().update_service().cluster("main").service("indexer").task_definition(slow);
    update.send().await.unwrap();
    bundle.quiet().await;
    bundle.push("v2").await;
    let pause = bundle.stage.world.gateway.pause_at(At::Action("RunTask".to_owned(), 1));
    let (run, ()) = tokio::join!(bundle.release("42", "v2", &[]), async {
        pause.reached().await;
        for name in SERVICES {
            let old = bundle.service(name).await["deployments"].as_array().unwrap().len();
            assert_eq!(old, 1, "an old task of {name} is left");
        }
        pause.release();
    });
    run.ended(0, &["release 42 is made"]);
}

#[tokio::test]
async fn a_task_that_crashes_once_is_replaced_and_no_failure() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    let pause = bundle.stage.world.gateway.pause_at(At::Action("UpdateSchedule".to_owned(), 1));
    let (run, ()) = tokio::join!(bundle.release("42", "v2", &[]), async {
        pause.reached().await;
        assert!(bundle.stage.world.ecs_runner.crash("main", "ingester"));
        pause.release();
    });
    run.ended(0, &["release 42 is made"]);
    assert_eq!(bundle.versions().await, "v2");
}

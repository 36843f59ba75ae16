//! Releases that fail: everything is as before, and what is not is told.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::load::Load;

use product_stage::json;
use serde_json::json as value;

use super::Bundle;

#[tokio::test]
async fn one_bad_image_takes_every_service_back() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.push_bad("v2-ingester").await;
    let load = Load::start(&[bundle.stage.clients()]);
    load.each_asked(3).await.unwrap();
    let run = bundle.release("42", "v2", &["--json", "result.json"]).await;
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    run.ended(6, &["release 42 was not made", "Everything is as before", "| FATAL: no index", "exit code 3"]);
    assert_eq!((bundle.versions().await.as_str(), report.failed()), ("v1", 0), "{:?}", report.statuses("live"));
    assert!(bundle.printed().await.is_empty() && bundle.stage.calls("UpdateSchedule") == 0, "no task ran");
    assert_eq!(bundle.status("42").await, "undone");
    let result: serde_json::Value = serde_json::from_str(&bundle.stage.read("result.json")).unwrap();
    assert!(result["outcome"] == "rolled-back" && result["reason"].as_str().unwrap().starts_with("ingester: "), "{result}");
    // Another try of the same release is another try.
    bundle.push("v2").await;
    bundle.release("42", "v2", &[]).await.ended(0, &["release 42 is made"]);
    assert_eq!(bundle.versions().await, "v2");
}

#[tokio::test]
async fn without_breakers_our_own_count_takes_it_back() {
    let bundle = Bundle::with(false).await;
    bundle.push("v2").await;
    bundle.push_bad("v2-mailer").await;
    bundle.release("42", "v2", &[]).await.ended(6, &["going back: mailer: ", "of its tasks failed, 3 end a deployment"]);
    assert_eq!(bundle.versions().await, "v1");
}

#[tokio::test]
async fn a_schedule_that_cannot_be_pointed_takes_it_back() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.stage.world.gateway.inject(Fault::once(At::Action("UpdateSchedule".to_owned(), 1), FaultKind::AccessDenied));
    bundle.release("42", "v2", &[]).await.ended(6, &["nightly: ", "scheduler:UpdateSchedule", "Everything is as before"]);
    assert_eq!(bundle.versions().await, "v1");
}

#[tokio::test]
async fn a_failed_task_keeps_the_services_unless_it_says_undo() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.stage.push_running("v2-deployment", "echo no table; exit 4").await;
    bundle.release("42", "v2", &[]).await.ended(8, &["web ended with exit code 4", "no table"]);
    assert_eq!((bundle.versions().await.as_str(), bundle.status("42").await.as_str()), ("v2", "a task failed"));
    // The same release runs it again; the next one does not have to wait for this one.
    bundle.release("42", "v2", &[]).await.ended(8, &["goes on", "exit code 4"]);
    bundle.push("v3").await;
    bundle.release("43", "v3", &[]).await.ended(0, &["release 43 is made", "deployed v3"]);
    bundle.write("undo");
    bundle.push("v4").await;
    bundle.stage.push_running("v4-deployment", "exit 4").await;
    bundle.release("44", "v4", &[]).await.ended(6, &["task deployment: ", "Everything is as before"]);
    assert_eq!(bundle.versions().await, "v3");
}

#[tokio::test]
async fn what_was_made_is_taken_back_on_request() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.release("42", "v2", &[]).await.ended(0, &[]);
    bundle.release("42", "v2", &["--undo"]).await.ended(0, &["going back: as asked for"]);
    assert_eq!((bundle.versions().await.as_str(), bundle.status("42").await.as_str()), ("v1", "undone"));
    bundle.release("42", "v2", &["--undo"]).await.ended(3, &["nothing to undo"]);
}

#[tokio::test]
async fn an_undo_that_is_denied_is_told_and_finished_by_the_same_command() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.push_bad("v2-mailer").await;
    // Four updates forward; none back.
    for (action, number) in [("UpdateService", 5), ("StopServiceDeployment", 1)] {
        let (at, kind, lasts) = (At::Action(action.to_owned(), number), FaultKind::AccessDenied, Lasts::ForGood);
        bundle.stage.world.gateway.inject(Fault { at, kind, lasts });
    }
    let run = bundle.release("42", "v2", &[]).await;
    run.ended(7, &["not everything is as before", "deployer roll back --cluster main --service web", "does not go back"]);
    bundle.stage.world.gateway.clear_faults();
    assert_eq!(bundle.status("42").await, "going back, or failed");
    bundle.release("42", "v2", &[]).await.ended(6, &["goes on", "Everything is as before"]);
    assert_eq!(bundle.versions().await, "v1");
}

#[tokio::test]
async fn time_up_leaves_a_release_that_the_same_command_goes_on_with() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.stage.hold().await;
    let run = bundle.release("42", "v2", &["--timeout", "2"]).await;
    run.ended(9, &["time is up after 2 s", "release 42 is still rolling"]);
    assert_eq!(bundle.status("42").await, "rolling");
    bundle.stage.release().await;
    bundle.release("42", "v2", &[]).await.ended(0, &["goes on", "release 42 is made"]);
}

#[tokio::test]
async fn without_the_tag_of_what_ran_before_nothing_is_written_there() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.release("42", "v2", &[]).await.ended(0, &[]);
    let nightly = bundle.nightly().await["Target"]["EcsParameters"]["TaskDefinitionArn"].clone();
    let web = bundle.service("web").await["taskDefinition"].clone();
    for own in [&nightly, &web] {
        let untag = value!({ "resourceArn": own, "tagKeys": ["bluegreen:before"] });
        json::call(&bundle.stage.world, "ecs", "UntagResource", &untag).await;
    }
    let run = bundle.release("42", "v2", &["--undo"]).await;
    run.ended(
        7,
        &[
            "nightly does not go back",
            "web does not go back",
            "no tag bluegreen:before",
            "nightly: aws scheduler get-schedule --group-name default --name nightly",
            "web: deployer roll back --cluster main --service web",
        ],
    );
    assert_eq!(bundle.nightly().await["Target"]["EcsParameters"]["TaskDefinitionArn"], nightly);
    assert_eq!(bundle.service("web").await["taskDefinition"], web);
}

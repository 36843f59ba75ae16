//! A load balancer that takes changes over in batches, on each of its nodes at a moment of its own: nothing is lost, and what
//! the function says of that is true.

use std::time::Duration;

use local_aws::load::Load;
use local_aws::load_balancer::Batches;
use serde_json::json;

use crate::kinds::traffic::{clients, stage};
use product_stage::function::{Stage, shop};

/// Ten seconds on AWS.
const BATCH: Duration = Duration::from_secs(1);

async fn lagging() -> Stage {
    stage(|spec| spec.batches(Batches::of(BATCH))).await
}

#[tokio::test]
async fn a_flip_and_its_roll_back_at_once_lose_nothing() {
    let stage = lagging().await;
    let aims = [clients(&stage, "live", 80), clients(&stage, "test", 8080)];
    let load = Load::start(&aims);
    load.each_asked(3).await.unwrap();
    let (summary, _) = stage.job(shop(json!({ "PromoteTo": "Code2", "Execution": "run-1" }))).await.succeeded();
    assert!(summary.contains("New requests follow within about a minute"), "{summary}");
    stage.job(shop(json!({ "PromoteTo": "Code1", "Execution": "run-2" }))).await.succeeded();
    stage.world.load_balancer.deployed().await;
    let deployed = std::time::Instant::now();
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    for (name, version) in [("live", "v1"), ("test", "v2")] {
        assert!(report.statuses(name).keys().all(|status| *status == Some(200)), "{name}: {:?}", report.statuses(name));
        let after = report.versions_sent_after(name, deployed);
        assert_eq!(after.keys().collect::<Vec<_>>(), [version], "{name}: {after:?}");
    }
}

#[tokio::test]
async fn a_flip_is_answered_before_every_node_serves_it_and_then_all_do() {
    let stage = lagging().await;
    let aims = [clients(&stage, "live", 80)];
    let load = Load::start(&aims);
    load.each_asked(3).await.unwrap();
    stage.job(shop(json!({ "PromoteTo": "Code2" }))).await.succeeded();
    let answered = std::time::Instant::now();
    stage.world.load_balancer.deployed().await;
    let deployed = std::time::Instant::now();
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    assert!(report.versions_sent_after("live", answered).contains_key("v1"), "the old version still answers for a moment");
    assert_eq!(report.versions_sent_after("live", deployed).keys().collect::<Vec<_>>(), ["v2"]);
    assert!(report.statuses("live").keys().all(|status| *status == Some(200)), "{:?}", report.statuses("live"));
}

#[tokio::test]
async fn the_deployer_gives_no_side_away_before_the_load_balancer_has_left_it() {
    let stage = lagging().await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("build.json"), r#"{"tag":"v3"}"#).unwrap();
    stage.job(shop(json!({ "PromoteTo": "Code2" }))).await.succeeded();
    let run = stage.world.deployer(|command| {
        command.current_dir(folder.path()).env("ELB_NAME", "shop").env("DATA_PLANE_SECONDS", "4");
        command.args(["--execution", "run-2", "--settle", "0"]);
    });
    let (output, ()) = futures::join!(run, stage.world.load_balancer.deployed());
    let output = output.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("the load balancer may still send requests to this side"), "{said}");
    let written = std::fs::read(folder.path().join("build.json")).unwrap();
    let written: serde_json::Value = serde_json::from_slice(&written).unwrap();
    assert_eq!((&written["Code1"], &written["Code2"]), (&"v3".into(), &"v2".into()), "{written}");
}

#[tokio::test]
async fn a_refused_flip_changes_nothing_on_any_node() {
    let stage = lagging().await;
    let aims = [clients(&stage, "live", 80)];
    let load = Load::start(&aims);
    load.each_asked(3).await.unwrap();
    stage.job(shop(json!({ "PromoteTo": "Code2", "PromoteImage": "v9" }))).await.failed();
    stage.world.load_balancer.deployed().await;
    load.each_asked(3).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.versions("live").keys().collect::<Vec<_>>(), ["v1"]);
}

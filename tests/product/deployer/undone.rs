//! A flip that a person put back by hand: what the deployer prints to mend it never lets a late copy make it again.

use std::time::Duration;

use local_aws::lambda::Lambda;
use local_aws::world::Pair;
use serde_json::{Value, json};

use crate::deployer::shell;
use crate::deployer::stage::{Run, Stage};

/// A load balancer whose two sides serve, and the function.
async fn stage() -> (Stage, Lambda) {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").service("main/shop"))).await;
    let lambda = stage.world.lambda(Duration::from_secs(60)).unwrap();
    (stage, lambda)
}

/// The event of a job that flips for an execution.
fn event(stage: &Stage, execution: &str) -> Value {
    let job = stage.world.jobs.create_job(&json!({ "ElbName": "shop", "Execution": execution }).to_string());
    stage.world.jobs.event(&job)
}

/// Delivers an event, and says how many rules that wrote.
async fn deliver(stage: &Stage, lambda: &Lambda, event: &Value) -> usize {
    stage.world.gateway.reset_calls();
    lambda.deliver(event.to_string().as_bytes()).await.unwrap();
    stage.world.gateway.calls().iter().filter(|call| call.action.starts_with("Modify")).count()
}

/// The mends of every finding.
fn mends(run: &Run) -> Vec<String> {
    let json = run.json();
    let findings = json["findings"].as_array().or(json["warnings"].as_array()).unwrap();
    findings.iter().filter_map(|finding| finding["mend"].as_str()).map(str::to_owned).collect()
}

#[tokio::test]
async fn the_mend_of_a_flip_put_back_by_hand_keeps_its_late_copy_off() {
    let (stage, lambda) = stage().await;
    let e1 = event(&stage, "exec-1");
    assert_eq!(deliver(&stage, &lambda, &e1).await, 2);
    stage.set_default(80, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    stage.set_default(8080, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    for verb in ["status", "doctor"] {
        let run = stage.deployer(&[verb, "--json"]).await;
        run.ended(0, &[]);
        let told = "somebody put the rules back since: Code1 (target group shop-code1, image v1) is live";
        assert!(run.out.contains(told) && run.out.contains(r#"\"Action\":\"check\""#), "{run:?}");
        assert!(!run.out.contains("Key=IsProduction"), "the labels are all that tells that the flip was undone: {run:?}");
    }
    let all = mends(&stage.deployer(&["doctor", "--json"]).await);
    let end = all.iter().find(|mend| mend.contains("bluegreen:flip")).unwrap();
    assert!(end.contains("Key=bluegreen:flip,Value=- 'Key=bluegreen:past,Value="), "{end}");
    shell::run(&stage, end).await;
    assert_eq!(deliver(&stage, &lambda, &e1).await, 0);
    // The labels may follow now, and that changes nothing for the late copy.
    let labels = mends(&stage.deployer(&["doctor", "--json"]).await);
    let labels: Vec<&String> = labels.iter().filter(|mend| mend.contains("Key=IsProduction")).collect();
    assert_eq!(labels.len(), 2, "{labels:?}");
    for label in labels {
        shell::run(&stage, label).await;
    }
    assert_eq!(deliver(&stage, &lambda, &e1).await, 0);
    let run = stage.deployer(&["doctor", "--json"]).await;
    assert!(!run.out.contains("bluegreen:flip") && !run.out.contains("IsProduction"), "{run:?}");
    assert_eq!(deliver(&stage, &lambda, &event(&stage, "exec-2")).await, 2, "a new flip is not kept off");
}

#[tokio::test]
async fn the_mend_of_a_flip_that_never_moved_anything_keeps_its_late_copy_off() {
    let (stage, lambda) = stage().await;
    stage.journal("exec-7", "shop-code2", "shop-code1").await;
    let doctor = mends(&stage.deployer(&["doctor", "--json"]).await);
    let end = doctor.iter().find(|mend| mend.contains("bluegreen:flip")).unwrap();
    stage.deployer(&[]).await.ended(3, &["flip exec-7", end]);
    shell::run(&stage, end).await;
    assert_eq!(deliver(&stage, &lambda, &event(&stage, "exec-7")).await, 0);
    stage.deployer(&[]).await.ended(0, &[]);
}

//! A flip that a person put back by hand, or that nobody goes on with: a late copy never makes it again.

use std::time::Duration;

use local_aws::lambda::Lambda;
use local_aws::world::Pair;
use serde_json::{Value, json};

use crate::deployer::stage::Stage;

/// A load balancer whose two sides serve, and the function.
async fn stage() -> (Stage, Lambda) {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").service("main/shop"))).await;
    let lambda = stage.world.lambda_with(Duration::from_secs(60), [("WAIT_SECONDS", "0")]).unwrap();
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

#[tokio::test]
async fn a_flip_put_back_by_hand_is_shown_and_stays_put_back() {
    let (stage, lambda) = stage().await;
    let e1 = event(&stage, "exec-1");
    assert_eq!(deliver(&stage, &lambda, &e1).await, 2);
    stage.set_default(80, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    stage.set_default(8080, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    let status = stage.deployer(&["status"]).await;
    assert!(status.out.contains("flip exec-1") && status.out.contains("not by a flip"), "{status:?}");
    let doctor = stage.deployer(&["doctor"]).await;
    doctor.ended(0, &[]);
    assert_eq!(deliver(&stage, &lambda, &e1).await, 0, "a late copy");
    assert_eq!(deliver(&stage, &lambda, &event(&stage, "exec-1")).await, 0, "a Retry");
    assert_eq!(deliver(&stage, &lambda, &event(&stage, "exec-2")).await, 2, "a new flip is not kept off");
}

#[tokio::test]
async fn a_flip_that_nobody_goes_on_with_is_closed_and_stays_so() {
    let (stage, lambda) = stage().await;
    stage.record("exec-7", "moving", "shop-code2", "shop-code1").await;
    stage.deployer(&[]).await.ended(3, &["flip exec-7", "deployer close-flip --elb shop"]);
    let stuck = stage.deployer(&["doctor"]).await;
    assert!(stuck.out.contains("older than 20 minutes") && stuck.out.contains("deployer close-flip --elb shop"), "{stuck:?}");
    stage.deployer(&["close-flip"]).await.ended(2, &["pass --yes"]);
    // The deployer's own role may not write it: a person does.
    stage.deployer(&["close-flip", "--yes"]).await.ended(4, &["AddTags"]);
    stage.as_person(&["close-flip", "--yes"]).await.ended(0, &["flip exec-7", "Rules now"]);
    stage.as_person(&["close-flip", "--yes"]).await.ended(3, &["no flip of shop is in progress"]);
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!(deliver(&stage, &lambda, &event(&stage, "exec-8")).await, 2, "a new flip is made");
    stage.as_person(&["close-flip", "--yes"]).await.ended(3, &["(made)"]);
}

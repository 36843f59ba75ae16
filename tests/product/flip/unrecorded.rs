//! What fails before anything can be recorded says so: a late copy of its event may flip. What can never flip does not.

use std::time::Duration;

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::lambda::Outcome;
use product_stage::function::{Stage, shop};
use serde_json::{Value, json};

const LATE: &str = "It could not be recorded that this job failed: a late copy of its event may flip.";

fn denied(action: &str) -> Fault {
    Fault { at: At::Action(action.to_owned(), 1), kind: FaultKind::AccessDenied, lasts: Lasts::ForGood }
}

#[tokio::test]
async fn a_call_that_fails_before_the_record_says_that_a_late_copy_may_flip() {
    for action in ["DescribeLoadBalancers", "DescribeTags", "AddTags"] {
        let stage = Stage::new().await;
        stage.world.gateway.inject(denied(action));
        let ended = stage.job(shop(json!({ "Execution": "run-1" }))).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "PermissionError");
        assert!(message.ends_with(&format!("This delivery changed no rule. {LATE}")), "{action}: {message}");
        assert_eq!(stage.version(80).await, "v1");
        stage.world.gateway.clear_faults();
        stage.deliver(&ended.id).await;
        assert_eq!(stage.version(80).await, "v2", "{action}: as it was said");
    }
}

#[tokio::test]
async fn a_set_up_error_before_any_record_says_a_late_copy_may_flip() {
    let stage = Stage::new().await;
    let ended = stage.job(shop(json!({ "PromoteTo": "Code9", "Execution": "run-1" }))).await;
    let (kind, message) = ended.failed();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("\"Code9\"") && message.ends_with(&format!("No rule was changed. {LATE}")), "{message}");
    stage.set_tag("shop-code2", "Identifier", "Code9").await;
    stage.deliver(&ended.id).await;
    assert_eq!(stage.version(80).await, "v2", "as it was said");
}

#[tokio::test]
async fn a_listener_that_is_missing_says_that_a_late_copy_may_flip() {
    let stage = Stage::new().await;
    stage.world.elb().delete_listener().listener_arn(&stage.balancer.listeners[&8080]).send().await.unwrap();
    let ended = stage.job(shop(json!({ "Execution": "run-1" }))).await;
    let (kind, message) = ended.failed();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("no listener on port 8080") && message.ends_with(LATE), "{message}");
}

#[tokio::test]
async fn a_time_that_is_up_before_the_record_says_that_a_late_copy_may_flip() {
    let stage = Stage::new().await;
    stage.job(shop(json!({ "PromoteTo": "Code1", "Execution": "another" }))).await.succeeded();
    stage.set_tag("shop-code2", "bluegreen:build", "v1 build v9 2026-01-01T00:00:00Z").await;
    // The other job's record is young, so that a refusal would have to wait for longer than the function has.
    let hasty = stage.world.lambda_with(Duration::from_secs(9), [("WAIT_SECONDS", "20")]).unwrap();
    let id = stage.world.jobs.create_job(&shop(json!({ "PromoteTo": "Code2", "Execution": "run-1" })).to_string());
    let deliveries = hasty.deliver(stage.world.jobs.event(&id).to_string().as_bytes()).await.unwrap();
    assert_eq!(deliveries.len(), 1, "{deliveries:#?}");
    let state = stage.world.jobs.state(&id).unwrap();
    let local_aws::jobs::JobState::Failed { r#type, message, .. } = &state else { panic!("{state:?}") };
    assert_eq!(r#type, "SystemUnavailable");
    assert_eq!(message, &format!("the function's time was up. This delivery changed no rule. {LATE}"));
}

#[tokio::test]
async fn what_can_never_flip_says_nothing_of_late_copies() {
    let stage = Stage::new().await;
    let cases: [Value; 4] = [
        shop(json!({ "MinCapacity": 101 })),
        shop(json!({ "PromoteTo": "Code2", "PromoteToo": "Code1" })),
        shop(json!({ "Action": "check", "PromoteTo": "Code9" })),
        json!({ "Action": "check", "ElbName": "nobody" }),
    ];
    for parameters in cases {
        let ended = stage.job(parameters.clone()).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "ConfigurationError", "{parameters}: {message}");
        assert!(!message.contains("late copy"), "{parameters}: {message}");
    }
    stage.world.gateway.reset_calls();
    stage.world.gateway.inject(denied("DescribeRules"));
    let check = stage.job(shop(json!({ "Action": "check" }))).await;
    let (kind, message) = check.failed();
    assert_eq!(kind, "PermissionError");
    assert!(message.ends_with("This delivery changed no rule."), "{message}");
}

#[tokio::test]
async fn a_job_that_is_closed_already_says_nothing_of_late_copies() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", "bluegreen:build", "v1 build v9 2026-01-01T00:00:00Z").await;
    let event = shop(json!({ "PromoteTo": "Code2", "Execution": "run-1" })).to_string();
    let told = async |expected: &str| match stage.lambda.deliver_once("request-1", event.as_bytes()).await.unwrap().outcome {
        Outcome::FunctionError { message, .. } => {
            assert!(message.contains(expected) && !message.contains("late copy"), "{message}");
        }
        other => panic!("{other:?}"),
    };
    told("being rebuilt").await;
    told("job request-1 already failed").await;
    stage.world.elb().delete_listener().listener_arn(&stage.balancer.listeners[&8080]).send().await.unwrap();
    told("no listener on port 8080").await;
}

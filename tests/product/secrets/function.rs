//! The function, at every level of its logs.

use std::time::Duration;

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::lambda::{Invocation, Lambda};
use serde_json::{Value, json};

use crate::secrets::MARKER;
use crate::secrets::event::planted;
use product_stage::function::{Stage, shop};

const LEVELS: [&str; 6] = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];

/// The function at a level, with the marker in its own credentials. The access key is the account here, and no secret.
fn function(stage: &Stage, level: &str) -> Lambda {
    function_within(stage, level, "5000")
}

/// The same, where every call may take so many milliseconds.
fn function_within(stage: &Stage, level: &str, call: &str) -> Lambda {
    let token = format!("blue-green-flip/{level}/{MARKER}");
    let settings = [
        ("AWS_LAMBDA_LOG_LEVEL", level),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
        ("CALL_TIMEOUT_MS", call),
        ("AWS_SECRET_ACCESS_KEY", MARKER),
        ("AWS_SESSION_TOKEN", &token),
    ];
    stage.world.lambda_with(Duration::from_secs(30), settings).unwrap()
}

/// Everything that a job leads to is without the marker; what that is.
async fn job(stage: &Stage, lambda: &Lambda, parameters: &str) -> String {
    let id = stage.world.jobs.create_job(parameters);
    let event = planted(&stage.world.jobs.event(&id)).to_string();
    assert!(event.matches(MARKER).count() > 20, "{event}");
    let deliveries = lambda.deliver(event.as_bytes()).await.unwrap();
    stage.world.gateway.clear_faults();
    without_marker(&deliveries);
    let state = format!("{:?}", stage.world.jobs.state(&id).unwrap());
    assert!(!state.contains(MARKER), "{state}");
    state
}

fn without_marker(deliveries: &[Invocation]) {
    for delivery in deliveries {
        let told = format!("{:?}\n{}", delivery.outcome, delivery.logs.join("\n"));
        assert!(!told.contains(MARKER), "{told}");
        lines(delivery);
    }
}

/// The lines of its log: all of them are JSON.
fn lines(delivery: &Invocation) -> Vec<Value> {
    let read = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    delivery.logs.iter().map(read).collect()
}

#[tokio::test]
async fn flips_refusals_and_bad_parameters_tell_nothing_at_any_level() {
    let stage = Stage::new().await;
    for level in LEVELS {
        let lambda = function(&stage, level);
        let parameters = [
            (shop(json!({})).to_string(), "Succeeded"),
            (shop(json!({ "Action": "check" })).to_string(), "Succeeded"),
            (shop(json!({ "PromoteImage": "v9" })).to_string(), "PromoteImage asks for v9"),
            (json!({ "ElbName": "nobody" }).to_string(), "no load balancer is named nobody"),
            (shop(json!({ "Unknown": MARKER })).to_string(), "unknown key"),
            (shop(json!({ "Unknown": { "deep": [MARKER] }, "Force": { "deep": MARKER } })).to_string(), "Force is an object"),
            (format!("{{\"ElbName\":\"shop\"}} {MARKER}"), "not JSON"),
            (MARKER.to_owned(), "not JSON"),
            (format!("\"{MARKER}\""), "but a string"),
            (format!("[\"{MARKER}\"]"), "but a list"),
        ];
        for (parameters, expected) in parameters {
            let state = job(&stage, &lambda, &parameters).await;
            assert!(state.contains(expected), "{level}, {parameters}: {state}");
        }
    }
    let tags = stage.world.snapshot().await.unwrap();
    assert!(tags.contains("bluegreen:flip.") && !tags.contains(MARKER), "{tags}");
}

#[tokio::test]
async fn every_line_of_a_log_holds_the_job_id_at_every_level() {
    let stage = Stage::new().await;
    let (flip, refused) = (shop(json!({})), shop(json!({ "PromoteImage": "v9" })));
    for (level, parameters, some) in [
        ("TRACE", &flip, true),
        ("INFO", &flip, true),
        ("ERROR", &flip, false),
        ("INFO", &refused, true),
        ("ERROR", &refused, true),
    ] {
        let id = stage.world.jobs.create_job(&parameters.to_string());
        let event = planted(&stage.world.jobs.event(&id)).to_string();
        let deliveries = function(&stage, level).deliver(event.as_bytes()).await.unwrap();
        let mut lines = lines(&deliveries[0]);
        // What the process says of its settings when it starts belongs to no job.
        lines.retain(|line| !line["message"].as_str().unwrap().starts_with("WAIT_SECONDS"));
        assert_eq!(!lines.is_empty(), some, "{level}: {lines:#?}");
        assert!(lines.iter().all(|line| line["span"]["job"] == id.as_str()), "{level}: {lines:#?}");
    }
}

#[tokio::test]
async fn failing_calls_tell_nothing_at_any_level() {
    let stage = Stage::new().await;
    let kinds = [
        FaultKind::AccessDenied,
        FaultKind::Status500,
        FaultKind::Throttled,
        FaultKind::ResetAfter,
        FaultKind::Hang,
        FaultKind::CutAnswer,
    ];
    for level in ["TRACE", "INFO"] {
        let lambda = function(&stage, level);
        // It waits for a call that hangs to its end: shorter calls, and no harm where one has to be made again.
        let hanging = function_within(&stage, level, "500");
        for kind in kinds {
            let lambda = if kind == FaultKind::Hang { &hanging } else { &lambda };
            for action in ["DescribeLoadBalancers", "DescribeTags", "AddTags", "ModifyListener", "PutJobSuccessResult"] {
                // What can be tried again is broken once, or this would take the function's whole time each.
                let lasts = if kind == FaultKind::AccessDenied { Lasts::Invocation } else { Lasts::Once };
                stage.world.gateway.reset_calls();
                stage.world.gateway.inject(Fault { at: At::Action(action.to_owned(), 1), kind, lasts });
                let state = job(&stage, lambda, &shop(json!({})).to_string()).await;
                assert!(stage.world.gateway.fault_hit(), "{kind:?} at {action}: {state}");
            }
        }
    }
    assert!(!stage.world.snapshot().await.unwrap().contains(MARKER));
}

#[tokio::test]
async fn events_that_are_no_jobs_tell_nothing_at_any_level() {
    let stage = Stage::new().await;
    let half = format!("{{\"CodePipeline.job\":{{\"id\":\"{MARKER}");
    let events = [
        json!({ MARKER: MARKER }).to_string(),
        json!([MARKER]).to_string(),
        json!(MARKER).to_string(),
        json!({ "CodePipeline.job": { "id": format!("{MARKER} {MARKER}"), "data": MARKER } }).to_string(),
        json!({ "CodePipeline.job": { "id": { MARKER: MARKER } } }).to_string(),
        json!({ "CodePipeline.job": MARKER }).to_string(),
        shop(json!({ "Force": [MARKER], "Unknown": MARKER })).to_string(),
        MARKER.to_owned(),
        half,
    ];
    for level in LEVELS {
        let lambda = function(&stage, level);
        for event in &events {
            let invocation = lambda.invoke(event.as_bytes()).await.unwrap();
            assert!(invocation.answer().is_none(), "{event}");
            without_marker(&[invocation]);
        }
    }
}

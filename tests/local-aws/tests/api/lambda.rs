//! The Runtime API, with a function small enough to be seen through.

use std::collections::HashMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use local_aws::gateway::{At, Fault, FaultKind};
use local_aws::lambda::{Lambda, Outcome};

use crate::until;

/// Does what the event says: `answer`, `fail`, `crash`, `hang`, or `call` AWS first.
const FUNCTION: &str = r#"#!/usr/bin/env python3
import json, os, time, urllib.request
api = f"http://{os.environ['AWS_LAMBDA_RUNTIME_API']}/2018-06-01/runtime/invocation"
count = 0
while True:
    with urllib.request.urlopen(f"{api}/next") as event:
        what, id = json.load(event), event.headers["Lambda-Runtime-Aws-Request-Id"]
    count += 1
    print(f"event {count}: {what}", flush=True)
    if what == "crash":
        os._exit(1)
    if what == "hang":
        time.sleep(600)
    if what == "call":
        call = urllib.request.Request(os.environ["AWS_ENDPOINT_URL"], b"Action=DescribeLoadBalancers", {
            "x-amz-security-token": os.environ["AWS_SESSION_TOKEN"],
            "authorization": f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/20260101/eu-central-1/elasticloadbalancing/aws4_request",
        })
        urllib.request.urlopen(call).read()
    if what == "fail":
        kind, body = "error", {"errorType": "Refused", "errorMessage": "no"}
    else:
        kind, body = "response", {"count": count, "id": id}
    urllib.request.urlopen(f"{api}/{id}/{kind}", data=json.dumps(body).encode())
"#;

fn lambda() -> (Lambda, tempfile::TempPath) {
    lambda_with(HashMap::new())
}

fn lambda_with(env: HashMap<String, String>) -> (Lambda, tempfile::TempPath) {
    lambda_within(Duration::from_secs(60), env)
}

fn lambda_within(timeout: Duration, mut env: HashMap<String, String>) -> (Lambda, tempfile::TempPath) {
    let file = tempfile::NamedTempFile::new().unwrap().into_temp_path();
    std::fs::write(&file, FUNCTION).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o700)).unwrap();
    env.insert("PATH".to_owned(), std::env::var("PATH").unwrap());
    (Lambda::new(&file, env, timeout).unwrap(), file)
}

fn count(outcome: &Outcome) -> u64 {
    let Outcome::Answer(body) = outcome else { panic!("{outcome:?}") };
    serde_json::from_slice::<serde_json::Value>(body).unwrap()["count"].as_u64().unwrap()
}

#[tokio::test]
async fn a_process_stays_warm_until_it_ends() {
    let (lambda, _file) = lambda();
    let one = lambda.invoke(b"\"answer\"").await.unwrap();
    let two = lambda.invoke(b"\"answer\"").await.unwrap();
    assert_eq!((one.cold(), two.cold()), (true, false));
    assert_eq!((count(&one.outcome), count(&two.outcome)), (1, 2));
    assert_eq!(two.logs, ["event 2: answer"]);
    assert_ne!(one.request_id, two.request_id);

    assert_eq!(lambda.invoke(b"\"crash\"").await.unwrap().outcome, Outcome::Crashed);
    let three = lambda.invoke(b"\"answer\"").await.unwrap();
    assert_eq!((three.cold(), count(&three.outcome)), (true, 1));

    // Killed while it waits for an event.
    let process = lambda.process_id().unwrap();
    lambda.kill();
    until(async || !runs(process)).await;
    assert!(lambda.invoke(b"\"answer\"").await.unwrap().cold());
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_killed() {
    // Long enough to say what it is about to do.
    let (lambda, _file) = lambda_within(Duration::from_secs(3), HashMap::new());
    let late = lambda.invoke(b"\"hang\"").await.unwrap();
    assert_eq!(late.outcome, Outcome::TimedOut);
    assert_eq!(late.logs, ["event 1: hang"]);
    assert!(lambda.invoke(b"\"answer\"").await.unwrap().cold());
}

#[tokio::test]
async fn an_event_is_delivered_three_times_at_most_under_one_request_id() {
    let (lambda, _file) = lambda();
    let failed = lambda.deliver(b"\"fail\"").await.unwrap();
    assert_eq!(failed.len(), 3);
    assert!(failed.iter().all(|delivery| delivery.request_id == failed[0].request_id));
    assert_eq!(failed[0].outcome, Outcome::FunctionError { r#type: "Refused".into(), message: "no".into() });
    assert!(!failed[1].cold(), "a function error leaves the process alive");
    assert_eq!(lambda.deliver(b"\"answer\"").await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_function_that_is_dropped_leaves_no_process() {
    let (lambda, _file) = lambda();
    lambda.invoke(b"\"answer\"").await.unwrap();
    let process = lambda.process_id().unwrap();
    drop(lambda);
    until(async || !runs(process)).await;
}

/// Whether the process is there and has not ended.
fn runs(process: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn a_fault_kills_the_function_at_its_call_and_the_next_delivery_is_whole() {
    let world = crate::world().await;
    for kind in [FaultKind::KillBefore, FaultKind::KillAfter] {
        let env = world.env();
        let principal = env["AWS_SESSION_TOKEN"].clone();
        let (lambda, _file) = lambda_with(env);
        world.gateway.on_kill(&principal, lambda.killer());
        world.gateway.reset_calls();
        world.gateway.inject(Fault::once(At::Action("DescribeLoadBalancers".into(), 1), kind));
        let deliveries = lambda.deliver(b"\"call\"").await.unwrap();
        assert_eq!(deliveries[0].outcome, Outcome::Crashed);
        assert_eq!(deliveries[0].logs, ["event 1: call"]);
        assert!(deliveries[1].cold() && deliveries.len() == 2, "{deliveries:?}");
        let calls = world.gateway.calls();
        assert_eq!((calls.len(), calls[0].status, calls[1].status), (2, None, Some(200)));
        assert_eq!(calls[1].caller.principal, principal);
    }
}

//! AWS fails: the exit code says how, build.json is as it was, and nothing is taken for a first deployment.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};

use crate::deployer::stage::{BUILT, Stage};

const BUILD: [&str; 6] = ["--execution", "exec-1", "--settle", "0", "--timeout", "60"];

/// For calls that never succeed: what is tried again is given up soon.
const BRIEFLY: [&str; 6] = ["--execution", "exec-1", "--settle", "0", "--timeout", "1"];

/// A stage on which one whole run makes every kind of call; and how many calls that are.
async fn stage() -> (Stage, usize) {
    let stage = Stage::new().await;
    stage.service("main", "shop", "shop-code1", "registry.example/shop:v1").await;
    stage.world.gateway.reset_calls();
    stage.deployer(&BUILD).await.ended(0, &[]);
    let calls = stage.world.gateway.calls();
    for action in ["DescribeLoadBalancers", "DescribeRules", "DescribeTags", "ListClusters", "DescribeTaskDefinition", "AddTags"]
    {
        assert!(calls.iter().any(|call| call.action == action), "{action} is not among {calls:?}");
    }
    (stage, calls.len())
}

async fn again(stage: &Stage) {
    stage.write(BUILT);
    stage.set_tag("shop-code2", "bluegreen:build", "-").await;
    stage.world.gateway.clear_faults();
    stage.world.gateway.reset_calls();
}

#[tokio::test]
async fn every_call_that_is_denied_ends_with_4_and_names_the_action() {
    let (stage, calls) = stage().await;
    for number in 1..=calls {
        again(&stage).await;
        stage.world.gateway.inject(Fault { at: At::Call(number), kind: FaultKind::AccessDenied, lasts: Lasts::Once });
        let run = stage.deployer(&BUILD).await;
        let denied = stage.world.gateway.calls().swap_remove(number - 1);
        run.ended(4, &[&format!("{}:{} on", denied.service, denied.action), "in this role's policy"]);
        assert_eq!(stage.read(), BUILT, "call {number}: {run:?}");
        assert_eq!(stage.tag("shop-code2", "bluegreen:build").await.as_deref(), Some("-"), "call {number}: {run:?}");
    }
}

#[tokio::test]
async fn every_call_that_fails_for_good_ends_with_5() {
    let (stage, calls) = stage().await;
    for (number, kind) in (1..=calls).zip([FaultKind::Status500, FaultKind::Throttled, FaultKind::Status503].into_iter().cycle())
    {
        again(&stage).await;
        stage.world.gateway.inject(Fault { at: At::Call(number), kind, lasts: Lasts::ForGood });
        let run = stage.deployer(&BRIEFLY).await;
        run.ended(5, &["AWS did not do it in time; run it again"]);
        assert_eq!(stage.read(), BUILT, "call {number}, {kind:?}: {run:?}");
        assert_eq!(stage.files(), ["build.json"]);
    }
}

#[tokio::test]
async fn every_call_that_is_refused_for_another_reason_ends_with_5_at_once() {
    let (stage, calls) = stage().await;
    // Codes of other things that are not there, of a call that makes no sense, and one that nobody has heard of.
    let codes = ["TargetGroupNotFound", "ValidationError", "ClusterNotFoundException", "SomethingNew", "ListenerNotFound"];
    let all_of_the_first = codes.iter().map(|code| (1, code));
    let one_of_each = (2..=calls).zip(codes.iter().cycle());
    for (number, code) in all_of_the_first.chain(one_of_each) {
        again(&stage).await;
        stage.world.gateway.inject(Fault { at: At::Call(number), kind: FaultKind::Refused(code), lasts: Lasts::Once });
        let run = stage.deployer(&BUILD).await;
        run.ended(5, &[code]);
        assert!(!run.err.contains("first deployment"), "call {number}: {run:?}");
        assert_eq!(stage.read(), BUILT, "call {number}, {code}: {run:?}");
        assert_eq!(stage.files(), ["build.json"]);
        assert_eq!(stage.tag("shop-code2", "bluegreen:build").await.as_deref(), Some("-"), "call {number}: {run:?}");
    }
    // Only about the load balancer itself does it mean a first deployment.
    for number in 2..=calls {
        again(&stage).await;
        let kind = FaultKind::Refused("LoadBalancerNotFound");
        stage.world.gateway.inject(Fault { at: At::Call(number), kind, lasts: Lasts::Once });
        stage.deployer(&BUILD).await.ended(5, &["LoadBalancerNotFound"]);
        assert_eq!(stage.read(), BUILT, "call {number}");
    }
}

#[tokio::test]
async fn credentials_that_cannot_be_had_end_with_4_at_once() {
    let stage = Stage::new().await;
    let none = [("ELB_NAME", "shop"), ("AWS_ACCESS_KEY_ID", ""), ("AWS_SECRET_ACCESS_KEY", ""), ("AWS_PROFILE", "nobody")];
    stage.world.gateway.reset_calls();
    stage.deployer_with(&none, &["status"]).await.ended(4, &["no AWS credentials could be had", "nobody", "AWS_PROFILE"]);
    assert!(stage.world.gateway.calls().is_empty());
}

#[tokio::test]
async fn a_call_that_fails_once_is_made_again() {
    let (stage, calls) = stage().await;
    let kinds = FaultKind::ALL
        .into_iter()
        .filter(|kind| !matches!(kind, FaultKind::AccessDenied | FaultKind::KillBefore | FaultKind::KillAfter));
    for (number, kind) in (1..=calls).flat_map(|number| kinds.clone().map(move |kind| (number, kind))) {
        again(&stage).await;
        stage.world.gateway.inject(Fault::once(At::Call(number), kind));
        // A call that hangs is given up soon.
        let variables = [("ELB_NAME", "shop"), ("CALL_TIMEOUT_MS", "300")];
        let run = stage.deployer_with(&variables, &["--execution", "exec-1", "--settle", "0"]).await;
        run.ended(0, &[]);
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()), "call {number}, {kind:?}");
        assert!(stage.world.gateway.fault_hit(), "call {number}");
    }
}

#[tokio::test]
async fn killed_at_any_call_the_next_run_of_the_execution_does_the_work() {
    let (stage, calls) = stage().await;
    for (number, kind) in (1..=calls).flat_map(|number| [(number, FaultKind::KillBefore), (number, FaultKind::KillAfter)]) {
        again(&stage).await;
        stage.world.gateway.inject(Fault::once(At::Call(number), kind));
        let killed = stage.deployer(&BUILD).await;
        assert_eq!(killed.code, -1, "call {number}, {kind:?}: {killed:?}");
        assert_eq!(stage.read(), BUILT);
        assert_eq!(stage.files(), ["build.json"]);
        stage.world.gateway.clear_faults();
        stage.deployer(&BUILD).await.ended(0, &[]);
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()), "call {number}, {kind:?}");
    }
}

#[tokio::test]
async fn the_commands_that_only_show_write_nothing() {
    let (stage, _) = stage().await;
    let before = stage.world.snapshot().await.unwrap();
    stage.world.gateway.reset_calls();
    for verb in ["status", "plan", "doctor"] {
        stage.deployer(&[verb]).await;
        stage.deployer(&[verb, "--json"]).await;
    }
    let calls = stage.world.gateway.calls();
    assert!(calls.iter().all(|call| call.action.starts_with("Describe") || call.action.starts_with("List")), "{calls:?}");
    assert_eq!(stage.world.snapshot().await.unwrap(), before);
    assert_eq!(stage.code("Code2"), "v9");
    stage.world.gateway.inject(Fault { at: At::Call(1), kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
    for verb in ["status", "plan", "doctor", "unfence"] {
        stage.world.gateway.reset_calls();
        stage.deployer(&[verb]).await.ended(4, &["elasticloadbalancing:DescribeLoadBalancers"]);
    }
}

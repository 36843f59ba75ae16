//! `deployer approve`, `reject` and `status --pipeline`, as an approver runs them.

use std::process::Output;

use local_aws::codepipeline::Status;
use local_aws::installation::{Installation, PATIENCE, RELEASE};
use local_aws::world::{DEPLOYER_POLICY, HISTORY_POLICY};

use super::stage::{NOTHING, rehearsed, released, tag};
use super::traffic::Pace;

const APPROVER_POLICY: &str = include_str!("../../../cloudformation/policies/approver.json");

async fn run(installation: &Installation, arguments: &[&str]) -> Output {
    installation.world.set_policies("deployer", &[DEPLOYER_POLICY, APPROVER_POLICY]).unwrap();
    run_as_is(installation, arguments).await
}

async fn run_as_is(installation: &Installation, arguments: &[&str]) -> Output {
    let configure = |deployer: &mut tokio::process::Command| {
        deployer.args(arguments);
    };
    installation.world.deployer(configure).await.unwrap()
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_read_and_answered_in_a_terminal() {
    let (installation, first) = released(Pace::AtOnce).await;
    let none = run(&installation, &["approve", "--pipeline", RELEASE, "--yes"]).await;
    assert_eq!(
        (none.status.code(), said(&none).contains("no approval waits in shop-release; expected one")),
        (Some(3), true),
        "{}",
        said(&none)
    );

    let (one, text) = rehearsed(&installation, &NOTHING).await;
    let other = installation.push(&NOTHING).await.unwrap();
    let waits = |p: &local_aws::codepipeline::CodePipeline| p.waits(RELEASE, "Release").as_deref() == Some(&other);
    installation.pipelines.wait(PATIENCE, "the second run is built", waits).await.unwrap();

    let unasked = run(&installation, &["approve", "--pipeline", RELEASE]).await;
    assert_eq!(unasked.status.code(), Some(2), "{}", said(&unasked));
    assert!(said(&unasked).contains("pass --yes"), "{}", said(&unasked));
    let status = run(&installation, &["status", "--elb", "shop", "--pipeline", RELEASE]).await;
    for (what, shown) in [("status", said(&status)), ("approve", said(&unasked))] {
        for expected in [&text, &one, &format!("execution {other}, a newer build, waits behind it"), &"up to 7 days".to_owned()] {
            assert!(shown.contains(expected.as_str()), "{what}: {expected} not in {shown}");
        }
    }

    let rejected = run(&installation, &["reject", "--pipeline", RELEASE, "--yes", "--summary", "not today"]).await;
    assert!(rejected.status.success() && said(&rejected).contains(&format!("rejected: execution {one}")), "{}", said(&rejected));
    assert_eq!(installation.over(RELEASE, &one).await.unwrap(), Status::Failed);

    installation.asks(RELEASE, &other).await.unwrap();
    let approved = run(&installation, &["approve", "--pipeline", RELEASE, "--yes"]).await;
    assert!(approved.status.success(), "{}", said(&approved));
    installation.succeeded(RELEASE, &other).await.unwrap();
    // Who released is read from the pipeline. The first deployment moved no traffic, and what was rejected was never live.
    installation.world.set_policies("deployer", &[HISTORY_POLICY]).unwrap();
    let history = run_as_is(&installation, &["history", "--pipeline", RELEASE, "--json"]).await;
    let releases: serde_json::Value = serde_json::from_slice(&history.stdout).unwrap_or_else(|_| panic!("{}", said(&history)));
    let [release] = releases.as_array().unwrap().as_slice() else { panic!("{releases:#}") };
    let shown = ["version", "replaced", "outcome", "place"].map(|key| release[key].as_str().unwrap_or_default());
    assert_eq!(shown, [&tag(&installation, &other), &first, "live", "Code2"], "{releases:#}");
    assert!(release["by"].is_string(), "the approver's session: {releases:#}");
    let live = super::traffic::version(&installation, 80).await;
    assert_eq!((live == tag(&installation, &other), live == first), (true, false));
}

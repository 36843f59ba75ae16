//! Scripts whose questions AWS does not answer: what is not known is never taken for nothing.

use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::installation::{Installation, root, source};
use local_aws::world::binary;

use super::scripts::{run, told};
use super::stage::{NOTHING, released};
use super::traffic::{Pace, version};

fn denied(installation: &Installation, action: &'static str) {
    let at = At::By { role: "person", action: Some(action), resource: None };
    installation.world.gateway.inject(Fault { at, kind: FaultKind::AccessDenied, lasts: Lasts::ForGood });
}

/// How often a person made this call.
fn calls(installation: &Installation, action: &str) -> usize {
    let calls = installation.world.gateway.calls();
    calls.iter().filter(|call| call.action == action && call.caller.role == "person").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cleanup_that_cannot_look_says_so_and_deletes_nothing_more() {
    let installation = Installation::start().await.unwrap();
    denied(&installation, "DescribeStacks");
    let output = run(&installation, "cleanup", &["--everything", "--yes"]).await;
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("shop-Code1 cannot be read"), "{}", told(&output));
    assert_eq!(calls(&installation, "DeleteStack"), 0);

    // While it waits for the first stack to be gone: seven looks at what is there, one before the deletion, and then this one.
    installation.world.gateway.clear_faults();
    installation.world.gateway.reset_calls();
    let at = At::Action("DescribeStacks".to_owned(), 9);
    installation.world.gateway.inject(Fault::once(at, FaultKind::AccessDenied));
    let output = run(&installation, "cleanup", &["--everything", "--yes"]).await;
    assert!(installation.world.gateway.fault_hit());
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert!(told(&output).contains("cannot be read"), "{}", told(&output));
    assert_eq!(calls(&installation, "DeleteStack"), 1, "{}", told(&output));
}

/// A command may be killed before it says a word.
#[test]
fn a_question_that_fails_without_a_word_ends_the_script() {
    for command in ["exit 7", "kill -9 $$"] {
        let script =
            format!("set -euo pipefail; source bin/.aws; asks 'the moon' 'does not exist' sh -c '{command}'; echo went on");
        let output = std::process::Command::new("bash").args(["-c", &script]).current_dir(root()).output().unwrap();
        let told = told(&output);
        assert_eq!(output.status.code(), Some(1), "{command}: {told}");
        assert!(told.contains("the moon cannot be read") && !told.contains("went on"), "{command}: {told}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deploy_that_cannot_look_changes_nothing() {
    let (installation, first) = released(Pace::AtOnce).await;
    installation.release(&NOTHING).await.unwrap();
    let second = version(&installation, 80).await;
    assert_ne!(first, second);
    let (deployer, zip) = (binary("deployer"), tempfile::NamedTempFile::new().unwrap());
    std::fs::write(zip.path(), source(&NOTHING).unwrap()).unwrap();
    let packages = ["--function", zip.path().to_str().unwrap(), "--deployer", deployer.to_str().unwrap()];
    let certificate = ["--certificate", "arn:aws:acm:eu-central-1:123456789012:certificate/1"];
    let branch = [&["--branch", "other"][..], &packages].concat();
    let before = installation.parameters("shop-pipeline").await.unwrap();
    let stands = async |what: &str| {
        assert_eq!(calls(&installation, "ExecuteChangeSet"), 0, "{what}");
        assert_eq!(installation.parameters("shop-pipeline").await.unwrap(), before, "{what}");
        assert_eq!(version(&installation, 80).await, second, "{what}");
    };

    // Code2 is live: the rule that would be made anew would give production to Code1.
    let refused = run(&installation, "deploy", &[&certificate[..], &packages].concat()).await;
    assert_eq!(refused.status.code(), Some(3), "{}", told(&refused));
    assert!(told(&refused).contains("would make Code1 live, and Code2 is"), "{}", told(&refused));
    stands("refused").await;

    // Lambda's API is REST: its calls have paths.
    let concurrency = "GET /2019-09-30/functions/shop-flip/concurrency";
    for (action, call, arguments) in [
        ("DescribeStacks", "DescribeStacks", &branch[..]),
        ("DescribeRules", "DescribeRules", &[&certificate[..], &packages].concat()),
        ("DescribeTags", "DescribeTags", &[&certificate[..], &packages].concat()),
        ("DescribeStackResources", "DescribeStackResources", &[&certificate[..], &packages].concat()),
        ("GetFunctionConcurrency", concurrency, &branch),
        ("ListPipelineExecutions", "ListPipelineExecutions", &[&branch[..], &["--yes"]].concat()),
    ] {
        denied(&installation, call);
        let output = run(&installation, "deploy", arguments).await;
        assert_eq!(output.status.code(), Some(1), "{action}: {}", told(&output));
        assert!(told(&output).contains(action), "{action}: {}", told(&output));
        stands(action).await;
        installation.world.gateway.clear_faults();
    }
}

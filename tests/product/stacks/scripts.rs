//! bin/deploy, bin/rollback and bin/cleanup with the real AWS command line.

use std::collections::BTreeSet;
use std::process::{Output, Stdio};

use local_aws::codepipeline::CodePipeline;
use local_aws::installation::{Installation, NAME, PATIENCE, RELEASE, root, source};
use local_aws::world::binary;
use tokio::process::Command;

use super::stage::NOTHING;
use super::traffic::{Traffic, version};

const POLICY: &str = include_str!("../../../cloudformation/policies/scripts.json");
const SCRIPTS: [&str; 5] = [".aws", ".movies", "deploy", "rollback", "cleanup"];

pub async fn run(installation: &Installation, script: &str, arguments: &[&str]) -> Output {
    installation.world.set_policies("person", &[POLICY]).unwrap();
    let mut command = Command::new(root().join("bin").join(script));
    command
        .args(["--name", NAME])
        .args(arguments)
        .env_clear()
        .envs(installation.script_env().unwrap())
        .env("POLL_SECONDS", "0.2");
    command.stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap()
}

pub fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_installed_released_rolled_back_and_left_empty() {
    let installation = Installation::empty().await.unwrap();
    let zip = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(zip.path(), source(&NOTHING).unwrap()).unwrap();
    let deployer = binary("deployer");
    let packages = ["--function", zip.path().to_str().unwrap(), "--deployer", deployer.to_str().unwrap()];
    let install = [&["--test-cidr", "192.0.2.0/24", "--source", "s3"][..], &packages].concat();

    let dry = run(&installation, "deploy", &[&install[..], &["--dry-run"]].concat()).await;
    assert!(dry.status.success() && told(&dry).contains("shop-bucket"), "{}", told(&dry));
    // A stack whose creation failed is told, and deleted only where somebody says so.
    let unmakeable = r#"{"Resources":{"Address":{"Type":"AWS::EC2::EIP","Properties":{"Nothing":"known"}}}}"#;
    assert_eq!(installation.try_to_create("network", unmakeable).await.unwrap(), "ROLLBACK_COMPLETE");
    let failed = run(&installation, "deploy", &install).await;
    assert_eq!(failed.status.code(), Some(2), "{}", told(&failed));
    assert!(told(&failed).contains("stack shop-network is ROLLBACK_COMPLETE"), "{}", told(&failed));
    let output = run(&installation, "deploy", &[&install[..], &["--yes"]].concat()).await;
    assert!(output.status.success(), "{}", told(&output));
    installation.pipelines.wait(PATIENCE, "the first runs are over", CodePipeline::is_idle).await.unwrap();
    let again = run(&installation, "deploy", &packages).await;
    assert!(again.status.success(), "{}", told(&again));
    assert_eq!(told(&again).matches("unchanged").count(), 4, "{}", told(&again));

    // The source is an object: its upload starts a release.
    let bucket = installation.parameters("shop-pipeline").await.unwrap()["PackagesBucket"].clone();
    let mut versions = Vec::new();
    for _ in 0..2 {
        let before = installation.pipelines.executions(RELEASE).len();
        installation.pipelines.account().put_object(&bucket, "shop/source.zip", source(&NOTHING).unwrap()).await.unwrap();
        installation.pipelines.wait(PATIENCE, "it starts", |p| p.executions(RELEASE).len() > before).await.unwrap();
        let id = installation.pipelines.executions(RELEASE).pop().unwrap();
        installation.asks(RELEASE, &id).await.unwrap();
        installation.approve(RELEASE).unwrap();
        installation.succeeded(RELEASE, &id).await.unwrap();
        versions.push(version(&installation, 80).await);
    }

    let traffic = Traffic::on(&installation).await;
    let back = run(&installation, "rollback", &["--now", "--yes"]).await;
    assert!(back.status.success(), "{}", told(&back));
    assert_eq!(version(&installation, 80).await, versions[0]);
    traffic.served(&installation, &[&versions[0], &versions[1]]).await;

    // Another source: the pipeline is updated, and somebody has to confirm the connection.
    let connected = [&["--source", "connection", "--repository", "example/shop", "--no-wait"][..], &packages].concat();
    let connected = run(&installation, "deploy", &connected).await;
    assert!(connected.status.success(), "{}", told(&connected));
    for expected in
        ["must be confirmed by a person", "codesuite/settings/connections", "start-pipeline-execution --name shop-release"]
    {
        assert!(told(&connected).contains(expected), "{}", told(&connected));
    }
    assert_eq!(told(&connected).matches("unchanged").count(), 3, "{}", told(&connected));
    assert_eq!(version(&installation, 80).await, versions[0], "an update of the pipeline moves nothing");

    let unasked = run(&installation, "cleanup", &[]).await;
    assert_eq!(unasked.status.code(), Some(2), "{}", told(&unasked));
    let clean = run(&installation, "cleanup", &["--everything", "--yes"]).await;
    assert!(clean.status.success(), "{}", told(&clean));
    let nothing = run(&installation, "cleanup", &["--everything", "--yes"]).await;
    assert!(told(&nothing).contains("nothing of shop is left"), "{}", told(&nothing));
    assert!(installation.world.elb().describe_load_balancers().send().await.unwrap().load_balancers().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_roll_back_at_once_waits_for_another_flip() {
    let installation = Installation::start().await.unwrap();
    installation.release(&NOTHING).await.unwrap();
    let first = version(&installation, 80).await;
    installation.release(&NOTHING).await.unwrap();
    let busy = installation.pipelines.occupy().await;
    let script = run(&installation, "rollback", &["--now", "--yes"]);
    let release = async {
        let turned_away = || installation.world.gateway.calls().iter().any(|call| call.status == Some(429));
        while !turned_away() {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        drop(busy);
    };
    let (output, ()) = tokio::join!(script, release);
    assert!(output.status.success(), "{}", told(&output));
    assert!(told(&output).contains("another flip is running"), "{}", told(&output));
    assert_eq!(version(&installation, 80).await, first);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_tell_what_is_wrong() {
    let installation = Installation::empty().await.unwrap();
    for (script, arguments, code, wrong) in [
        ("deploy", &["--no-such"][..], 2, "--no-such"),
        ("deploy", &[][..], 2, "--test-cidr"),
        ("rollback", &["--min-capacity", "101"][..], 2, "0 to 100"),
        ("rollback", &["--now", "--yes"][..], 1, "shop-flip"),
        ("cleanup", &["--no-such"][..], 2, "--no-such"),
    ] {
        let output = run(&installation, script, arguments).await;
        assert_eq!(output.status.code(), Some(code), "{script} {arguments:?}: {}", told(&output));
        assert!(told(&output).contains(wrong), "{script} {arguments:?}: {}", told(&output));
    }
}

/// The IAM actions behind a command of the AWS command line, where their names differ.
fn actions(service: &str, command: &str) -> Vec<String> {
    let words: String = command.split('-').map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..])).collect();
    let list = |actions: &[&str]| actions.iter().map(|action| (*action).to_owned()).collect();
    match (service, command) {
        ("configure", _) | ("s3api", "put-bucket-versioning") => list(&[]),
        ("s3", "cp") => list(&["s3:PutObject"]),
        ("s3api", "head-object") => list(&["s3:GetObject"]),
        ("s3api", "list-buckets") => list(&["s3:ListAllMyBuckets"]),
        ("s3api", "list-object-versions") => list(&["s3:ListBucketVersions"]),
        ("s3api", "delete-objects") => list(&["s3:DeleteObject", "s3:DeleteObjectVersion"]),
        ("s3api", _) => vec![format!("s3:{words}")],
        ("lambda", "invoke") => list(&["lambda:InvokeFunction"]),
        ("elbv2", _) => vec![format!("elasticloadbalancing:{words}")],
        _ => vec![format!("{service}:{words}")],
    }
}

#[test]
fn the_scripts_policy_allows_what_they_call_and_no_more() {
    let mut called = BTreeSet::new();
    for script in SCRIPTS {
        let text = std::fs::read_to_string(root().join("bin").join(script)).unwrap();
        // What the script runs besides the command line of AWS.
        called.extend(text.contains("\"$loader\" --table").then(|| "dynamodb:BatchWriteItem".to_owned()));
        for call in text.split("aws ").skip(1) {
            let mut words = call.split_whitespace().skip_while(|word| word.starts_with("--") || word.parse::<u32>().is_ok());
            let named = |word: &str| word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
            if let (Some(service), Some(command)) = (words.next(), words.next())
                && [service, command].into_iter().all(named)
            {
                called.extend(actions(service, command));
            }
        }
    }
    let policy: serde_json::Value = serde_json::from_str(POLICY).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter().flat_map(|statement| match &statement["Action"] {
        serde_json::Value::Array(actions) => actions.iter().map(|action| action.as_str().unwrap().to_owned()).collect(),
        action => vec![action.as_str().unwrap().to_owned()],
    });
    assert_eq!(called, statements.collect());
}

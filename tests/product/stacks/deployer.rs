//! `deployer --stacks`: what it refuses, and what it writes.

use std::fs;
use std::process::{Output, Stdio};

use local_aws::installation::{Installation, Push, template};
use local_aws::world::binary;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use super::stage::{NOTHING, release, released};
use super::traffic::Pace;

/// A folder as the build leaves it.
fn build(parameters: &str, service: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [("build.json", r#"{"tag":"2.0"}"#), ("parameters.json", parameters), ("service.yaml", service)] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

async fn run(installation: &Installation, folder: &TempDir, arguments: &[&str]) -> Output {
    let configure = |deployer: &mut tokio::process::Command| {
        deployer.args(["--elb", "shop", "--stacks", "shop", "--strict", "--settle", "0", "--repository", "r"]);
        deployer.args(arguments).arg("--input").arg(folder.path().join("build.json"));
    };
    installation.world.set_policies("deployer", &[local_aws::world::DEPLOYER_POLICY, STACKS_POLICY]).unwrap();
    installation.world.deployer(configure).await.unwrap()
}

const STACKS_POLICY: &str = include_str!("../../../cloudformation/policies/deployer-stacks.json");

fn told(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_deployer_writes_both_sides_or_says_why_not() {
    let installation = Installation::start().await.unwrap();
    let service = template("service").unwrap();
    let sound = build(r#"{"Cpu":512}"#, &service);
    let output = run(&installation, &sound, &[]).await;
    assert!(output.status.success(), "{}", told(&output));
    let code1: serde_json::Value = serde_json::from_str(&fs::read_to_string(sound.path().join("Code1.json")).unwrap()).unwrap();
    let expected =
        serde_json::json!({ "Parameters": { "Cpu": "512", "Name": "shop", "Repository": "r", "Side": "Code1", "Tag": "2.0" } });
    assert_eq!(code1, expected);
    assert_eq!(fs::read_to_string(sound.path().join("Code2.yaml")).unwrap(), service);
    let word = "  Secret: {Type: String, NoEcho: true}\n  Name:";
    for (parameters, service, arguments, code, wrong) in [
        (r#"{"Nothing":"1"}"#, service.clone(), &[][..], 2, "set Nothing, which"),
        (r#"{"Tag":"1"}"#, service.clone(), &[][..], 2, "set Tag, which the pipeline sets"),
        (r#"{"Cpu":[]}"#, service.clone(), &[][..], 2, "expected an object"),
        ("{}", service.replacen("  Name:", word, 1), &[][..], 3, "NoEcho"),
        (
            "{}",
            service.replace(
                "Type: Number\n    Description: Tasks",
                "Type: AWS::SSM::Parameter::Value<String>\n    Description: Tasks",
            ),
            &[][..],
            3,
            "SSM",
        ),
        ("{}", format!("Transform: AWS::LanguageExtensions\n{service}"), &[][..], 3, "transform"),
        ("{}", service.replace("Default: Hello", "Default: '{{resolve:ssm:x}}'"), &[][..], 3, "dynamic reference"),
        (
            "{}",
            service.replacen("  Cpu:", "  Region:\n    Type: String\n  Cpu:", 1),
            &[][..],
            2,
            "needs Region, which nothing sets",
        ),
        ("{}", service.clone(), &["--keep", "1"][..], 2, "--keep"),
        ("{}", service.clone(), &["--env-file", "x"][..], 2, "--execution"),
    ] {
        let folder = build(parameters, &service);
        let output = run(&installation, &folder, arguments).await;
        assert_eq!(output.status.code(), Some(code), "{wrong}: {}", told(&output));
        assert!(told(&output).contains(wrong), "{wrong}: {}", told(&output));
        assert!(!folder.path().join("Code1.yaml").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_that_is_masked_is_handed_back_to_nobody() {
    let installation = Installation::start().await.unwrap();
    let masked = r#"{"Parameters":{"Tag":{"Type":"String","NoEcho":true,"Default":"1.0"}},"Resources":{"Logs":{"Type":"AWS::Logs::LogGroup"}}}"#;
    assert_eq!(installation.try_to_create("Code1", masked).await.unwrap(), "CREATE_COMPLETE");
    let folder = build("{}", &template("service").unwrap());
    let output = run(&installation, &folder, &[]).await;
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("stack shop-Code1 has a parameter Tag whose value CloudFormation masks"), "{}", told(&output));
    assert!(!folder.path().join("Code1.yaml").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_differs_from_its_stack_is_refused() {
    let installation = Installation::start().await.unwrap();
    installation.release(&Push::default()).await.unwrap();
    let elb = installation.world.elb();
    for group in elb.describe_target_groups().send().await.unwrap().target_groups() {
        let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder().key("Image").value("another").build();
        elb.add_tags().resource_arns(group.target_group_arn().unwrap()).tags(tag).send().await.unwrap();
    }
    let output = run(&installation, &build("{}", &template("service").unwrap()), &[]).await;
    assert_eq!(output.status.code(), Some(3), "{}", told(&output));
    assert!(told(&output).contains("says another") && told(&output).contains("add-tags"), "{}", told(&output));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_side_that_one_could_roll_back_to_is_kept() {
    let (installation, _) = released(Pace::AtOnce).await;
    release(&installation, &NOTHING).await;
    let folder = build("{}", &template("service").unwrap());
    let mut deployer = Command::new(binary("deployer"));
    deployer.args(["--elb", "shop", "--stacks", "shop", "--strict", "--keep", "15", "--execution", "e", "--input"]);
    deployer.arg(folder.path().join("build.json")).env_clear().envs(installation.world.env_as("deployer"));
    let mut deployer = deployer.stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(deployer.stderr.take().unwrap()).lines();
    let mut said = String::new();
    while !said.contains("the last flip is younger than 15 minutes: waiting") {
        said += &lines.next_line().await.unwrap().unwrap_or_else(|| panic!("it ended: {said}"));
    }
    kill(Pid::from_raw(deployer.id().unwrap().try_into().unwrap()), Signal::SIGTERM).unwrap();
    assert_eq!(deployer.wait().await.unwrap().code(), Some(1));
    assert!(!folder.path().join("Code1.yaml").exists());
    let groups = installation.world.snapshot().await.unwrap();
    assert!(!groups.contains("v1 e "), "it set no fence");
}

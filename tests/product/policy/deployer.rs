//! The deployer: its policy lets every verb do its work, and nothing in it is superfluous.

use std::path::Path;

use futures::StreamExt;
use local_aws::world::{DEPLOYER_POLICY, DEPLOYER_ROLE, World};
use tempfile::TempDir;

use crate::policy::cuts::cuts;
use product_stage::function::Stage;
use product_stage::query::security_group;
use product_stage::services::serve;

/// How many stages are played on at once.
const AT_ONCE: usize = 4;

/// A load balancer whose services no tag names, so that the clusters are looked through, and with a security group.
async fn stage() -> Stage {
    let stage = Stage::new().await;
    for (service, image) in [("shop-code1", "v1"), ("shop-code2", "v2")] {
        serve(&stage.world, stage.balancer.group(service).unwrap(), service, image).await;
    }
    security_group(&stage.world, &stage.balancer.arn, &serde_json::json!([])).await;
    stage
}

/// Every verb, until one fails: then what it said.
async fn everything(world: &World) -> Result<(), String> {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("build.json");
    let build = |content: &str| std::fs::write(&file, content).unwrap();
    build(r#"{"tag":"v1"}"#);
    run(world, folder.path(), &["--elb", "not-there-yet"]).await?;
    build(r#"{"tag":"v3"}"#);
    run(world, folder.path(), &["--elb", "shop", "--execution", "run-1", "--settle", "0", "--strict"]).await?;
    let built = std::fs::read_to_string(&file).unwrap();
    assert!(built.contains(r#""Code1": "v1""#) && built.contains(r#""Code2": "v3""#), "{built}");
    for arguments in [&["status"][..], &["plan"], &["doctor"], &["unfence", "--yes"]] {
        run(world, folder.path(), &[arguments, &["--elb", "shop"]].concat()).await?;
    }
    Ok(())
}

async fn run(world: &World, folder: &Path, arguments: &[&str]) -> Result<(), String> {
    let output = world.deployer(|command| {
        command.current_dir(folder).args(arguments);
    });
    let output = output.await.unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    let shown = shown.replace(['│', '┆'], " ").split_whitespace().collect::<Vec<_>>().join(" ");
    match output.status.code() {
        // Not to be allowed to know who reaches the test port keeps nobody from the rest: the doctor says so, and goes on.
        Some(0 | 3) if shown.contains("is not authorized") => Err(format!("{arguments:?} lacks something: {shown}")),
        // 3: doctor and plan show what would be refused.
        Some(0 | 3) => Ok(()),
        code => Err(format!("{arguments:?} ended with {code:?}: {}", String::from_utf8_lossy(&output.stderr).trim())),
    }
}

#[tokio::test]
async fn the_policy_suffices() {
    assert_eq!(everything(&stage().await.world).await, Ok(()));
}

#[tokio::test]
async fn without_any_part_of_the_policy_something_fails_and_names_the_action() {
    let tried = futures::stream::iter(cuts(DEPLOYER_POLICY)).map(async |cut| {
        let stage = stage().await;
        stage.world.set_policies(DEPLOYER_ROLE, &[&cut.policy]).unwrap();
        (cut, everything(&stage.world).await)
    });
    let tried: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(tried.len(), 16);
    for (cut, result) in tried {
        let said = result.expect_err(&format!("{} is superfluous", cut.what));
        let goes_on = cut.actions == ["ec2:DescribeSecurityGroups"];
        assert_eq!(said.contains("ended with Some(4)"), !goes_on, "without {}: {said}", cut.what);
        assert!(cut.actions.iter().any(|action| said.contains(action)), "without {}: {said}", cut.what);
    }
}

#[tokio::test]
async fn the_deployer_can_write_nothing_but_the_fence() {
    let stage = Stage::new().await;
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&stage.world.as_role(DEPLOYER_ROLE).await);
    let group = stage.balancer.group("shop-code2").unwrap();
    let before = stage.world.snapshot().await.unwrap();
    let tag = aws_sdk_elasticloadbalancingv2::types::Tag::builder().key("Image").value("v3").build();
    let error = elb.add_tags().resource_arns(group).tags(tag).send().await.unwrap_err().into_service_error();
    assert_eq!(error.meta().code(), Some("AccessDenied"));
    let error = elb.modify_listener().listener_arn(&stage.balancer.listeners[&80]).send().await.unwrap_err();
    assert_eq!(error.into_service_error().meta().code(), Some("AccessDenied"));
    assert_eq!(before, stage.world.snapshot().await.unwrap());
}

//! A template of the pipelines that lacks something is found out: each mutation ends in a failure that names it.

use local_aws::codepipeline::{Definition, Status};
use local_aws::installation::{Installation, PATIENCE, RELEASE, ROLLBACK, template};

use super::stage::NOTHING;
use super::traffic::version;

/// The template with one place changed.
fn mutated(from: &str, to: &str) -> String {
    let text = template("pipeline").unwrap();
    assert_eq!(text.matches(from).count(), 1, "the place to change is not there once: {from}");
    text.replace(from, to)
}

/// Installs the mutated template and releases twice. Returns what went wrong.
async fn released_twice(pipeline: &str) -> String {
    let installation = match Installation::with_pipeline(pipeline).await {
        Ok(installation) => installation,
        Err(error) => return format!("{error:#}"),
    };
    for _ in 0..2 {
        if let Err(error) = installation.release(&NOTHING).await {
            return format!("{error:#}");
        }
    }
    let (live, test) = (version(&installation, 80).await, version(&installation, 8080).await);
    format!("nothing: port 80 serves {live}, port 8080 {test}")
}

/// The lines of an action's or stage's block, from its name up to the next.
fn block<'a>(text: &'a str, begins: &str, ends: &str) -> &'a str {
    let from = text.find(begins).unwrap_or_else(|| panic!("{begins}"));
    let length = text[from..].find(ends).unwrap_or_else(|| panic!("{ends}"));
    &text[from..from + length]
}

macro_rules! fails {
    ($name:ident, $from:expr, $to:expr, $why:expr) => {
        #[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let wrong = released_twice(&mutated($from, $to)).await;
            assert!(wrong.contains($why), "{wrong}");
        }
    };
}

fails!(
    without_the_namespace_of_discover,
    "              Namespace: Discover\n",
    "",
    "no action has exported #{Discover.PromoteTo}"
);
fails!(
    without_an_export_of_discover,
    "exported-variables: [Execution, PromoteTo, PromoteImage]",
    "exported-variables: [Execution, PromoteTo]",
    "no action has exported #{Discover.PromoteImage}"
);
fails!(without_the_execution, r##"[{"name":"EXECUTION_ID","value":"#{codepipeline.PipelineExecutionId}"},"##, "[", "--execution");
fails!(without_the_capacity_to_name_stacks, "          - {Name: STACKS, Value: !Ref Name}\n", "", "--stacks");
fails!(
    with_another_digest_of_the_deployer,
    "{Name: DEPLOYER_SHA256, Value: !Ref DeployerSha256}",
    "{Name: DEPLOYER_SHA256, Value: '0000000000000000000000000000000000000000000000000000000000000000'}",
    "did NOT match"
);
fails!(
    without_the_images_repository,
    "          - {Name: REPOSITORY, Value: !GetAtt Images.RepositoryUri}\n          - {Name: KEEP_MINUTES",
    "          - {Name: KEEP_MINUTES",
    "needs Repository"
);
fails!(
    with_a_template_of_the_wrong_artifact,
    "TemplatePath: Deployment::Code2.yaml",
    "TemplatePath: BuildOutput::service.yaml",
    "BuildOutput is no input"
);

/// The order of the actions is what keeps an unapproved build from production.
#[tokio::test(flavor = "multi_thread")]
async fn the_flip_before_its_approval_is_found_out() {
    let text = template("pipeline").unwrap();
    let flip = block(&text, "            - Name: Flip\n              RunOrder: 5", "FunctionName");
    let installation =
        Installation::with_pipeline(&text.replace(flip, &flip.replace("RunOrder: 5", "RunOrder: 4"))).await.unwrap();
    let id = installation.push(&NOTHING).await.unwrap();
    installation.asks(RELEASE, &id).await.unwrap();
    let flipped = |p: &local_aws::codepipeline::CodePipeline| {
        p.said(RELEASE, "Release", "Flip").is_some_and(|(s, _)| s == Status::Succeeded)
    };
    installation.pipelines.wait(PATIENCE, "it flips unasked", flipped).await.unwrap();
}

/// Both deployments at once are right; a check beside them is not: it would tell of a side that is being replaced.
#[tokio::test(flavor = "multi_thread")]
async fn the_check_beside_the_deployments_is_found_out() {
    let text = template("pipeline").unwrap();
    let check = block(&text, "            - Name: Check\n              RunOrder: 3", "FunctionName");
    let wrong = released_twice(&text.replace(check, &check.replace("RunOrder: 3", "RunOrder: 2"))).await;
    assert!(wrong.contains("ended before it asked"), "{wrong}");
}

/// Discover in the Build stage, as in the original: what it saw is outdated by the time it is used. The fence that it sets for
/// the later run keeps the approved one from going live.
#[tokio::test(flavor = "multi_thread")]
async fn discover_in_the_build_stage_is_found_out() {
    let text = template("pipeline").unwrap();
    let discover = block(&text, "            - Name: Discover\n", "            - Name: DeployCode1").to_owned();
    let stage = "        # One stage: it takes one execution at a time";
    let moved = text.replace(&discover, "");
    let moved = moved.replace(stage, &format!("{}{stage}", discover.replace("RunOrder: 1", "RunOrder: 2")));
    let installation = Installation::with_pipeline(&moved).await.unwrap();
    installation.release(&NOTHING).await.unwrap();
    let one = installation.push(&NOTHING).await.unwrap();
    installation.asks(RELEASE, &one).await.unwrap();
    // The second run discovers now, not when the first one is over.
    let other = installation.push(&NOTHING).await.unwrap();
    installation.pipelines.wait(PATIENCE, "it waits", |p| p.waits(RELEASE, "Release").as_deref() == Some(&other)).await.unwrap();
    installation.approve(RELEASE).unwrap();
    assert_eq!(installation.over(RELEASE, &one).await.unwrap(), Status::Failed);
    let (_, said) = installation.pipelines.said(RELEASE, "Release", "Flip").unwrap();
    assert!(said.contains(&other), "{said}");
}

/// A roll-back pipeline whose source is watched starts at an upload.
#[tokio::test(flavor = "multi_thread")]
async fn a_watched_source_of_the_roll_back_is_found_out() {
    let text = template("pipeline").unwrap();
    let source = block(&text, "                S3ObjectKey: !Ref RollbackKey", "              OutputArtifacts");
    let watched = text.replace(source, "                S3ObjectKey: !Ref RollbackKey\n");
    for (pipeline, starts) in [(text.as_str(), 0), (watched.as_str(), 1)] {
        let installation = Installation::with_pipeline(pipeline).await.unwrap();
        let bucket = installation.parameters("shop-pipeline").await.unwrap()["PackagesBucket"].clone();
        let started = installation.pipelines.uploaded(&bucket, "shop/rollback.zip").await.unwrap();
        assert_eq!(started.iter().filter(|(name, _)| name == ROLLBACK).count(), starts);
        // Nor does a push.
        let id = installation.push(&NOTHING).await.unwrap();
        assert_eq!(installation.pipelines.executions(RELEASE).last(), Some(&id));
    }
}

/// A release pipeline that detects no changes is not started by a push.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_that_detects_no_push_is_found_out() {
    let wrong = released_twice(&mutated("DetectChanges: \"true\"", "DetectChanges: \"false\"")).await;
    assert!(wrong.contains("the push started []"), "{wrong}");
}

#[test]
fn what_the_player_does_not_know_is_refused() {
    let action = serde_json::json!({ "Name": "A", "ActionTypeId": { "Category": "Test", "Owner": "AWS", "Provider": "DeviceFarm", "Version": "1" } });
    let pipeline = serde_json::json!({
        "Name": "p", "PipelineType": "V2", "ExecutionMode": "SUPERSEDED", "RoleArn": "arn", "ArtifactStore": {},
        "Stages": [{ "Name": "S", "Actions": [] }, { "Name": "T", "Actions": [action] }],
    });
    let refused = Definition::read(&pipeline).unwrap_err().to_string();
    assert!(refused.contains("DeviceFarm"), "{refused}");
}

//! The function: its policy lets it do everything it does, and nothing in it is superfluous.

use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, AuthenticateCognitoActionConfig};
use futures::StreamExt;
use local_aws::jobs::JobState;
use local_aws::lambda::Outcome;
use local_aws::world::{COGNITO_POLICY, LAMBDA_POLICY, LAMBDA_ROLE, Pair, Rule, path};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::policy::cuts::cuts;
use product_stage::function::{Ended, Stage, shop};
use product_stage::services::serve;

/// How many stages are played on at once.
const AT_ONCE: usize = 4;

/// A default action and a rule on each port, and a service that ECS knows.
async fn stage() -> Stage {
    let stage =
        Stage::with(|spec| spec.pair(Pair::new("shop").service("main/shop-code2")).rule(Rule::new(10, "shop", [path("/api/*")])))
            .await;
    serve(&stage.world, stage.balancer.group("shop-code2").unwrap(), "shop-code2", "v2").await;
    stage
}

/// Everything the function does, until something is not as it should be: then what was said of it.
async fn everything(stage: &Stage) -> Result<(), String> {
    let asked = |more: Value| {
        let mut parameters = shop(more);
        parameters["MinCapacity"] = json!(0); // one group has a target more
        parameters
    };
    stage.set_tag("shop-code2", "Image", "stale").await;
    let summary = succeeded(&stage.job(asked(json!({ "Action": "check" }))).await)?;
    if !summary.contains("Image = v2") || !summary.contains("By ECS, Code2 runs registry.example/shop:v2") {
        return Err(summary);
    }
    stage.set_tag("shop-code2", "bluegreen:build", "v1 run-1 v2 2026-01-01T00:00:00Z").await;
    old_records(stage).await;
    let flipped = stage.job(asked(json!({ "Execution": "run-1", "PromoteImage": "v2" }))).await;
    let summary = succeeded(&flipped)?;
    if summary.contains("labels could not be written") {
        return Err(summary);
    }
    let logs: Vec<&String> = flipped.deliveries.iter().flat_map(|delivery| &delivery.logs).collect();
    if let Some(kept) = logs.iter().find(|line| line.contains("old records stay")) {
        return Err((*kept).clone());
    }
    match stage.lambda.invoke(asked(json!({ "PromoteTo": "Code1" })).to_string().as_bytes()).await.unwrap().outcome {
        Outcome::Answer(_) => {}
        other => return Err(format!("{other:?}")),
    }
    refused(&stage.job(asked(json!({ "PromoteImage": "v9" }))).await)
}

/// More records than a group keeps.
async fn old_records(stage: &Stage) {
    let partner = stage.balancer.group("shop-code1").unwrap().split_once(":targetgroup/").unwrap().1;
    for number in 1..10 {
        let id = format!("old-{number}");
        let digest = digest(&id);
        let value = format!("v1 {id} {} done {partner} 2026-01-01T00:00:00Z", digest);
        stage.set_tag("shop-code2", &format!("bluegreen:flip.{digest}.{number}"), &value).await;
    }
}

/// The digits that stand for an id in a tag key.
fn digest(id: &str) -> String {
    Sha256::digest(id).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn succeeded(ended: &Ended) -> Result<String, String> {
    match &ended.state {
        JobState::Succeeded { summary, .. } => Ok(summary.clone().unwrap()),
        _ => Err(said(ended)),
    }
}

fn refused(ended: &Ended) -> Result<(), String> {
    match &ended.state {
        JobState::Failed { message, .. } if message.contains("PromoteImage asks for v9") => Ok(()),
        _ => Err(said(ended)),
    }
}

/// What the pipeline shows, or where the job got no answer, what Lambda does.
fn said(ended: &Ended) -> String {
    match &ended.state {
        JobState::Failed { r#type, message, .. } => format!("{type}: {message}"),
        state => format!("{state:?}: {:?}", ended.deliveries.last().unwrap().outcome),
    }
}

#[tokio::test]
async fn the_policy_suffices() {
    assert_eq!(everything(&stage().await).await, Ok(()));
}

#[tokio::test]
async fn without_any_part_of_the_policy_something_fails_and_names_the_action() {
    let tried = futures::stream::iter(cuts(LAMBDA_POLICY)).map(async |cut| {
        let stage = stage().await;
        stage.world.set_policies(LAMBDA_ROLE, &[&cut.policy]).unwrap();
        (cut, everything(&stage).await)
    });
    let tried: Vec<_> = tried.buffer_unordered(AT_ONCE).collect().await;
    assert_eq!(tried.len(), 21);
    for (cut, result) in tried {
        let said = result.expect_err(&format!("{} is superfluous", cut.what));
        assert!(cut.actions.iter().any(|action| said.contains(action)), "without {}: {said}", cut.what);
    }
}

#[tokio::test]
async fn tags_that_are_not_the_functions_are_refused_on_any_group() {
    let stage = Stage::new().await;
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&stage.world.as_role(LAMBDA_ROLE).await);
    let before = stage.world.snapshot().await.unwrap();
    let tag = |key: &str| aws_sdk_elasticloadbalancingv2::types::Tag::builder().key(key).value("Code1").build();
    let group = stage.balancer.group("shop-code2").unwrap();
    let refused = async |arn: &str, keys: &[&str]| {
        let tags = keys.iter().map(|key| tag(key)).collect();
        let error = elb.add_tags().resource_arns(arn).set_tags(Some(tags)).send().await.unwrap_err().into_service_error();
        let expected = format!("is not authorized to perform: elasticloadbalancing:AddTags on resource: {arn} because");
        assert!(error.meta().message().unwrap().contains(&expected), "{error:?}");
    };
    refused(group, &["Identifier"]).await;
    refused(group, &["Service"]).await;
    refused(group, &["image"]).await;
    refused(group, &["Image", "Identifier"]).await;
    refused(&stage.balancer.arn, &["Image"]).await;
    assert_eq!(before, stage.world.snapshot().await.unwrap());
    elb.add_tags().resource_arns(group).tags(tag("Image")).send().await.unwrap();
}

#[tokio::test]
async fn a_rule_with_cognito_needs_one_more_permission_and_says_so() {
    let pool = "arn:aws:cognito-idp:eu-central-1:ACCOUNT:userpool/eu-central-1_shop";
    let stage = Stage::with(|spec| {
        let pool = pool.replace("ACCOUNT", spec.account());
        let cognito =
            AuthenticateCognitoActionConfig::builder().user_pool_arn(pool).user_pool_client_id("shop").user_pool_domain("shop");
        let sign_in = Action::builder().r#type(ActionTypeEnum::AuthenticateCognito).authenticate_cognito_config(cognito.build());
        spec.ports(443, 8443).pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/my/*")]).after(sign_in.build()))
    })
    .await;
    let flip = shop(json!({ "PromoteTo": "Code2" }));
    let ended = stage.job(flip.clone()).await;
    let (kind, message) = ended.failed();
    assert_eq!(kind, "PermissionError", "{message}");
    assert!(
        message.contains("elasticloadbalancing:ModifyRule on ") && message.contains("cognito-idp:DescribeUserPoolClient"),
        "{message}"
    );
    stage.world.set_policies(LAMBDA_ROLE, &[LAMBDA_POLICY, COGNITO_POLICY]).unwrap();
    assert_eq!(succeeded(&stage.job(flip).await).map(drop), Ok(()));
}

//! The function: what an approver reads first, outputs, error types, and targets that take no traffic.

use local_aws::lambda::Outcome;
use local_aws::world::{Pair, Rule, path};
use product_stage::function::{Stage, shop};
use serde_json::json;

#[tokio::test]
async fn what_runs_comes_before_many_rules() {
    let rules =
        (1..=20).map(|number| Rule::new(number, "shop", [path(&format!("/a-rather-long-path-of-an-application/{number}/*"))]));
    let stage = Stage::with(|spec| rules.fold(spec, |spec, rule| spec.rule(rule))).await;
    let ended = stage.job(shop(json!({ "Action": "check" }))).await;
    let (summary, _) = ended.succeeded();
    assert!(summary.contains("By ECS") && summary.contains("more rules, which `deployer plan` shows"), "{summary}");
    assert!(summary.find("By ECS") < summary.find("port 80, rule 1"), "{summary}");
}

#[tokio::test]
async fn outputs_are_what_promote_to_takes_also_where_an_identifier_is_not() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code1", "Identifier", "blue one old").await;
    let (_, first) = stage.job(shop(json!({ "PromoteTo": "Code2" }))).await.succeeded();
    assert_eq!((first["Live"].as_str(), first["Test"].as_str()), ("Code2", "shop-code1"));
    let (_, back) = stage.job(shop(json!({ "PromoteTo": first["Test"] }))).await.succeeded();
    assert_eq!(back["Live"], "shop-code1");
}

#[tokio::test]
async fn a_direct_call_fails_with_a_word_for_the_kind() {
    let stage = Stage::new().await;
    for (parameters, kind) in [
        (shop(json!({ "PromoteImage": "v9" })), "JobFailed"),
        (json!({ "ElbName": "shop", "Wrong": 1 }), "ConfigurationError"),
        (json!({ "ElbName": "nobody" }), "ConfigurationError"),
    ] {
        let invocation = stage.lambda.invoke(parameters.to_string().as_bytes()).await.unwrap();
        match invocation.outcome {
            Outcome::FunctionError { r#type, .. } => assert_eq!(r#type, kind),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_variable_that_was_not_resolved_is_called_so() {
    let stage = Stage::new().await;
    let ended = stage.job(shop(json!({ "Execution": "#{codepipeline.PipelineExecutionId}" }))).await;
    let (kind, message) = ended.failed();
    assert!(kind == "ConfigurationError" && message.contains("this variable was not resolved"), "{message}");
}

#[tokio::test]
async fn shared_traffic_is_one_kind_of_failure_over_two_groups_and_over_three() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).pair(Pair::new("third").targets(0, 0))).await;
    for weights in [&[("shop-code1", 90), ("shop-code2", 10)][..], &[("shop-code1", 50), ("shop-code2", 25), ("third-code1", 25)]]
    {
        stage.set_default(80, weights).await;
        let ended = stage.job(shop(json!({}))).await;
        let (kind, message) = ended.failed();
        assert!(kind == "JobFailed" && message.contains("shares its traffic"), "{kind}: {message}");
    }
}

#[tokio::test]
async fn a_target_that_a_zonal_shift_takes_the_traffic_from_does_not_count() {
    let stage = Stage::new().await;
    let group = stage.balancer.group("shop-code2").unwrap();
    let target = stage.world.load_balancer.health(group)[0].clone();
    let address = format!("{}:{}", target.id, target.port).parse().unwrap();
    stage.world.load_balancer.set_zonal_shift(group, address, true);
    let ended = stage.job(shop(json!({ "PromoteTo": "Code2" }))).await;
    let (kind, message) = ended.failed();
    assert!(kind == "JobFailed" && message.contains("has no healthy target (1 registered: 1 zonal shift)"), "{message}");
}

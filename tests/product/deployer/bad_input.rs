//! What is wrong ends with its exit code and a sentence, and build.json is as it was.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use local_aws::world::{Rule, path};

use crate::deployer::stage::{BUILT, Stage, idle_pair};

#[tokio::test]
async fn a_build_json_that_cannot_be_used_is_left_as_it_was() {
    let stage = Stage::new().await;
    for (content, words) in [
        ("", "is not JSON"),
        ("{\"tag\":\"v9\"", "is not JSON"),
        ("tag: v9", "is not JSON"),
        ("[\"v9\"]", "is not a JSON object"),
        ("\"v9\"", "is not a JSON object"),
        ("null", "is not a JSON object"),
        ("{}", "has no \"tag\" (found an empty object)"),
        ("{\"Tag\":\"v9\"}", "has no \"tag\" (found the keys \"Tag\")"),
        ("{\"tag\":\"v9\",\"tag\":\"v8\"}", "has \"tag\" 2 times"),
        ("{\"tag\":9}", "has the \"tag\" 9;"),
        ("{\"tag\":null}", "has the \"tag\" null;"),
        ("{\"tag\":\"\"}", "has the \"tag\" \"\";"),
        ("{\"tag\":\"v 9\"}", "has the \"tag\" \"v 9\";"),
        ("{\"tag\":\"-v9\"}", "has the \"tag\" \"-v9\";"),
        ("{\"tag\":\"registry/shop:v9\"}", "expected an image tag"),
    ] {
        stage.write(content);
        let run = stage.deployer(&[]).await;
        run.ended(2, &[words, "build.json"]);
        assert!(run.err.starts_with("error: "), "{run:?}");
        assert_eq!(stage.read(), content);
    }
    assert!(stage.world.gateway.calls().is_empty(), "AWS was asked although the input is wrong");
    std::fs::remove_file(stage.file()).unwrap();
    stage.deployer(&[]).await.ended(2, &["build.json cannot be read", "--input"]);
    assert!(stage.files().is_empty());
}

#[tokio::test]
async fn a_command_line_that_is_wrong_says_what_is_right() {
    let stage = Stage::new().await;
    stage.deployer_with(&[], &[]).await.ended(2, &["--elb <NAME>", "ELB_NAME"]);
    stage.deployer_with(&[("ELB_NAME", "")], &[]).await.ended(2, &["1 to 32 letters, digits and hyphens"]);
    stage.deployer_with(&[], &["--elb", "shop_1"]).await.ended(2, &["1 to 32 letters, digits and hyphens"]);
    stage.deployer(&["--ports", "80"]).await.ended(2, &["expected LIVE:TEST"]);
    stage.deployer(&["--timeout", "0"]).await.ended(2, &["whole seconds from 1 to 3600"]);
    stage.deployer(&["--settle", "soon"]).await.ended(2, &["whole seconds from 0 to 3600"]);
    stage.deployer(&["--execution", "a b"]).await.ended(2, &["letters, digits and + - = . _ : / @"]);
    stage.deployer(&["--nonsense"]).await.ended(2, &["--nonsense"]);
    stage.deployer(&["rollback"]).await.ended(2, &["rollback"]);
    stage.deployer(&["plan", "--min-capacity", "101"]).await.ended(2, &["0..=100"]);
    stage.deployer(&["plan", "--promote-image", "v 9"]).await.ended(2, &["expected an image tag"]);
    stage.deployer_with(&[("ELB_NAME", "shop"), ("CALL_TIMEOUT_MS", "1")], &[]).await.ended(2, &["CALL_TIMEOUT_MS"]);
    stage
        .deployer_with(&[("ELB_NAME", "shop"), ("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "")], &[])
        .await
        .ended(2, &["AWS_REGION"]);
    assert_eq!(stage.read(), BUILT);
    assert!(stage.world.gateway.calls().is_empty());
    for verb in ["status", "plan", "doctor", "unfence"] {
        let run = stage.deployer_with(&[("ELB_NAME", "nobody"), ("EXECUTION_ID", "exec-1")], &[verb]).await;
        run.ended(2, &["no load balancer is named nobody", "eu-central-1"]);
        stage.deployer_with(&[("EXECUTION_ID", "exec-1")], &[verb]).await.ended(2, &["--elb <NAME>"]);
    }
}

#[tokio::test]
async fn an_empty_execution_or_cluster_counts_as_none() {
    let stage = Stage::new().await;
    let variables = [("ELB_NAME", "shop"), ("EXECUTION_ID", ""), ("ECS_CLUSTER", ""), ("CODEBUILD_SRC_DIR_BuildOutput", "")];
    stage.deployer_with(&variables, &[]).await.ended(0, &["this build sets no fence"]);
}

#[tokio::test]
async fn identifiers_that_do_not_tell_the_sides_apart_are_refused() {
    let stage = Stage::new().await;
    let add = |group: &str, value: &str| {
        format!("aws elbv2 add-tags --resource-arns {} --tags Key=Identifier,Value={value}", stage.arn(group))
    };
    stage.remove_tag("shop-code2", "Identifier").await;
    stage.deployer(&[]).await.ended(3, &["\"Code1\" (live) and missing (test)", &add("shop-code2", "Code2")]);
    stage.remove_tag("shop-code1", "Identifier").await;
    let run = stage.deployer(&[]).await;
    run.ended(3, &["missing (live) and missing (test)", &add("shop-code1", "Code1"), &add("shop-code2", "Code2")]);
    stage.set_tag("shop-code2", "Identifier", "Code1").await;
    stage.deployer(&[]).await.ended(3, &["missing (live) and \"Code1\" (test)", &add("shop-code1", "Code2")]);
    stage.set_tag("shop-code1", "Identifier", "Code1").await;
    stage.deployer(&[]).await.ended(3, &["\"Code1\" (live) and \"Code1\" (test)", "shop-code1 and shop-code2"]);
    stage.set_tag("shop-code1", "Identifier", "Blue").await;
    stage.deployer(&[]).await.ended(3, &["\"Blue\" (live)", &add("shop-code1", "Code2")]);
    assert_eq!(stage.read(), BUILT);
    stage.set_tag("shop-code1", "Identifier", "Code2").await;
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v1".to_owned()));
}

#[tokio::test]
async fn a_live_image_known_from_nowhere_is_refused() {
    let stage = Stage::new().await;
    let fix = format!("aws elbv2 add-tags --resource-arns {} --tags Key=Image,Value=IMAGE_TAG", stage.arn("shop-code1"));
    for image in [None, Some(""), Some("two words")] {
        match image {
            None => stage.remove_tag("shop-code1", "Image").await,
            Some(image) => stage.set_tag("shop-code1", "Image", image).await,
        }
        stage.deployer(&[]).await.ended(3, &["the image of shop-code1 (live) is known from nowhere", "no ECS service", &fix]);
        assert_eq!(stage.read(), BUILT);
    }
    // By digest alone there is no tag to keep.
    stage.service("main", "shop-code1", "shop-code1", "registry.example/shop@sha256:0000").await;
    stage.deployer(&[]).await.ended(3, &["known from nowhere", "registry.example/shop@sha256:0000, which has no tag"]);
    assert_eq!(stage.read(), BUILT);
}

#[tokio::test]
async fn listeners_that_do_not_tell_who_is_live_are_refused() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    let refused = async |words: &[&str]| {
        stage.deployer(&["--execution", "exec-1", "--settle", "0"]).await.ended(3, words);
        assert_eq!(stage.read(), BUILT);
        assert_eq!(stage.tag("shop-code2", "bluegreen:build").await, None);
    };
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    refused(&["do not tell which version is live", "port 80, default action forwards to Code1 90, Code2 10"]).await;
    // One of the two live rules is flipped.
    stage.set_default(80, &[("shop-code1", 0), ("shop-code2", 100)]).await;
    refused(&["port 80, default action forwards to Code1 0, Code2 100", "port 80, rule 10"]).await;
    // Both are, the test side is not yet.
    let rule = &stage.shop.rules[&(80, 10)];
    let forward = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(stage.arn("shop-code2")).build();
    stage.world.elb().modify_rule().rule_arn(rule).actions(forward).send().await.unwrap();
    refused(&["port 80, rule 10 (path-pattern /api/*) forwards to Code2 1", "half-done"]).await;
}

#[tokio::test]
async fn a_live_rule_without_a_twin_that_serves_the_test_side_is_refused() {
    let stage = Stage::new().await;
    let forward = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(stage.arn("shop-code2")).build();
    let rule = stage.world.elb().create_rule().listener_arn(&stage.shop.listeners[&80]).priority(5);
    rule.conditions(path("/beta/*")).actions(forward).send().await.unwrap();
    stage.deployer(&[]).await.ended(3, &["port 80, rule 5 (path-pattern /beta/*) forwards to Code2"]);
    assert_eq!(stage.read(), BUILT);
}

#[tokio::test]
async fn a_flip_that_was_begun_and_moved_nothing_is_refused_without_a_fence() {
    let stage = Stage::new().await;
    stage.record("exec-7", "moving", "shop-code2", "shop-code1").await;
    let run = stage.deployer(&[]).await;
    run.ended(
        3,
        &[
            "flip exec-7 to Code2 (target group shop-code2, image v2) is in progress since 2026-01-02T03:04:05Z",
            "Pass --execution",
            "deployer close-flip --elb shop",
        ],
    );
    assert_eq!(stage.read(), BUILT);
    stage.build_for("exec-8").await.ended(0, &[]);
    assert_eq!(stage.code("Code2"), "v9");
}

#[tokio::test]
async fn load_balancers_that_cannot_be_flipped_are_refused() {
    let stage = Stage::new().await;
    let refused = async |words: &[&str]| {
        stage.deployer(&[]).await.ended(3, words);
        assert_eq!(stage.read(), BUILT);
    };
    let redirect = RedirectActionConfig::builder().port("443").status_code(RedirectActionStatusCodeEnum::Http301).build();
    let redirect = Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(redirect).build();
    stage.set_default_action(80, redirect).await;
    refused(&["no forward action with a twin", "redirect"]).await;
    stage.set_default(80, &[("shop-code2", 1)]).await;
    stage.set_default(8080, &[("shop-code2", 1)]).await;
    refused(&["no pair of target groups", "port 80, default action and port 8080 forward to Code2"]).await;
    let fixed = FixedResponseActionConfig::builder().status_code("200").build();
    let fixed = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(fixed).build();
    stage.set_default(80, &[("shop-code1", 1)]).await;
    stage.set_default_action(8080, fixed).await;
    refused(&["no forward action with a twin", "fixed-response"]).await;
    stage.world.elb().delete_listener().listener_arn(&stage.shop.listeners[&8080]).send().await.unwrap();
    refused(&["no listener on port 8080, the counterpart of port 80"]).await;
    stage.world.elb().delete_listener().listener_arn(&stage.shop.listeners[&80]).send().await.unwrap();
    refused(&["none of the port pairs", "no listener"]).await;
}

//! Bad events and parameters: what each gets. Nothing is changed, and the next event works.

use local_aws::lambda::Outcome;
use serde_json::{Value, json};

use product_stage::function::{Stage, rules_only, shop};

async fn the_next_event_works(stage: &Stage) {
    let (_, variables) = stage.job(shop(json!({ "PromoteTo": "Code1" }))).await.succeeded();
    assert_eq!(variables["Live"], "Code1");
}

#[tokio::test]
async fn an_event_without_job_and_parameters_is_an_error_that_says_so() {
    let stage = Stage::new().await;
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let cases = [
        ("{}", "neither \"CodePipeline.job\" nor \"ElbName\""),
        ("[]", "the event is a list"),
        ("\"flip\"", "the event is a string"),
        ("null", "the event is null"),
        (deep.as_str(), "the event is a list"),
        ("{\"CodePipeline.job\":{}}", "the key id is missing"),
        ("{\"CodePipeline.job\":{\"id\":7}}", "no readable id"),
        ("{\"CodePipeline.job\":[]}", "no readable id"),
    ];
    for (event, expected) in cases {
        let invocation = stage.lambda.invoke(event.as_bytes()).await.unwrap();
        match invocation.outcome {
            Outcome::FunctionError { message, .. } => assert!(message.contains(expected), "{expected:?} not in {message:?}"),
            other => panic!("{event:.40}: {other:?}"),
        }
    }
    the_next_event_works(&stage).await;
}

#[tokio::test]
async fn an_event_that_is_not_json_is_the_runtimes_own_error() {
    let stage = Stage::new().await;
    for event in ["", "not json", "{\"CodePipeline.job\":"] {
        let invocation = stage.lambda.invoke(event.as_bytes()).await.unwrap();
        assert!(matches!(invocation.outcome, Outcome::FunctionError { .. }), "{event}: {:?}", invocation.outcome);
    }
    the_next_event_works(&stage).await;
}

#[tokio::test]
async fn a_job_without_configuration_fails_as_a_configuration_error() {
    let stage = Stage::new().await;
    for cut in ["/data", "/data/actionConfiguration", "/data/actionConfiguration/configuration"] {
        let id = stage.world.jobs.create_job("{}");
        let mut event = stage.world.jobs.event(&id);
        let (parent, key) = cut.rsplit_once('/').unwrap();
        event["CodePipeline.job"].pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(key);
        stage.lambda.invoke(event.to_string().as_bytes()).await.unwrap();
        match stage.world.jobs.state(&id).unwrap() {
            local_aws::jobs::JobState::Failed { r#type, message, .. } => {
                assert_eq!(r#type, "ConfigurationError");
                assert!(message.contains(&format!("the job has no {key}")), "{message}");
            }
            other => panic!("{cut}: {other:?}"),
        }
    }
    the_next_event_works(&stage).await;
}

#[tokio::test]
async fn wrong_parameters_fail_the_job_with_key_found_and_expected() {
    let stage = Stage::new().await;
    let before = stage.world.snapshot().await.unwrap();
    let cases: [(&str, &[&str]); 19] = [
        ("", &["UserParameters is empty", "ElbName, Action"]),
        ("  ", &["UserParameters is empty"]),
        ("flip shop", &["not JSON"]),
        ("{\"ElbName\":\"shop\"", &["not JSON"]),
        ("[\"shop\"]", &["not a JSON object but a list"]),
        ("\"shop\"", &["not a JSON object but a string"]),
        ("{}", &["ElbName is missing"]),
        (r#"{"ElbName":""}"#, &["ElbName is empty", "1 to 32 letters"]),
        (r#"{"ElbName":7}"#, &["ElbName is 7"]),
        (r#"{"ElbName":"shop","elbname":"x"}"#, &["unknown key \"elbname\"", "known keys are ElbName"]),
        (r#"{"ElbName":"shop","ElbName":"shop"}"#, &["ElbName is given twice"]),
        (r#"{"ElbName":"sh\u0000op"}"#, &["ElbName is \"sh\\0op\""]),
        (r#"{"ElbName":"shop","PromoteTo":"Co\nde2"}"#, &["PromoteTo is \"Co\\nde2\""]),
        (r#"{"ElbName":"shop","PromoteTo":""}"#, &["PromoteTo is empty"]),
        (r#"{"ElbName":"shop","Force":"yes"}"#, &["Force is \"yes\"", "true or false"]),
        (r#"{"ElbName":"shop","MinCapacity":101}"#, &["MinCapacity is 101", "0 to 100"]),
        (r#"{"ElbName":"shop","Action":"toggle"}"#, &["Action is \"toggle\"", "\"flip\" (unless given) or \"check\""]),
        (r##"{"ElbName":"shop","Execution":"#{codepipeline.Foo}"}"##, &["Execution is \"#{codepipeline.Foo}\""]),
        (r#"{"ElbName":"-","Ports":"80","MinCapacity":-1}"#, &["ElbName is \"-\"", "LIVE:TEST", "MinCapacity is -1"]),
    ];
    for (parameters, expected) in cases {
        let ended = stage.job_with_text(parameters).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "ConfigurationError", "{parameters}");
        for part in expected {
            assert!(message.contains(part), "{parameters}: {part:?} not in {message:?}");
        }
        assert_eq!(ended.deliveries.len(), 1);
    }
    assert_eq!(before, stage.world.snapshot().await.unwrap());
    the_next_event_works(&stage).await;
}

#[tokio::test]
async fn user_parameters_that_are_no_text_fail_the_job() {
    let stage = Stage::new().await;
    let id = stage.world.jobs.create(json!({ "FunctionName": "blue-green-flip", "UserParameters": { "ElbName": "shop" } }));
    let ended = stage.deliver(&id).await;
    assert!(ended.failed().1.contains("UserParameters is an object, expected a string"), "{:?}", ended.state);
}

#[tokio::test]
async fn an_unfit_load_balancer_is_a_configuration_error_with_its_ports() {
    let stage = Stage::new().await;
    let elb = stage.world.elb();
    let ends = async |parameters: Value, wanted: &str, expected: &[&str]| {
        let before = rules_only(&stage.world.snapshot().await.unwrap());
        let ended = stage.job(parameters).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, wanted, "{message}");
        for part in expected {
            assert!(message.contains(part), "{part:?} not in {message:?}");
        }
        assert_eq!(before, rules_only(&stage.world.snapshot().await.unwrap()));
    };
    let fails = async |parameters: Value, expected: &[&str]| ends(parameters, "ConfigurationError", expected).await;
    fails(json!({ "ElbName": "nobody" }), &["no load balancer is named nobody", "eu-central-1"]).await;
    fails(shop(json!({ "PromoteTo": "Code3" })), &["\"Code3\"", "shop-code1", "shop-code2"]).await;
    fails(shop(json!({ "Ports": "81:8081" })), &["none of the port pairs 81:8081", "ports 80, 8080"]).await;
    // The same group on both ports, first with the other one standing by, then with nothing that tells it.
    stage.set_default(8080, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    ends(shop(json!({})), "JobFailed", &["port 8080, default action forwards to Code1 100", "with PromoteTo: Code1 or Code2"])
        .await;
    stage.set_default(80, &[("shop-code1", 1)]).await;
    stage.set_default(8080, &[("shop-code1", 1)]).await;
    fails(shop(json!({})), &["forward to the same target group", "weight 0", "PromoteTo"]).await;
    // No forward action on either port.
    for port in [80, 8080] {
        use aws_sdk_elasticloadbalancingv2::types::{Action, ActionTypeEnum, FixedResponseActionConfig};
        let answer = FixedResponseActionConfig::builder().status_code("404").build();
        let action = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(answer).build();
        elb.modify_listener().listener_arn(&stage.balancer.listeners[&port]).default_actions(action).send().await.unwrap();
    }
    fails(shop(json!({})), &["shop", "no forward action", "80:8080", "fixed-response"]).await;
    elb.delete_listener().listener_arn(&stage.balancer.listeners[&8080]).send().await.unwrap();
    fails(shop(json!({})), &["none of the port pairs", "port 80"]).await;
}

#[tokio::test]
async fn a_missing_counterpart_of_a_listener_is_a_configuration_error() {
    for gone in [80, 8080] {
        let stage = Stage::new().await;
        stage.world.elb().delete_listener().listener_arn(&stage.balancer.listeners[&gone]).send().await.unwrap();
        let ended = stage.job(shop(json!({}))).await;
        let (kind, message) = ended.failed();
        assert_eq!(kind, "ConfigurationError");
        assert!(message.contains(&format!("shop has no listener on port {gone}")), "{message}");
    }
}

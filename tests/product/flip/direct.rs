//! Direct invocation: the report is the answer, a refusal is a function error.

use local_aws::lambda::Outcome;
use serde_json::{Value, json};

use product_stage::function::{Stage, shop};

#[tokio::test]
async fn the_report_is_the_answer() {
    let stage = Stage::new().await;
    let invocation = stage.lambda.invoke(shop(json!({ "PromoteTo": "Code2" })).to_string().as_bytes()).await.unwrap();
    let report: Value = serde_json::from_str(invocation.answer().unwrap()).unwrap();
    assert_eq!((&report["Live"], &report["Test"], &report["Changed"]), (&json!("Code2"), &json!("Code1"), &json!(true)));
    assert_eq!((&report["LiveImage"], &report["TestImage"]), (&json!("v2"), &json!("v1")));
    assert_eq!(stage.versions().await, ("v2".into(), "v1".into()));
}

#[tokio::test]
async fn a_refusal_is_a_function_error_that_carries_it() {
    let stage = Stage::new().await;
    for (parameters, expected) in [
        (shop(json!({ "PromoteImage": "v9" })), "PromoteImage asks for v9"),
        (json!({ "ElbName": "shop", "Wrong": 1 }), "unknown key \"Wrong\""),
        (json!({ "ElbName": "nobody" }), "no load balancer is named nobody"),
    ] {
        let invocation = stage.lambda.invoke(parameters.to_string().as_bytes()).await.unwrap();
        match invocation.outcome {
            Outcome::FunctionError { message, .. } => assert!(message.contains(expected), "{message}"),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(stage.version(80).await, "v1");
}

#[tokio::test]
async fn the_same_request_delivered_again_does_not_flip_back() {
    let stage = Stage::new().await;
    let event = shop(json!({})).to_string();
    let first = stage.lambda.invoke(event.as_bytes()).await.unwrap();
    for _ in 0..2 {
        let again = stage.lambda.deliver_once(&first.request_id, event.as_bytes()).await.unwrap();
        assert!(again.answer().unwrap().contains("\"Changed\":true"));
        assert_eq!(stage.version(80).await, "v2");
    }
}

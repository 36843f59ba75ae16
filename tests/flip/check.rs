//! A check: what a flip would do, and labels brought in line.

use local_aws::world::Pair;
use serde_json::json;

use crate::stage::{Stage, rules_only, shop};

#[tokio::test]
async fn a_check_says_what_a_flip_would_do_and_moves_nothing() {
    let stage = Stage::new().await;
    let before = stage.world.snapshot().await.unwrap();
    let (summary, variables) = stage.job(shop(json!({ "Action": "check" }))).await.succeeded();
    assert!(summary.contains("A flip would make Code2 (target group shop-code2, image v2) live"), "{summary}");
    assert!(summary.contains("port 80, default action: Code1 100, Code2 0 -> Code1 0, Code2 100"), "{summary}");
    assert_eq!(
        (variables["Live"].as_str(), variables["Test"].as_str(), variables["Changed"].as_str()),
        ("Code1", "Code2", "false")
    );
    assert_eq!(before, stage.world.snapshot().await.unwrap());
}

#[tokio::test]
async fn a_check_of_a_flip_that_would_be_refused_fails_with_the_reason() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(2, 1))).await;
    let ended = stage.job(shop(json!({ "Action": "check" }))).await;
    assert_eq!(ended.failed().0, "JobFailed");
    assert!(ended.failed().1.contains("has too few healthy targets: 1, where 2 are required"), "{:?}", ended.state);
}

#[tokio::test]
async fn a_check_brings_labels_in_line_with_the_listeners() {
    let stage = Stage::new().await;
    let before = stage.world.snapshot().await.unwrap();
    stage.set_tag("shop-code1", "IsProduction", "false").await;
    let (summary, _) = stage.job(shop(json!({ "Action": "check" }))).await.succeeded();
    assert!(summary.contains("Label brought in line: tag Code1: IsProduction = true"), "{summary}");
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

//! A flip, and back.

use local_aws::world::{Pair, Rule, path};
use serde_json::json;

use product_stage::function::{Stage, rules_only, shop};

#[tokio::test]
async fn an_approval_makes_a_rehearsal_live_and_a_second_takes_it_back() {
    let stage = Stage::new().await;
    assert_eq!(stage.versions().await, ("v1".into(), "v2".into()));

    let (summary, variables) = stage.job(shop(json!({}))).await.succeeded();
    assert_eq!(stage.versions().await, ("v2".into(), "v1".into()));
    assert!(summary.starts_with("Code2 (target group shop-code2, image v2) is live"), "{summary}");
    let expected = [("Changed", "true"), ("Live", "Code2"), ("LiveImage", "v2"), ("Test", "Code1"), ("TestImage", "v1")];
    for (name, value) in expected {
        assert_eq!(variables[name], value, "{name}");
    }
    assert_eq!(variables["Summary"], summary);
    assert_eq!(stage.tag("shop-code2", "IsProduction").await.as_deref(), Some("true"));
    assert_eq!(stage.tag("shop-code1", "IsProduction").await.as_deref(), Some("false"));

    let (_, variables) = stage.job(shop(json!({}))).await.succeeded();
    assert_eq!(stage.versions().await, ("v1".into(), "v2".into()));
    assert_eq!((variables["Live"].as_str(), variables["Changed"].as_str()), ("Code1", "true"));
}

#[tokio::test]
async fn a_group_that_is_live_already_is_a_success_that_changes_nothing() {
    let stage = Stage::new().await;
    let before = stage.world.snapshot().await.unwrap();
    for _ in 0..2 {
        let (summary, variables) = stage.job(shop(json!({ "PromoteTo": "Code1", "PromoteImage": "v1" }))).await.succeeded();
        assert!(summary.contains("live already"), "{summary}");
        assert_eq!((variables["Live"].as_str(), variables["Changed"].as_str()), ("Code1", "false"));
    }
    let after = stage.world.snapshot().await.unwrap();
    assert_eq!(rules_only(&before), rules_only(&after));
}

#[tokio::test]
async fn rules_and_default_actions_move_together_and_come_back_exactly() {
    let rule = |priority, pattern| Rule::new(priority, "shop", [path(pattern)]);
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(rule(10, "/api/*")).rule(rule(20, "/shop/*"))).await;
    let before = stage.world.snapshot().await.unwrap();
    stage.job(shop(json!({ "PromoteTo": "shop-code2" }))).await.succeeded();
    let flipped = stage.world.snapshot().await.unwrap();
    assert_ne!(rules_only(&before), rules_only(&flipped));
    stage.job(shop(json!({ "PromoteTo": "shop-code1" }))).await.succeeded();
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

#[tokio::test]
async fn plain_forwards_are_read_and_weighted_ones_are_written() {
    let stage = Stage::with(|spec| spec.single_group_forwards()).await;
    let weights = |snapshot: &str| [100, 0].map(|weight| snapshot.matches(&format!("<Weight>{weight}</Weight>")).count());
    assert_eq!(weights(&stage.world.snapshot().await.unwrap()), [0, 0]);
    stage.job(shop(json!({}))).await.succeeded();
    assert_eq!(stage.versions().await, ("v2".into(), "v1".into()));
    // Two listeners, whose default actions are listed as such and as default rules.
    let snapshot = stage.world.snapshot().await.unwrap();
    assert_eq!(weights(&snapshot), [4, 4], "{snapshot}");
}

#[tokio::test]
async fn a_label_that_disagrees_is_mended_without_moving_traffic() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", "IsProduction", "true").await;
    let (_, variables) = stage.job(shop(json!({ "PromoteTo": "Code1" }))).await.succeeded();
    assert_eq!(variables["Changed"], "false");
    assert_eq!(stage.tag("shop-code2", "IsProduction").await.as_deref(), Some("false"));
}

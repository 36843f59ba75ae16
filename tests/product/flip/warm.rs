//! A warm function, whose connections somebody closed since its last event.

use product_stage::function::{Stage, shop};
use serde_json::json;

/// Flips to a group. Returns how many calls it took, each of which was answered well.
async fn flipped(stage: &Stage, number: usize, group: &str) -> usize {
    stage.world.gateway.reset_calls();
    let asked = json!({ "PromoteTo": group, "Execution": format!("run-{number}") });
    stage.job(shop(asked)).await.succeeded();
    let calls = stage.world.gateway.calls();
    assert!(calls.iter().all(|call| call.status == Some(200)), "{calls:#?}");
    calls.len()
}

#[tokio::test]
async fn closed_connections_cost_a_warm_function_no_call() {
    let stage = Stage::new().await;
    flipped(&stage, 1, "Code2").await;
    let open = flipped(&stage, 2, "Code1").await;
    flipped(&stage, 3, "Code2").await;
    let before = stage.world.gateway.connections();
    stage.world.gateway.close_connections().await;
    let closed = flipped(&stage, 4, "Code1").await;
    // A call that fails on a connection would be made once more, after a pause.
    assert_eq!(closed, open);
    assert!(stage.world.gateway.connections() > before);
}

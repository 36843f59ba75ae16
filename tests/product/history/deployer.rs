//! `deployer history`.

use serde_json::{Value, json};

use super::stage::{history, released_and_taken_back, releases};
use crate::roll::stage::Stage;

/// What a test looks at.
fn told(release: &Value) -> Value {
    json!([release["version"], release["by"], release["outcome"], release["taken_back_by"], release["place"]])
}

#[tokio::test]
async fn a_pipeline_says_who_released_and_who_took_it_back() {
    let pipeline = released_and_taken_back().await;
    let found = releases(&pipeline.world, &["--pipeline", "shop"]).await;
    let expected = [json!(["1.0", "bob", "live", null, "Code1"]), json!(["1.1", "ann", "taken-back", "bob", "Code2"])];
    assert_eq!(found.iter().map(told).collect::<Vec<_>>(), expected, "{found:#?}");
    assert_eq!(found[1]["until"], found[0]["at"]);
    let (code, table, error) = history(&pipeline.world, &["--pipeline", "shop"]).await;
    assert_eq!((code, error.as_str()), (0, ""));
    for text in ["taken back by bob", "flip to Code2", "1.1", "ann", "live for"] {
        assert!(table.contains(text), "{text}: {table}");
    }
}

#[tokio::test]
async fn records_and_pipeline_are_one_list() {
    let pipeline = released_and_taken_back().await;
    let both = releases(&pipeline.world, &["--pipeline", "shop", "--elb", "shop"]).await;
    assert_eq!(both.len(), 2, "each flip once: {both:#?}");
    // A direct call has no pipeline: its record alone tells of it.
    let payload = json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": "by-hand" }).to_string();
    pipeline.lambda.deliver(payload.as_bytes()).await.unwrap();
    let found = releases(&pipeline.world, &["--pipeline", "shop", "--elb", "shop"]).await;
    assert_eq!(told(&found[0]), json!(["1.1", null, "live", null, "Code2"]), "{found:#?}");
    assert_eq!(
        told(&found[1]),
        json!(["1.0", "bob", "taken-back", null, "Code1"]),
        "taken back by whom nobody knows: {found:#?}"
    );
    assert_eq!(found.len(), 3);
    let records = releases(&pipeline.world, &["--elb", "shop"]).await;
    assert_eq!(records.len(), 3, "without the pipeline too: {records:#?}");
}

#[tokio::test]
async fn rolls_say_what_failed_and_what_runs() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    stage.push_running("bad", "echo no; exit 3").await;
    stage.deploy("v2").await.ended(0, &[]);
    stage.deploy("bad").await.ended(6, &[]);
    let found = releases(&stage.world, &["--service", "main/web"]).await;
    let told: Vec<Value> = found.iter().map(|r| json!([r["version"], r["outcome"]])).collect();
    assert!(told.contains(&json!(["v2", "live"])) && told.contains(&json!(["bad", "failed"])), "{found:#?}");
    assert!(told.contains(&json!(["v1", "replaced"])), "{found:#?}");
}

#[tokio::test]
async fn wrong_places_are_named() {
    let pipeline = released_and_taken_back().await;
    let world = &pipeline.world;
    for (arguments, code, text) in [
        (&[][..], 2, "--pipeline"),
        (&["--service", "web"], 2, "expected CLUSTER/SERVICE"),
        (&["--elb", "a b"], 2, "1 to 32 letters"),
        (&["--pipeline", "other"], 5, "other"),
        (&["--service", "shop/none"], 5, "none"),
    ] {
        let (found, _, error) = history(world, arguments).await;
        assert!(found == code && error.contains(text), "{arguments:?} ended with {found}: {error}");
    }
}

#[tokio::test]
async fn a_past_of_many_pages_is_read_to_its_end() {
    let pipeline = released_and_taken_back().await;
    for _ in 0..150 {
        pipeline.approve(&local_aws::pipeline::Execution::begin(), "carol");
    }
    let found = releases(&pipeline.world, &["--pipeline", "shop"]).await;
    assert_eq!(found.len(), 2, "{found:#?}");
    assert_eq!(releases(&pipeline.world, &["--pipeline", "shop", "--limit", "1"]).await.len(), 1);
}

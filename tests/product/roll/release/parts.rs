//! Which members go alone: the four cases of a release of a part, outside production and in it.

use super::Bundle;

/// Releases `v2` of these members alone, outside production; in production the same is refused.
async fn released(only: &str, updates: usize) {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    bundle.write("production: true\n");
    bundle.release("41", "v2", &["--only", only]).await.ended(3, &["--only is not for production", "Nothing was changed"]);
    bundle.write("");
    bundle.stage.world.gateway.reset_calls();
    bundle.release("42", "v2", &["--only", only]).await.ended(0, &["release 42 is made"]);
    assert_eq!(bundle.stage.calls("UpdateService"), updates);
}

#[tokio::test]
async fn the_front_end_goes_alone() {
    released("web", 1).await;
}

#[tokio::test]
async fn everything_but_the_ingester_goes() {
    released("web,indexer,mailer,deployment", 3).await;
}

#[tokio::test]
async fn the_back_end_goes_before_the_front_end() {
    released("indexer,deployment", 1).await;
}

#[tokio::test]
async fn the_deployment_goes_alone() {
    released("deployment", 0).await;
}

#[tokio::test]
async fn half_of_what_belongs_together_is_refused_where_nobody_chose() {
    let bundle = Bundle::new().await;
    bundle.push("v2").await;
    // The indexer of v2 is that of v1.
    bundle.stage.push_image("v2-indexer", local_aws::ecs::registry::Image { version: "v1-indexer", ..Default::default() }).await;
    let run = bundle.release("42", "v2", &[]).await;
    run.ended(3, &["indexer and deployment belong together", "only deployment is new", "Nothing was changed"]);
    assert_eq!(bundle.stage.calls("RegisterTaskDefinition"), 0);
    bundle.stage.run(&["roll", "release", "--release", "42", "--set", "tag=v2", "--only", "nobody"]).await.ended(3, &["nobody"]);
}

//! Going back, always to what ran.

use super::Stage;

#[tokio::test]
async fn back_goes_to_the_last_success_and_not_to_the_revision_before() {
    let stage = Stage::new().await;
    stage.push("v2").await;
    // Registered by somebody, and never deployed: web:2.
    stage.register(&stage.document("v9")).await;
    stage.deploy("v2").await.ended(0, &["main/web runs web:3"]);
    // The digest that web:1 ran with is pinned, since its tag may have moved.
    stage
        .roll("back", &[])
        .await
        .ended(0, &["web:3 → web:4", "a copy of web:1 with the digests of that time", "main/web runs web:4 again"]);
    let image = stage.described("web:4").await["taskDefinition"]["containerDefinitions"][0]["image"].clone();
    assert!(image.as_str().unwrap().contains("@sha256:"), "{image}");
    // And forth again: what succeeded before the present one, its sidecar pinned too.
    stage.roll("back", &[]).await.ended(0, &["a copy of web:3", "main/web runs web:5 again"]);
}

#[tokio::test]
async fn an_inactive_target_is_registered_anew() {
    let stage = Stage::new().await;
    for tag in ["v2", "v3"] {
        stage.push(tag).await;
        stage.deploy(tag).await.ended(0, &[]);
    }
    stage.world.ecs().deregister_task_definition().task_definition("web:2").send().await.unwrap();
    stage.roll("back", &["--to", "web:2"]).await.ended(0, &["registered web:4, a copy of web:2", "main/web runs web:4 again"]);
}

#[tokio::test]
async fn back_without_a_former_success_is_refused() {
    let stage = Stage::new().await;
    stage.roll("back", &[]).await.ended(3, &["no deployment of main/web that succeeded before web:1 is known", "--to"]);
    assert_eq!(stage.calls("UpdateService"), 0);
}

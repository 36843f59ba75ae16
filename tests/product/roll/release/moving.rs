//! Tags that move: `latest`, `latest-indexer`, …

use local_aws::gateway::{At, Fault, FaultKind, Lasts};

use super::Bundle;

/// A bundle whose definitions name `latest` everywhere, running what `latest` was at first.
async fn latest() -> Bundle {
    let bundle = Bundle::new().await;
    bundle.write("moving: true\n");
    bundle.push("latest").await;
    bundle.release("1", "latest", &[]).await.ended(0, &["release 1 is made"]);
    bundle
}

/// What the page of the service behind the load balancer shows.
async fn shown(bundle: &Bundle) -> Vec<String> {
    let load = local_aws::load::Load::start(&[bundle.stage.clients()]);
    load.each_asked(5).await.unwrap();
    load.stop().await.unwrap().versions("live").into_keys().collect()
}

/// Pushes a new image under every tag that moves.
async fn move_tags(bundle: &Bundle, version: &str) {
    for suffix in ["", "-indexer", "-ingester", "-mailer", "-nightly"] {
        let image = local_aws::ecs::registry::Image { version: &format!("{version}{suffix}"), ..Default::default() };
        bundle.stage.push_image(&format!("latest{suffix}"), image).await;
    }
    bundle.stage.push_running("latest-deployment", &format!("echo deployed {version}")).await;
}

#[tokio::test]
async fn a_forced_deployment_reads_the_tags_and_their_digests_are_kept() {
    let bundle = latest().await;
    move_tags(&bundle, "second").await;
    bundle.release("2", "latest", &[]).await.ended(0, &["release 2 is made", "deployed second"]);
    assert_eq!(shown(&bundle).await, ["second"]);
    let definition = bundle.service("web").await["taskDefinition"].as_str().unwrap().to_owned();
    let described = bundle.stage.described(&definition).await;
    assert!(
        described["taskDefinition"]["containerDefinitions"][0]["image"].as_str().unwrap().ends_with(":latest"),
        "{described}"
    );
    let tags = described["tags"].as_array().unwrap();
    assert!(tags.iter().any(|tag| tag["key"] == "bluegreen:digest.web"), "{tags:?}");
}

#[tokio::test]
async fn an_undo_goes_to_the_digests_that_ran_and_not_to_the_tags() {
    let bundle = latest().await;
    move_tags(&bundle, "second").await;
    bundle.push_bad("latest-mailer").await;
    // ECS's own rollback is not allowed: the way back is a deployment.
    let (kind, lasts) = (FaultKind::AccessDenied, Lasts::ForGood);
    bundle.stage.world.gateway.inject(Fault { at: At::Action("StopServiceDeployment".to_owned(), 1), kind, lasts });
    let run = bundle.release("2", "latest", &[]).await;
    run.ended(6, &["Everything is as before", "with the digests of that time"]);
    assert_eq!(shown(&bundle).await, ["latest"]);
}

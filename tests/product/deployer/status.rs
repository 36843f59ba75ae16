//! `deployer status`: which version is where.

use local_aws::world::{Pair, Rule, path};

use crate::deployer::stage::{Stage, idle_pair};

#[tokio::test]
async fn it_shows_versions_ports_images_and_health() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(2, 1)).ports(80, 8080).ports(443, 8443)).await;
    stage.service("main", "shop-code1", "shop-code1", "registry.example/shop:v1").await;
    let run = stage.deployer(&["status"]).await;
    run.ended(0, &[]);
    insta::assert_snapshot!("status", stage.tidy(&run.out));
    assert_eq!(run.err, "");
}

#[tokio::test]
async fn it_shows_the_last_flip_the_fence_and_labels_that_disagree() {
    let stage = Stage::new().await;
    stage.flip("exec-1").await;
    stage.build_for("exec-2").await.ended(0, &[]);
    stage.service("main", "shop-code1", "shop-code1", "registry.example/shop:v9").await;
    let run = stage.deployer(&["status"]).await;
    run.ended(0, &[]);
    insta::assert_snapshot!("status_after_a_flip", stage.tidy(&format!("{}{}", run.out, run.err)));
}

#[tokio::test]
async fn it_shows_what_is_half_done() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    stage.set_default(80, &[("shop-code1", 25), ("shop-code2", 75)]).await;
    let run = stage.deployer(&["status"]).await;
    run.ended(0, &[]);
    insta::assert_snapshot!("status_half_done", stage.tidy(&format!("{}{}", run.out, run.err)));
}

#[tokio::test]
async fn machines_get_json() {
    let stage = Stage::with(|spec| {
        spec.pair(Pair::new("shop").targets(1, 1)).pair(idle_pair("cart").service("main/cart")).rule(Rule::new(
            10,
            "cart",
            [path("/cart/*")],
        ))
    });
    let stage = stage.await;
    stage.flip("exec-1").await;
    let run = stage.deployer(&["status", "--json"]).await;
    run.ended(0, &[]);
    let json = run.json();
    assert_eq!(json["versions"][2]["group"], "shop-code2");
    assert_eq!(json["versions"][2]["role"], "live");
    assert_eq!(json["versions"][2]["healthy"], 1);
    assert_eq!(json["flips"][0]["id"], "exec-1");
    insta::assert_snapshot!("status_json", stage.tidy(&run.out));
}

#[tokio::test]
async fn only_a_terminal_is_coloured() {
    let stage = Stage::new().await;
    for verb in ["status", "plan", "doctor"] {
        let run = stage.deployer(&[verb]).await;
        assert!(!run.out.contains('\x1b') && !run.err.contains('\x1b'), "{run:?}");
    }
    let (_, shown) = stage.at_a_terminal(&["status"], "").await;
    assert!(shown.contains("\x1b["), "{shown}");
}

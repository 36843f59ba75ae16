//! `deployer unfence`: shows, asks, takes off.

use local_aws::gateway::At;

use crate::deployer::stage::Stage;

const FENCE: &str = "bluegreen:build";
const THEIRS: &str = "v1 exec-1 v8 2026-01-02T03:04:05Z";

#[tokio::test]
async fn it_shows_whose_fence_it_is_and_what_runs_there() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", FENCE, THEIRS).await;
    stage.service("main", "shop-code2", "shop-code2", "registry.example/shop:v8").await;
    let run = stage.deployer(&["unfence", "--yes"]).await;
    run.ended(0, &["shop-code2", "exec-1", "2026-01-02T03:04:05Z", "v8", "registry.example/shop:v8"]);
    assert_eq!(run.out, "the fence of execution exec-1 around shop-code2 is off\n");
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"));
    let run = stage.deployer(&["unfence", "--yes"]).await;
    run.ended(0, &[]);
    assert_eq!(run.out, "shop has no fence: nothing to take off\n");
}

#[tokio::test]
async fn without_a_terminal_it_does_nothing_unasked() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", FENCE, THEIRS).await;
    stage.deployer(&["unfence"]).await.ended(2, &["this is not a terminal", "--yes"]);
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(THEIRS));
}

#[tokio::test]
async fn one_group_can_be_named() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code1", FENCE, THEIRS).await;
    stage.set_tag("shop-code2", FENCE, THEIRS).await;
    stage.deployer(&["unfence", "--yes", "--group", "nobody"]).await.ended(2, &["there are shop-code1, shop-code2"]);
    stage.deployer(&["unfence", "--yes", "--group", "shop-code2"]).await.ended(0, &[]);
    assert_eq!(stage.tag("shop-code1", FENCE).await.as_deref(), Some(THEIRS));
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"));
}

#[tokio::test]
async fn a_fence_that_was_not_shown_is_not_taken_off() {
    let stage = Stage::new().await;
    let newer = "v1 exec-2 v9 2026-01-02T03:05:00Z";
    for meanwhile in [newer, "-"] {
        stage.set_tag("shop-code1", FENCE, THEIRS).await;
        stage.set_tag("shop-code2", FENCE, THEIRS).await;
        stage.world.gateway.reset_calls();
        // The second look, at the tags.
        let second = stage.world.gateway.pause_at(At::Action("DescribeTags".to_owned(), 2));
        let changed = async {
            second.reached().await;
            stage.set_tag("shop-code2", FENCE, meanwhile).await;
            second.release();
        };
        let (run, ()) = tokio::join!(stage.deployer(&["unfence", "--yes"]), changed);
        let now = format!("bluegreen:build is {meanwhile:?} now");
        run.ended(3, &["the fence around shop-code2 is not the one that was shown", &now, "Nothing was taken off"]);
        assert_eq!(run.out, "");
        assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(meanwhile));
        assert_eq!(stage.tag("shop-code1", FENCE).await.as_deref(), Some(THEIRS));
    }
}

#[tokio::test]
async fn at_a_terminal_it_asks() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code2", FENCE, THEIRS).await;
    let (code, shown) = stage.at_a_terminal(&["unfence"], "n").await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains("any execution may promote what runs there") && shown.contains("the fence stays"), "{shown}");
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(THEIRS));
    let (code, shown) = stage.at_a_terminal(&["unfence"], "y").await;
    assert_eq!(code, 0, "{shown}");
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"), "{shown}");
}

//! A check: what a flip would do, and labels brought in line.

use local_aws::gateway::At;
use local_aws::world::Pair;
use serde_json::json;

use product_stage::function::{Stage, rules_only, shop};
use product_stage::services::serve;

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

#[tokio::test]
async fn a_check_of_what_is_live_says_so_and_what_the_test_port_lacks() {
    let stage = Stage::new().await;
    stage.set_default(8080, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    let (summary, variables) = stage.job(shop(json!({ "Action": "check", "PromoteTo": "Code1" }))).await.succeeded();
    assert!(summary.contains("is live already: a flip would only put Code2"), "{summary}");
    assert_eq!((variables["Live"].as_str(), variables["Test"].as_str()), ("Code1", "Code2"));
}

#[tokio::test]
async fn a_refused_check_tells_the_labels_that_it_wrote() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(2, 1))).await;
    stage.set_tag("shop-code1", "IsProduction", "false").await;
    let ended = stage.job(shop(json!({ "Action": "check" }))).await;
    let (kind, message) = ended.failed();
    assert_eq!(kind, "JobFailed");
    for part in ["2 are required", "No rule was changed. Labels brought in line before: tag Code1: IsProduction = true."] {
        assert!(message.contains(part), "{part:?} not in {message:?}");
    }
    assert!(!message.contains("Nothing was changed"), "{message}");
}

#[tokio::test]
async fn a_check_ends_no_fence_but_the_one_it_judged() {
    const FENCE: &str = "bluegreen:build";
    let check = || shop(json!({ "Action": "check" }));
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").service("main/shop-code2"))).await;
    serve(&stage.world, stage.balancer.group("shop-code2").unwrap(), "shop-code2", "v2").await;
    // The build of run-1 came and went: ECS has run another image since.
    stage.set_tag("shop-code2", FENCE, "v1 run-1 v9 2020-01-01T00:00:00Z").await;
    stage.world.gateway.reset_calls();
    let pause = stage.world.gateway.pause_at(At::Action("DescribeTaskDefinition".to_owned(), 1));
    let newer = "v1 run-2 v10 2020-01-02T00:00:00Z";
    let between = async {
        pause.reached().await;
        stage.set_tag("shop-code2", FENCE, newer).await;
        pause.release();
    };
    let (ended, ()) = futures::join!(stage.job(check()), between);
    assert!(ended.failed().1.contains("is being rebuilt with image v10 by execution run-2"), "{:?}", ended.state);
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(newer));
    // The next check judges that one.
    stage.job(check()).await.succeeded();
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"));
}

#[tokio::test]
async fn a_check_of_a_pipeline_execution_leaves_the_fence_of_another_one() {
    const FENCE: &str = "bluegreen:build";
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").service("main/shop-code2"))).await;
    serve(&stage.world, stage.balancer.group("shop-code2").unwrap(), "shop-code2", "v2").await;
    // What was deployed since is this execution's own; the build of run-2 is still on its way.
    let fence = "v1 run-2 v9 2020-01-01T00:00:00Z";
    stage.set_tag("shop-code2", FENCE, fence).await;
    let ended = stage.job(shop(json!({ "Action": "check", "Execution": "run-1" }))).await;
    assert!(ended.failed().1.contains("is being rebuilt with image v9 by execution run-2"), "{:?}", ended.state);
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some(fence));
    stage.job(shop(json!({ "Action": "check", "Execution": "run-2" }))).await.succeeded();
    assert_eq!(stage.tag("shop-code2", FENCE).await.as_deref(), Some("-"), "its own is over");
}

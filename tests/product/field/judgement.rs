//! One judgement: what the doctor, a plan and a check say of a load balancer is what the flip does.

use local_aws::jobs::JobState;
use local_aws::world::{Pair, Rule, host, path};
use serde_json::json;

use super::job;
use crate::deployer::doctor::add_rule;
use crate::deployer::stage::{Stage, idle_pair};

/// A service of our own, and another team's under a host of its own.
async fn shared() -> Stage {
    Stage::with(|spec| {
        spec.pair(Pair::new("shop")).pair(Pair::new("cart").images("c1", "c2")).rule(Rule::new(
            10,
            "cart",
            [host("cart.example.com")],
        ))
    })
    .await
}

async fn alone() -> Stage {
    Stage::with(|spec| spec.pair(Pair::new("shop"))).await
}

/// Asks all four of the pair of `group` and compares each with what is right, written by hand. Where there are several
/// pairs, `promote` names the group to make live.
async fn judged(what: &str, stage: &Stage, group: &str, promote: Option<&str>, flips: bool) {
    let code = if flips { 0 } else { 3 };
    for verb in ["doctor", "plan"] {
        let run = stage.deployer(&[verb, "--json", "--group", group]).await;
        assert_eq!(run.code, code, "{what}: {verb}: {run:?}");
    }
    for action in ["check", "flip"] {
        let mut asked = json!({ "ElbName": "shop", "Action": action });
        if let Some(promote) = promote {
            asked["PromoteTo"] = promote.into();
        }
        let ended = job(stage, asked).await;
        assert_eq!(matches!(ended, JobState::Succeeded { .. }), flips, "{what}: {action}: {ended:?}");
    }
}

#[tokio::test]
async fn of_one_service() {
    judged("as it is installed", &alone().await, "shop-code1", None, true).await;

    let stage = alone().await;
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    judged("a canary", &stage, "shop-code1", None, false).await;

    let stage = alone().await;
    stage.set_default(80, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    judged("both ports serve one group", &stage, "shop-code1", None, false).await;

    let stage = alone().await;
    let first = job(&stage, json!({ "ElbName": "shop" })).await;
    assert!(matches!(first, JobState::Succeeded { .. }), "{first:?}");
    stage.set_default(80, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    judged("a stack update took the live rule back, and no other", &stage, "shop-code1", None, false).await;

    let stage = Stage::with(|spec| spec.pair(idle_pair("shop"))).await;
    judged("nothing runs on the test side", &stage, "shop-code1", None, false).await;

    let stage = alone().await;
    add_rule(&stage, 80, 10, path("/api/*"), "shop-code1").await;
    judged("a live rule without a twin", &stage, "shop-code1", None, false).await;
}

#[tokio::test]
async fn of_a_service_beside_another_teams() {
    let stage = shared().await;
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    judged("another team's canary", &stage, "cart-code1", Some("cart-code2"), true).await;
    judged("the canary's own", &stage, "shop-code1", Some("shop-code2"), false).await;

    let stage = shared().await;
    add_rule(&stage, 80, 20, path("/old/*"), "shop-code1").await;
    judged("another team's rule without a twin", &stage, "cart-code1", Some("cart-code2"), true).await;

    let stage = shared().await;
    for (port, group) in [(80, "shop-code1"), (8080, "cart-code2")] {
        add_rule(&stage, port, 20, host("mixed.example.com"), group).await;
    }
    judged("a group opposite two others", &stage, "cart-code1", Some("cart-code2"), false).await;
}

/// Another team's groups stand opposite two others; nothing of that serves ours.
#[tokio::test]
async fn of_a_service_beside_groups_of_which_nothing_tells_the_pair() {
    let stage = Stage::with(|spec| {
        spec.pair(Pair::new("shop"))
            .pair(Pair::new("third").images("t1", "t2"))
            .pair(Pair::new("cart").images("c1", "c2"))
            .rule(Rule::new(10, "cart", [host("cart.example.com")]))
            .rule(Rule::new(11, "third", [host("third.example.com")]))
    })
    .await;
    for (port, group) in [(80, "shop-code1"), (8080, "third-code2")] {
        add_rule(&stage, port, 20, host("mixed.example.com"), group).await;
    }
    judged("another team's groups are opposite two others", &stage, "cart-code1", Some("cart-code2"), true).await;
}

/// Nothing that was found of a pair blocks where its flip is made, and what is refused names its reason.
#[tokio::test]
async fn of_two_pairs_each_is_judged_by_its_own_flip() {
    let stage = shared().await;
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    let run = stage.deployer(&["doctor", "--json"]).await;
    run.ended(3, &[]);
    let findings = run.json()["findings"].clone();
    let blocking = |finding: &&serde_json::Value| finding["severity"] == "blocks";
    let blocking: Vec<&str> =
        findings.as_array().unwrap().iter().filter(blocking).map(|finding| finding["what"].as_str().unwrap()).collect();
    assert_eq!(blocking.len(), 1, "{blocking:?}");
    assert!(blocking[0].contains("its weights are mixed"), "{blocking:?}");
}

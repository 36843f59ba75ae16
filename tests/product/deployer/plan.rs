//! `deployer plan`: what a flip would write, or why it would be refused.

use std::collections::BTreeMap;
use std::time::Duration;

use local_aws::world::{LoadBalancerSpec, Pair, Rule, path};
use serde_json::{Value, json};

use crate::deployer::stage::{Stage, idle_pair};

/// A table without its padding: how wide it is depends on the last digits of the time.
fn narrow(text: &str) -> String {
    let text = text.replace(['─', '═'], "");
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    text.lines().map(words).collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn it_shows_the_writes_of_a_flip() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    let before = stage.world.snapshot().await.unwrap();
    let run = stage.deployer(&["plan", "--execution", "exec-1", "--promote-image", "v2"]).await;
    run.ended(0, &[]);
    insta::assert_snapshot!("plan", narrow(&stage.tidy(&run.out)));
    let run = stage.deployer(&["plan", "--execution", "exec-1", "--promote-image", "v2", "--json"]).await;
    assert_eq!(run.json()["outcome"], "flip");
    insta::assert_snapshot!("plan_json", stage.tidy(&run.out));
    assert_eq!(stage.world.snapshot().await.unwrap(), before);
}

#[tokio::test]
async fn it_shows_every_reason_to_refuse() {
    let stage = Stage::new().await;
    let run = stage.deployer(&["plan"]).await;
    run.ended(3, &[]);
    insta::assert_snapshot!("plan_refused", stage.tidy(&run.out));
    let run = stage.deployer(&["plan", "--json"]).await;
    run.ended(3, &[]);
    assert_eq!(run.json()["blocked"][0]["NoHealthyTarget"]["required"], 1);
    stage.deployer(&["plan", "--force"]).await.ended(0, &[]);

    let wrong = stage.deployer(&["plan", "--force", "--promote-image", "v7"]).await;
    wrong.ended(3, &[]);
    assert!(wrong.out.contains("but --promote-image asks for v7"), "{wrong:?}");
    stage.build_for("exec-1").await.ended(0, &[]);
    let fenced = stage.deployer(&["plan", "--force"]).await;
    fenced.ended(3, &[]);
    assert!(fenced.out.contains("is being rebuilt with image v9 by execution exec-1"), "{fenced:?}");
    assert!(fenced.out.contains("pass it with --execution") && !fenced.out.contains("UserParameters"), "{fenced:?}");
    stage.deployer(&["plan", "--force", "--execution", "exec-1"]).await.ended(0, &[]);
    let unknown = stage.deployer(&["plan", "--promote-to", "Code3"]).await;
    unknown.ended(3, &[]);
    assert!(unknown.out.contains("\"Code3\""), "{unknown:?}");
}

#[tokio::test]
async fn what_is_live_already_is_nothing_to_do() {
    let stage = Stage::new().await;
    let run = stage.deployer(&["plan", "--promote-to", "Code1"]).await;
    run.ended(0, &[]);
    assert!(
        run.out.starts_with("Code1 (target group shop-code1, image v1) is live already: a flip would change no rule."),
        "{run:?}"
    );
    let json = stage.deployer(&["plan", "--promote-to", "Code1", "--json"]).await.json();
    assert_eq!((&json["outcome"], &json["promotions"][0]["change"]), (&"nothing-to-do".into(), &"nothing".into()));
}

#[tokio::test]
async fn several_services_are_promoted_by_name() {
    let stage =
        Stage::with(|spec| spec.pair(idle_pair("shop")).pair(idle_pair("cart")).rule(Rule::new(10, "cart", [path("/cart/*")])));
    let stage = stage.await;
    let run = stage.deployer(&["plan", "--force"]).await;
    run.ended(3, &[]);
    assert!(run.out.contains("carries 2 pairs of target groups"), "{run:?}");
    let run = stage.deployer(&["plan", "--force", "--promote-to", "shop-code2,cart-code2", "--json"]).await;
    run.ended(0, &[]);
    let promotions = run.json()["promotions"].clone();
    assert_eq!((&promotions[0]["change"], &promotions[1]["change"]), (&"live".into(), &"live".into()));
    let run = stage.deployer(&["plan", "--force", "--promote-to", "shop-code2,cart-code1"]).await;
    run.ended(0, &[]);
    assert!(run.out.contains("A flip would make Code2 (target group shop-code2, image v2) live"), "{run:?}");
    assert!(run.out.contains("Code1 (target group cart-code1, image v1) is live already"), "{run:?}");
}

/// The planned writes, by phase in their order: in each the calls and the first ARN that each names.
fn planned(plan: &Value) -> Vec<Vec<(String, String)>> {
    let mut phases: BTreeMap<usize, Vec<(String, String)>> = BTreeMap::new();
    for write in plan["writes"].as_array().unwrap() {
        let phase = ["records", "live", "test", "close"].iter().position(|phase| write["phase"] == **phase).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        phases.entry(phase).or_default().push((text(&write["call"]), text(&write["resources"][0])));
    }
    phases.into_values().map(sorted).collect()
}

fn sorted(mut writes: Vec<(String, String)>) -> Vec<(String, String)> {
    writes.sort();
    writes
}

/// What each rule forwards to, before or after.
fn weights(plan: &Value, when: &str) -> BTreeMap<String, String> {
    let rules = plan["writes"].as_array().unwrap().iter().filter(|write| write["call"] != "AddTags");
    rules.map(|write| (write["on"].to_string(), write[when].to_string())).collect()
}

/// Plans a flip, makes it with the real function, and compares.
async fn exactly(promote_to: &[&str], back_to: &[&str], spec: impl for<'a> FnOnce(LoadBalancerSpec<'a>) -> LoadBalancerSpec<'a>) {
    let stage = Stage::with(spec).await;
    let (to, back) = (promote_to.join(","), back_to.join(","));
    let arguments = ["plan", "--json", "--promote-to", &to, "--execution", "exec-1", "--min-capacity", "50"];
    let plan = stage.deployer(&arguments).await.json();
    let asked = json!({ "ElbName": "shop", "PromoteTo": to, "Execution": "exec-1", "MinCapacity": 50 });
    let lambda = stage.world.lambda(Duration::from_secs(60)).unwrap();
    let job = stage.world.jobs.create_job(&asked.to_string());
    stage.world.gateway.reset_calls();
    lambda.deliver(stage.world.jobs.event(&job).to_string().as_bytes()).await.unwrap();

    let calls = stage.world.gateway.calls();
    let writes = calls.iter().filter(|call| call.action == "AddTags" || call.action.starts_with("Modify"));
    let mut writes = writes.map(|call| (call.action.clone(), call.resource.clone().unwrap()));
    for phase in planned(&plan) {
        let made = sorted(writes.by_ref().take(phase.len()).collect());
        assert_eq!(made, phase, "{plan:#}");
    }
    assert_eq!(writes.next(), None, "the flip wrote more than was planned: {plan:#}");

    // The tags are those that were planned, but for the time.
    let untimed =
        |text: &str| text.rsplit_once(' ').filter(|(_, time)| time.ends_with('Z')).map_or(text, |(text, _)| text).to_owned();
    for write in plan["writes"].as_array().unwrap().iter().filter(|write| write["call"] == "AddTags") {
        for group in write["resources"].as_array().unwrap() {
            let (name, _) = stage.shop.groups.iter().find(|(_, arn)| group == *arn).unwrap();
            for tag in write["after"].as_str().unwrap().lines() {
                let (key, value) = tag.split_once(" = ").unwrap();
                // What names the job is not known before.
                if key.starts_with("bluegreen:") {
                    continue;
                }
                assert_eq!(untimed(&stage.tag(name, key).await.unwrap_or_default()), untimed(value), "{name}: {key}");
            }
        }
    }
    // So are the rules: what the way back finds is what was to be there.
    let way_back = stage.deployer(&["plan", "--json", "--promote-to", &back, "--execution", "exec-2"]).await.json();
    assert!(!weights(&plan, "after").is_empty());
    assert_eq!(weights(&way_back, "before"), weights(&plan, "after"));
}

#[tokio::test]
async fn it_shows_exactly_the_writes_of_the_flip_that_follows() {
    exactly(&["Code2"], &["Code1"], |spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
}

#[tokio::test]
async fn it_shows_exactly_the_writes_of_a_flip_of_three_services() {
    exactly(&["a-code2", "b-code2", "c-code2"], &["a-code1", "b-code1", "c-code1"], |spec| {
        let spec = spec.pair(Pair::new("a")).pair(Pair::new("b")).pair(Pair::new("c"));
        spec.rule(Rule::new(10, "b", [path("/b/*")])).rule(Rule::new(20, "c", [path("/c/*")]))
    })
    .await;
}

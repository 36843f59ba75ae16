//! Twenty pairs and a hundred rules a listener: more calls, no more round trips in a row; slower under throttling, and done.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use local_aws::world::{LoadBalancerSpec, Pair, Rule, path};
use serde_json::{Value, json};

use crate::kinds::traffic::{Flipped, asking, clients, under_load};
use product_stage::function::{Stage, shop};

const PAIRS: usize = 20;
/// With the default action, a hundred a listener.
const RULES: usize = 99;

fn pair(number: usize) -> String {
    format!("s{number}")
}

fn twenty<'a>(spec: LoadBalancerSpec<'a>, rules: usize) -> LoadBalancerSpec<'a> {
    let spec = (0..PAIRS).fold(spec, |spec, number| spec.pair(Pair::new(&pair(number))));
    (1..=rules).fold(spec, |spec, number| {
        let pattern = format!("/{number}/*");
        spec.rule(Rule::new(i32::try_from(number).unwrap(), &pair(number % PAIRS), [path(&pattern)]))
    })
}

async fn stage(rules: usize) -> Stage {
    Stage::with(|spec| twenty(spec, rules)).await
}

fn all(side: u8) -> Value {
    let names: Vec<String> = (0..PAIRS).map(|number| format!("{}-code{side}", pair(number))).collect();
    json!({ "PromoteTo": names.join(","), "Execution": "run-1" })
}

#[tokio::test]
async fn twenty_pairs_and_a_hundred_rules_take_as_many_round_trips_as_one_pair() {
    let stage = stage(RULES).await;
    stage.world.gateway.expect_rounds(&[1, 2, 84, 20, 100, 100, 4, 40, 1]);
    let (summary, _) = stage.job(shop(all(2))).await.succeeded();
    assert!(summary.contains("200 rules were changed"), "{summary}");
    let calls = stage.world.gateway.calls();
    let shown: Vec<_> = calls.iter().map(|call| (call.depth, call.action.as_str())).collect();
    let depth = |action: &str| calls.iter().filter(|call| call.action == action).map(|call| call.depth).collect::<BTreeSet<_>>();
    assert!(depth("ModifyRule").into_iter().eq([5, 6]), "{shown:?}");
    assert!(depth("ModifyListener").into_iter().eq([5, 6]), "{shown:?}");
    assert!(depth("PutJobSuccessResult").into_iter().eq([9]), "{shown:?}");
    assert_eq!(calls.len(), 352, "{shown:?}");
    // The way back in pages of two: no loop over a list stops early.
    stage.world.gateway.set_page_size(Some(2));
    let (summary, _) = stage.job(shop(all(1))).await.succeeded();
    assert!(summary.contains("200 rules were changed"), "{summary}");
}

#[tokio::test]
async fn where_init_knew_twenty_pairs_take_as_many_round_trips_as_one() {
    let mut stage = stage(PAIRS - 1).await;
    let settings = [("CALL_TIMEOUT_MS", "30000"), ("WAIT_SECONDS", "0"), ("ELB_NAME", "shop")];
    stage.lambda = stage.world.lambda_with(Duration::from_secs(60), settings).unwrap();
    stage.lambda.start().await.unwrap();
    let opened = stage.world.gateway.connections();
    stage.world.gateway.expect_rounds(&[44, 20, 20, 20, 4, 40, 1]);
    stage.job(shop(all(2))).await.succeeded();
    let calls = stage.world.gateway.calls();
    let answered = calls.iter().find(|call| call.action == "PutJobSuccessResult").unwrap();
    assert_eq!((answered.depth, calls.len()), (7, 149));
    assert!(calls.iter().all(|call| call.connection <= opened), "Init opened them all");
}

#[tokio::test]
async fn twenty_pairs_move_under_throttling_more_slowly_and_lose_nothing() {
    let stage = stage(PAIRS - 1).await;
    stage.world.gateway.set_throttling_emptied();
    let aims = [
        clients(&stage, "first", 80),
        asking(clients(&stage, "last", 80), "/19/1"),
        asking(clients(&stage, "test", 8080), "/19/1"),
    ];
    let began = Instant::now();
    let flipped = under_load(&stage, &aims, all(2)).await;
    flipped.summary(&aims);
    for (name, from, to) in [("first", "v1", "v2"), ("last", "v1", "v2"), ("test", "v2", "v1")] {
        flipped.moved(name, from, to);
    }
    told(&stage, &flipped, began);
    assert!(throttled(&flipped) > 0);
}

#[tokio::test]
async fn twenty_pairs_and_a_hundred_rules_move_under_throttling() {
    let stage = stage(RULES).await;
    stage.world.gateway.set_throttling(true);
    let aims = [clients(&stage, "first", 80), asking(clients(&stage, "last", 80), "/99/1")];
    let began = Instant::now();
    let flipped = under_load(&stage, &aims, all(2)).await;
    flipped.summary(&aims);
    flipped.moved("first", "v1", "v2");
    flipped.moved("last", "v1", "v2");
    told(&stage, &flipped, began);
    let written: Vec<_> = stage.world.gateway.calls().into_iter().filter(|call| call.action.starts_with("Modify")).collect();
    let acknowledged = written.iter().filter(|call| call.status == Some(200)).map(|call| call.resource.clone());
    assert_eq!(acknowledged.clone().count(), acknowledged.collect::<BTreeSet<_>>().len(), "no rule is written twice");
    // How fast this machine is does not matter; that ELB's buckets let it all through in 100 of the function's 300 seconds does.
    let calls = stage.world.gateway.calls();
    let served = calls.iter().filter(|call| call.service == "elasticloadbalancing" && call.status == Some(200));
    let (reads, writes): (Vec<_>, Vec<_>) = served.partition(|call| call.action.starts_with("Describe"));
    let most = 40 + 10 * 100;
    assert!(reads.len() < most && writes.len() < most, "{} reads and {} writes", reads.len(), writes.len());
    assert!(writes.len() >= 222, "{} writes", writes.len());
}

/// How often the function was throttled, by its own logs.
fn throttled(flipped: &Flipped) -> usize {
    let logs = flipped.ended.deliveries.iter().flat_map(|delivery| &delivery.logs);
    logs.filter(|line| serde_json::from_str::<Value>(line).unwrap()["code"] == "Throttling").count()
}

fn told(stage: &Stage, flipped: &Flipped, began: Instant) {
    let calls = stage.world.gateway.calls().len();
    println!("{:?}, {calls} calls, {} of them throttled", began.elapsed(), throttled(flipped));
}

//! Rules that are written are live later: in batches, and on each node at a moment of its own.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use local_aws::{
    app::App,
    load::{Aim, Load, Report},
    load_balancer::Batches,
    world::{World, WorldOptions},
};

use crate::bench::{Bench, NAME, forward};

/// Longer than any test waits.
const NEVER: Duration = Duration::from_secs(3600);

/// Version v1 on port 80, v2 on port 8080, with both groups in both rules.
struct Pair {
    bench: Bench,
    groups: [String; 2],
    /// Of port 80 and of port 8080.
    listeners: [String; 2],
    apps: [App; 2],
}

impl Pair {
    async fn start(batches: Batches) -> Self {
        let bench = Bench::start().await;
        let groups = [bench.group("one").await, bench.group("two").await];
        let apps = [bench.app(&groups[0], "v1").await, bench.app(&groups[1], "v2").await];
        let listeners = [
            bench.listener(80, ProtocolEnum::Http, [serving(&groups, 0)]).await,
            bench.listener(8080, ProtocolEnum::Http, [serving(&groups, 1)]).await,
        ];
        bench.healthy(&groups[0]).await;
        bench.healthy(&groups[1]).await;
        bench.balancer.set_batches(Some(batches)).await;
        Self { bench, groups, listeners, apps }
    }

    /// Makes a listener serve a group.
    async fn write(&self, listener: usize, group: usize) {
        self.bench.change(&self.listeners[listener], serving(&self.groups, group)).await;
    }

    async fn flip(&self) {
        self.write(0, 1).await;
        self.write(1, 0).await;
    }

    async fn flip_back(&self) {
        self.write(0, 0).await;
        self.write(1, 1).await;
    }

    async fn version(&self, port: u16) -> String {
        self.bench.get(port, "/version").await.version.unwrap()
    }

    /// Asks again and again until every node has what was written.
    async fn until_deployed(&self, mut ask: impl AsyncFnMut()) {
        let deployed = self.bench.balancer.deployed();
        tokio::pin!(deployed);
        while tokio::time::timeout(Duration::ZERO, &mut deployed).await.is_err() {
            ask().await;
        }
    }
}

fn serving(groups: &[String; 2], group: usize) -> aws_sdk_elasticloadbalancingv2::types::Action {
    let weight = |side| if side == group { 100 } else { 0 };
    forward(&[(&groups[0], weight(0)), (&groups[1], weight(1))])
}

#[tokio::test]
async fn a_rule_is_not_live_before_its_batch() {
    let batches = Batches::of(Duration::from_secs(1));
    let pair = Pair::start(batches).await;
    let begun = Instant::now();
    pair.write(0, 1).await;
    pair.until_deployed(async || {
        let version = pair.version(80).await;
        assert!(begun.elapsed() >= batches.length || version == "v1", "{version} after {:?}", begun.elapsed());
    })
    .await;
    assert!(begun.elapsed() >= batches.length);
    assert_eq!(pair.bench.versions(80, 9).await["v2"], 9);
}

#[tokio::test]
async fn nodes_differ_for_a_while_and_requests_go_to_them_in_turn() {
    let pair = Pair::start(Batches { length: Duration::from_millis(50), nodes: 3, apart: Duration::from_secs(3), seed: 1 }).await;
    pair.write(0, 1).await;
    let mut seen = BTreeSet::new();
    pair.until_deployed(async || {
        // One request to each node.
        let versions = pair.bench.versions(80, 3).await;
        seen.insert(versions.get("v2").copied().unwrap_or(0));
    })
    .await;
    assert!(seen.contains(&1) || seen.contains(&2), "no round of requests saw two nodes apart: {seen:?}");
    assert_eq!(pair.bench.versions(80, 9).await["v2"], 9);
}

#[tokio::test]
async fn changes_of_one_batch_go_live_together() {
    let pair = Pair::start(Batches::of(NEVER)).await;
    let mut length = Duration::from_secs(1);
    // On a busy machine two writes may take longer than a batch: once more, with a longer one.
    loop {
        pair.bench.balancer.set_batches(Some(Batches { length, nodes: 1, apart: Duration::ZERO, seed: 1 })).await;
        let begun = Instant::now();
        pair.flip().await;
        if begun.elapsed() < length {
            break;
        }
        pair.bench.balancer.set_batches(None).await;
        pair.flip_back().await;
        length *= 4;
    }
    pair.until_deployed(async || {
        // Whichever port is asked first: where it has moved, the other one has too.
        if pair.version(80).await == "v2" {
            assert_eq!(pair.version(8080).await, "v1");
        }
        if pair.version(8080).await == "v1" {
            assert_eq!(pair.version(80).await, "v2");
        }
    })
    .await;
    assert_eq!((pair.version(80).await, pair.version(8080).await), ("v2".to_owned(), "v1".to_owned()));
}

#[tokio::test]
async fn a_write_after_a_batch_goes_live_with_the_next_one() {
    let batches = Batches::of(Duration::from_millis(300));
    let pair = Pair::start(batches).await;
    pair.write(0, 1).await;
    pair.bench.balancer.deployed().await;
    // Live has moved; the test port follows as late as live did.
    let begun = Instant::now();
    pair.write(1, 0).await;
    pair.until_deployed(async || {
        assert_eq!(pair.version(80).await, "v2");
        let version = pair.version(8080).await;
        assert!(begun.elapsed() >= batches.length || version == "v2", "{version} after {:?}", begun.elapsed());
    })
    .await;
    assert!(begun.elapsed() >= batches.length);
    assert_eq!(pair.bench.versions(8080, 9).await["v1"], 9);
}

#[tokio::test]
async fn a_late_node_ends_with_the_last_write_of_all() {
    // Nodes take longer to follow than a batch is gathered: batches overlap.
    let pair = Pair::start(Batches { length: Duration::from_millis(20), nodes: 3, apart: Duration::from_secs(1), seed: 3 }).await;
    for group in [1, 0, 1, 0, 1] {
        pair.write(0, group).await;
        // Until the batch is under way, and the next write begins another one.
        let old = ["v2", "v1"][group];
        let mut asked = 0;
        while pair.version(80).await == old && asked < 50 {
            asked += 1;
        }
    }
    pair.bench.balancer.deployed().await;
    assert_eq!(pair.bench.versions(80, 9).await["v2"], 9);
}

#[tokio::test]
async fn targets_and_health_do_not_wait_for_a_batch() {
    let pair = Pair::start(Batches::of(NEVER)).await;
    let third = pair.bench.app(&pair.groups[0], "v3").await;
    pair.bench.healthy(&pair.groups[0]).await;
    assert_eq!(pair.bench.versions(80, 4).await["v3"], 2);
    pair.bench.deregister(&pair.groups[0], third.address().port()).await;
    assert_eq!(pair.bench.versions(80, 4).await["v1"], 4);
    // Back to rules that are in force at once.
    pair.write(0, 1).await;
    assert_eq!(pair.version(80).await, "v1");
    pair.bench.balancer.set_batches(None).await;
    assert_eq!(pair.version(80).await, "v2");
    pair.write(0, 0).await;
    assert_eq!(pair.version(80).await, "v1");
}

#[tokio::test]
async fn what_the_api_says_is_not_yet_what_clients_get() {
    let world = World::start(WorldOptions::default()).await.unwrap();
    let shop = world.load_balancer(NAME).batches(Batches::of(NEVER)).create().await.unwrap();
    let groups = [shop.group("shop-code1").unwrap().to_owned(), shop.group("shop-code2").unwrap().to_owned()];
    let elb = aws_sdk_elasticloadbalancingv2::Client::new(&world.as_product().await);
    elb.modify_listener().listener_arn(&shop.listeners[&80]).default_actions(serving(&groups, 1)).send().await.unwrap();
    let read = elb.describe_listeners().listener_arns(&shop.listeners[&80]).send().await.unwrap();
    let forward = read.listeners()[0].default_actions()[0].forward_config().unwrap().clone();
    assert_eq!(forward.target_groups()[1].weight(), Some(100));
    let load = Load::start(&[Aim::at("live", world.load_balancer.address(NAME, 80).unwrap())]);
    load.each_asked(5).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.versions("live").into_keys().collect::<Vec<_>>(), ["v1"], "the rule has been read back, and is not live");
}

/// What clients of port 80 get while a flip is written and v1 is stopped, before or after every node has the rules.
async fn stopped(after: bool) -> Report {
    let Pair { bench, groups, listeners, apps: [old, _new] } = Pair::start(Batches::of(Duration::from_secs(1))).await;
    let load = Load::start(&[Aim::at("live", bench.balancer.address(NAME, 80).unwrap())]);
    load.each_asked(2).await.unwrap();
    bench.change(&listeners[0], serving(&groups, 1)).await;
    bench.change(&listeners[1], serving(&groups, 0)).await;
    if after {
        bench.balancer.deployed().await;
        // Requests that were on their way to a node before are over.
        load.each_asked(2).await.unwrap();
    }
    old.stop().await;
    bench.balancer.deployed().await;
    load.each_asked(2).await.unwrap();
    load.stop().await.unwrap()
}

#[tokio::test]
async fn a_version_stopped_right_after_the_writes_loses_requests() {
    let report = stopped(false).await;
    assert!(report.failed() > 0, "{:?}", report.statuses("live"));
    println!("{} of {} requests lost", report.failed(), report.samples("live").len());
}

#[tokio::test]
async fn a_version_stopped_after_the_batch_loses_none() {
    let report = stopped(true).await;
    assert_eq!(report.failed(), 0, "{:?}", report.statuses("live"));
    assert_eq!(report.versions("live").into_keys().collect::<Vec<_>>(), ["v1", "v2"]);
}

//! The load balancer tells the right order of a flip's writes from the wrong one: by requests that fail.

use std::time::Instant;

use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use local_aws::{
    app::App,
    load::{Aim, Load, Report},
};

use crate::bench::{Bench, NAME, forward};

struct Pair {
    bench: Bench,
    one: String,
    two: String,
    live: String,
    test: String,
    apps: [App; 2],
}

impl Pair {
    /// Version v1 on port 80, v2 on port 8080; `both` says whether each listener names both groups.
    async fn start(both: bool) -> Self {
        let bench = Bench::start().await;
        let (one, two) = (bench.group("one").await, bench.group("two").await);
        let apps = [bench.app(&one, "v1").await, bench.app(&two, "v2").await];
        let (live, test) = if both {
            (vec![(&*one, 100), (&*two, 0)], vec![(&*one, 0), (&*two, 100)])
        } else {
            (vec![(&*one, 1)], vec![(&*two, 1)])
        };
        let live = bench.listener(80, ProtocolEnum::Http, [forward(&live)]).await;
        let test = bench.listener(8080, ProtocolEnum::Http, [forward(&test)]).await;
        bench.healthy(&one).await;
        bench.healthy(&two).await;
        Self { bench, one, two, live, test, apps }
    }

    async fn under_load(&self, writes: impl AsyncFnOnce(&Load)) -> Report {
        let aim = |name, port| Aim::at(name, self.bench.balancer.address(NAME, port).unwrap());
        let load = Load::start(&[aim("live", 80), aim("test", 8080)]);
        load.each_asked(2).await.unwrap();
        writes(&load).await;
        self.bench.healthy(&self.one).await;
        self.bench.healthy(&self.two).await;
        load.each_asked(2).await.unwrap();
        load.stop().await.unwrap()
    }
}

#[tokio::test]
async fn live_first_with_both_groups_in_both_rules_loses_nothing() {
    let pair = Pair::start(true).await;
    let begun = Instant::now();
    let report = pair
        .under_load(async |_| {
            pair.bench.change(&pair.live, forward(&[(&pair.one, 0), (&pair.two, 100)])).await;
            pair.bench.change(&pair.test, forward(&[(&pair.one, 100), (&pair.two, 0)])).await;
        })
        .await;
    assert_eq!(report.failed(), 0, "{:?} {:?}", report.statuses("live"), report.statuses("test"));
    // A request that was under way at the first answer of v2 may still get v1; one that was sent after it may not.
    let moved = report.first("live", "v2").unwrap();
    assert_eq!(report.versions_sent_after("live", moved).into_keys().collect::<Vec<_>>(), ["v2"]);
    assert_eq!(report.versions("live").into_keys().collect::<Vec<_>>(), ["v1", "v2"]);
    println!(
        "{} served, live after {:?}, the same version on both ports for {:?}",
        report.served(),
        moved - begun,
        report.same_version("live", "test")
    );
}

#[tokio::test]
async fn an_incoming_group_without_a_rule_for_a_moment_loses_requests() {
    let pair = Pair::start(false).await;
    let report = pair
        .under_load(async |load| {
            // Test first: for a moment no rule names the incoming group, so its health is forgotten. It stays unknown
            // until every client has met that.
            pair.apps[1].set_undecided();
            pair.bench.change(&pair.test, forward(&[(&pair.one, 1)])).await;
            pair.bench.change(&pair.live, forward(&[(&pair.two, 1)])).await;
            load.each_asked(2).await.unwrap();
            pair.apps[1].set_healthy(true);
        })
        .await;
    let lost = report.statuses("live").get(&Some(503)).copied().unwrap_or(0);
    assert!(lost > 0, "{:?}", report.statuses("live"));
    println!("{lost} of {} requests on the live port lost", report.samples("live").len());
}

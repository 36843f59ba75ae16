//! Reads that show for a while what was there before the last writes.

use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{Action, Tag};
use local_aws::gateway::StaleReads;
use local_aws::world::{Created, Rule, World, path};

use crate::load_balancers::{action, forward};
use crate::{idle_pair, once, until, world};

/// Longer than a busy machine takes from a write to the reads after it.
const LATE: Duration = Duration::from_secs(5);
/// Longer than this file's tests wait for anything: late until the setting is taken back.
const NEVER: Duration = Duration::from_secs(3600);

struct Shop {
    world: World,
    shop: Created,
    elb: Client,
}

impl Shop {
    async fn new() -> Self {
        let world = world().await;
        let spec = world.load_balancer("shop").pair(idle_pair("shop")).rule(Rule::new(1, "shop", [path("/a")]));
        let shop = spec.create().await.unwrap();
        let elb = Client::new(&once(&world).await);
        Self { world, shop, elb }
    }

    fn turned(&self) -> Action {
        action(forward(&self.shop, [0, 100]))
    }

    async fn write_tag(&self, value: &str) {
        let tag = Tag::builder().key("k").value(value).build();
        self.elb.add_tags().resource_arns(self.shop.group("shop-code1").unwrap()).tags(tag).send().await.unwrap();
    }

    async fn tag(&self) -> Option<String> {
        let groups = self.shop.groups.values().cloned().collect();
        let read = self.elb.describe_tags().set_resource_arns(Some(groups)).send().await.unwrap();
        assert_eq!(read.tag_descriptions().len(), 2);
        let mut tags = read.tag_descriptions().iter().flat_map(|group| group.tags());
        tags.find(|tag| tag.key() == Some("k")).and_then(|tag| tag.value().map(str::to_owned))
    }

    /// The weight of the live group, as DescribeListeners, DescribeRules of the listener and DescribeRules by ARN tell it:
    /// of the listener, of its default rule, and of its other rule twice.
    async fn weights(&self) -> [Option<i32>; 4] {
        let (listener, rule) = (&self.shop.listeners[&80], &self.shop.rules[&(80, 1)]);
        let listeners = self.elb.describe_listeners().load_balancer_arn(&self.shop.arn).send().await.unwrap();
        let found = listeners.listeners().iter().find(|found| found.listener_arn() == Some(listener)).unwrap();
        let rules = self.elb.describe_rules().listener_arn(listener).send().await.unwrap().rules().to_vec();
        let rule = self.elb.describe_rules().rule_arns(rule).send().await.unwrap().rules()[0].clone();
        let weight = |actions: &[Action]| actions[0].forward_config()?.target_groups()[0].weight();
        let of = |default| rules.iter().find(|rule| rule.is_default() == Some(default)).and_then(|rule| weight(rule.actions()));
        [weight(found.default_actions()), of(true), of(false), weight(rule.actions())]
    }
}

#[tokio::test]
async fn tags_are_shown_late_each_write_by_itself() {
    let shop = Shop::new().await;
    shop.write_tag("0").await;
    shop.world.gateway.set_stale_reads(Some(StaleReads::tags(LATE)));
    let begun = Instant::now();
    shop.write_tag("1").await;
    shop.write_tag("2").await;
    let (read, after) = (shop.tag().await, begun.elapsed());
    assert!(read.as_deref() == Some("0") || after >= LATE, "{read:?} after {after:?}");
    let there = shop.world.elb().describe_tags().resource_arns(shop.shop.group("shop-code1").unwrap()).send().await.unwrap();
    assert!(there.tag_descriptions()[0].tags().iter().any(|tag| tag.value() == Some("2")), "the operator reads what is there");
    until(async || shop.tag().await.as_deref() == Some("2")).await;
    assert!(begun.elapsed() >= LATE, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn removed_tags_are_shown_for_a_while_and_rules_are_not_late() {
    let shop = Shop::new().await;
    shop.write_tag("0").await;
    shop.world.gateway.set_stale_reads(Some(StaleReads::tags(NEVER)));
    shop.elb.remove_tags().resource_arns(shop.shop.group("shop-code1").unwrap()).tag_keys("k").send().await.unwrap();
    assert_eq!(shop.tag().await.as_deref(), Some("0"));
    shop.elb.modify_rule().rule_arn(&shop.shop.rules[&(80, 1)]).actions(shop.turned()).send().await.unwrap();
    assert_eq!(shop.weights().await, [Some(100), Some(100), Some(0), Some(0)]);
    shop.world.gateway.set_stale_reads(None);
    assert_eq!(shop.tag().await, None);
}

#[tokio::test]
async fn rules_and_listeners_are_shown_late_and_tags_are_not() {
    let shop = Shop::new().await;
    shop.world.gateway.set_stale_reads(Some(StaleReads::rules(NEVER)));
    shop.elb.modify_rule().rule_arn(&shop.shop.rules[&(80, 1)]).actions(shop.turned()).send().await.unwrap();
    assert_eq!(shop.weights().await, [Some(100); 4]);
    shop.elb.modify_listener().listener_arn(&shop.shop.listeners[&80]).default_actions(shop.turned()).send().await.unwrap();
    assert_eq!(shop.weights().await, [Some(100); 4]);
    shop.world.gateway.set_page_size(Some(1));
    let rules = shop.elb.describe_rules().listener_arn(&shop.shop.listeners[&80]).into_paginator().items().send();
    assert_eq!(rules.try_collect().await.unwrap().len(), 2, "pages are cut out of what is shown");
    shop.world.gateway.set_page_size(None);
    shop.write_tag("1").await;
    assert_eq!(shop.tag().await.as_deref(), Some("1"));
    shop.world.gateway.set_stale_reads(None);
    assert_eq!(shop.weights().await, [Some(0); 4]);
}

#[tokio::test]
async fn an_edit_by_hand_is_shown_late_too() {
    let shop = Shop::new().await;
    shop.world.gateway.set_stale_reads(Some(StaleReads::all(NEVER)));
    let elb = shop.world.elb();
    elb.modify_listener().listener_arn(&shop.shop.listeners[&80]).default_actions(shop.turned()).send().await.unwrap();
    assert_eq!(shop.weights().await, [Some(100); 4]);
}

#[tokio::test]
async fn only_every_other_read_can_be_late() {
    let shop = Shop::new().await;
    shop.write_tag("0").await;
    shop.world.gateway.set_stale_reads(Some(StaleReads::all(NEVER).every_other()));
    shop.write_tag("1").await;
    let mut read = Vec::new();
    for _ in 0..4 {
        read.push(shop.tag().await.unwrap());
    }
    assert_eq!(read, ["0", "1", "0", "1"]);
    shop.elb.modify_rule().rule_arn(&shop.shop.rules[&(80, 1)]).actions(shop.turned()).send().await.unwrap();
    // Two reads each show this rule.
    assert_eq!(shop.weights().await, [Some(100), Some(100), Some(100), Some(0)]);
    assert_eq!(shop.weights().await, [Some(100), Some(100), Some(100), Some(0)]);
}

#[tokio::test]
async fn a_write_that_is_refused_makes_nothing_late() {
    let shop = Shop::new().await;
    shop.world.gateway.set_stale_reads(Some(StaleReads::all(NEVER)));
    let gone = format!("{}0", shop.shop.rules[&(80, 1)]);
    assert!(shop.elb.modify_rule().rule_arn(gone).actions(shop.turned()).send().await.is_err());
    let wrong = action(forward(&shop.shop, [1000, 0]));
    assert!(shop.elb.modify_rule().rule_arn(&shop.shop.rules[&(80, 1)]).actions(wrong).send().await.is_err());
    assert_eq!(shop.weights().await, [Some(100); 4]);
}

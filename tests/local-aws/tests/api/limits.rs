//! Pages, limits and throttling.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures::future::join_all;
use local_aws::world::{Rule, path};

use crate::{idle_pair, once, world};

#[tokio::test]
async fn lists_come_in_pages_and_nothing_is_lost_between_them() {
    let world = world().await;
    let rules = (1..=6).fold(world.load_balancer("shop").pair(idle_pair("shop")).pair(idle_pair("api")), |spec, number| {
        spec.rule(Rule::new(number, "api", [path(&format!("/{number}/*"))]))
    });
    let shop = rules.create().await.unwrap();
    world.gateway.set_page_size(Some(2));
    let elb = Client::new(&world.as_product().await);

    let first = elb.describe_rules().listener_arn(&shop.listeners[&80]).send().await.unwrap();
    assert_eq!((first.rules().len(), first.next_marker().is_some()), (2, true));
    let all = elb.describe_rules().listener_arn(&shop.listeners[&80]).into_paginator().items().send();
    let all = all.try_collect().await.unwrap();
    let priorities: Vec<&str> = all.iter().filter_map(|rule| rule.priority()).collect();
    assert_eq!(priorities, ["1", "2", "3", "4", "5", "6", "default"]);

    let groups = elb.describe_target_groups().load_balancer_arn(&shop.arn).into_paginator().items().send();
    assert_eq!(groups.try_collect().await.unwrap().len(), 4);
    let listeners = elb.describe_listeners().load_balancer_arn(&shop.arn).send().await.unwrap();
    assert_eq!((listeners.listeners().len(), listeners.next_marker()), (2, None), "a full last page has no marker");
    // The operator sees whole lists.
    assert_eq!(world.elb().describe_rules().listener_arn(&shop.listeners[&80]).send().await.unwrap().rules().len(), 7);
}

#[tokio::test]
async fn ecs_lists_come_in_pages_of_ten() {
    let world = world().await;
    let ecs = world.ecs();
    for number in 0..12 {
        ecs.create_cluster().cluster_name(format!("cluster-{number}")).send().await.unwrap();
    }
    world.gateway.set_page_size(Some(5));
    let ecs = aws_sdk_ecs::Client::new(&world.as_product().await);
    let page = ecs.list_clusters().send().await.unwrap();
    assert_eq!((page.cluster_arns().len(), page.next_token().is_some()), (5, true));
    let all = ecs.list_clusters().into_paginator().items().send().try_collect().await.unwrap();
    assert_eq!(all.len(), 12);
}

#[tokio::test]
async fn a_call_names_at_most_twenty_resources() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&world.as_product().await);
    let arns = |count| Some(vec![shop.arn.clone(); count]);
    assert!(elb.describe_tags().set_resource_arns(arns(20)).send().await.is_ok());
    let refused = elb.describe_tags().set_resource_arns(arns(21)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
}

#[tokio::test]
async fn tags_hold_what_aws_lets_them_hold() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&world.as_product().await);
    let write = async |key: String, value: String| {
        let tag = Tag::builder().key(key).value(value).build();
        elb.add_tags().resource_arns(&shop.arn).tags(tag).send().await.is_ok()
    };
    assert!(write("bluegreen:flip".into(), "v1 id a/1 b/2 2026-01-01T00:00:00Z + = . _ : / @ -".into()).await);
    assert!(write("k".repeat(128), "v".repeat(256)).await);
    assert!(!write("k".repeat(129), "v".into()).await);
    assert!(!write("k".into(), "v".repeat(257)).await);
    for illegal in ["a,b", "a{b", "a\"b", "a|b", "a\nb", "a#b"] {
        assert!(!write("k".into(), illegal.into()).await, "{illegal:?}");
    }
}

#[tokio::test]
async fn calls_that_come_too_fast_are_throttled_with_elbs_code() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    world.gateway.set_throttling(true);
    let elb = Client::new(&once(&world).await);
    // A bucket fills up again while it is emptied: side by side, calls come faster than it does.
    let (mut served, mut codes) = (0, BTreeSet::new());
    let full = Instant::now();
    while codes.is_empty() && full.elapsed() < Duration::from_secs(60) {
        let calls = (0..100).map(|_| elb.describe_rules().listener_arn(&shop.listeners[&80]).send());
        for answer in join_all(calls).await {
            match answer {
                Ok(_) => served += 1,
                Err(error) => _ = codes.insert(error.code().unwrap().to_owned()),
            }
        }
    }
    assert_eq!(codes.into_iter().collect::<Vec<_>>(), ["Throttling"]);
    let most = 41.0 + 10.0 * full.elapsed().as_secs_f64();
    assert!(served >= 40 && f64::from(served) <= most, "{served}, at most {most}");
    world.gateway.set_throttling(false);
    assert!(elb.describe_rules().listener_arn(&shop.listeners[&80]).send().await.is_ok());
}

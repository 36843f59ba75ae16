//! Calls that come too fast are throttled, each family by its own bucket.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use futures::future::join_all;
use local_aws::world::{Created, World};

use crate::{idle_pair, once, world};

/// A call of one family; the code, where it is refused.
async fn call(elb: &Client, shop: &Created, family: &str) -> Result<(), String> {
    let group = shop.group("shop-code1").unwrap();
    let code = |error: &dyn ProvideErrorMetadata| error.code().unwrap_or_default().to_owned();
    match family {
        "Describe" => {
            elb.describe_rules().listener_arn(&shop.listeners[&80]).send().await.map(drop).map_err(|error| code(&error))
        }
        "Modify" => elb.modify_listener().listener_arn(&shop.listeners[&80]).send().await.map(drop).map_err(|error| code(&error)),
        "AddTags" => {
            let tag = Tag::builder().key("k").value("v").build();
            elb.add_tags().resource_arns(group).tags(tag).send().await.map(drop).map_err(|error| code(&error))
        }
        _ => elb.remove_tags().resource_arns(group).tag_keys("k").send().await.map(drop).map_err(|error| code(&error)),
    }
}

/// Calls side by side until some are refused: a bucket fills up again while it is emptied, so one by one they may be too slow.
async fn use_up(world: &World, shop: &Created, family: &str) -> (u32, BTreeSet<String>, Duration) {
    let elb = Client::new(&once(world).await);
    let (mut served, mut codes, full) = (0, BTreeSet::new(), Instant::now());
    while codes.is_empty() && full.elapsed() < Duration::from_secs(60) {
        for answer in join_all((0..60).map(|_| call(&elb, shop, family))).await {
            match answer {
                Ok(()) => served += 1,
                Err(code) => _ = codes.insert(code),
            }
        }
    }
    (served, codes, full.elapsed())
}

#[tokio::test]
async fn each_family_of_calls_is_throttled_by_a_bucket_of_its_own() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    world.gateway.set_throttling(true);
    for (family, size, refill) in
        [("Modify", 20.0, 3.0), ("AddTags", 20.0, 3.0), ("RemoveTags", 20.0, 3.0), ("Describe", 40.0, 10.0)]
    {
        let (served, codes, took) = use_up(&world, &shop, family).await;
        assert!(codes.iter().eq(["Throttling"]), "{family}: {codes:?}");
        let most = size + 1.0 + refill * took.as_secs_f64();
        assert!(f64::from(served) >= size && f64::from(served) <= most, "{family}: {served}, at most {most}");
    }
    // The operator's calls use nothing up, and off is off.
    call(&world.elb(), &shop, "AddTags").await.unwrap();
    world.gateway.set_throttling(false);
    let elb = Client::new(&once(&world).await);
    for answer in join_all((0..60).map(|_| call(&elb, &shop, "AddTags"))).await {
        answer.unwrap();
    }
}

#[tokio::test]
async fn a_throttled_write_is_a_400_without_effect() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let before = world.snapshot().await.unwrap();
    world.gateway.set_throttling_emptied();
    let tag = Tag::builder().key("k").value("v").build();
    let elb = Client::new(&once(&world).await);
    let refused = elb.add_tags().resource_arns(shop.group("shop-code1").unwrap()).tags(tag).send().await.unwrap_err();
    assert_eq!((refused.raw_response().unwrap().status().as_u16(), refused.code()), (400, Some("Throttling")));
    assert_eq!(world.snapshot().await.unwrap(), before);
}

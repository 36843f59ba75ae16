//! Tags that land in part, and tags that somebody else wipes.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::SdkError;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use local_aws::gateway::{At, Fault, FaultKind};
use local_aws::world::{Created, World};

use crate::{idle_pair, once, world};

const GROUPS: [&str; 2] = ["shop-code1", "shop-code2"];

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// The keys of a group's tags that a test wrote, in order.
async fn keys(world: &World, shop: &Created, group: &str) -> Vec<String> {
    let read = world.elb().describe_tags().resource_arns(shop.group(group).unwrap()).send().await.unwrap();
    let keys = read.tag_descriptions()[0].tags().iter().filter_map(|tag| tag.key());
    keys.filter(|key| !["Identifier", "Image", "IsProduction"].contains(key)).map(str::to_owned).collect()
}

/// A pair with two tags of this project's on each group, and one of somebody else's.
async fn tagged() -> (World, Created) {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    for group in GROUPS {
        let tags = vec![tag("bluegreen:flip.1", "v1"), tag("bluegreen:job.1", "v1"), tag("Team", "shop")];
        world.elb().add_tags().resource_arns(shop.group(group).unwrap()).set_tags(Some(tags)).send().await.unwrap();
    }
    (world, shop)
}

#[tokio::test]
async fn only_the_first_tag_of_a_call_lands() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    for (kind, group) in [(FaultKind::FirstTag, GROUPS[0]), (FaultKind::FirstTagReset, GROUPS[1])] {
        world.gateway.reset_calls();
        world.gateway.inject(Fault::once(At::Action("AddTags".into(), 1), kind));
        let write = || {
            let tags = vec![tag("one", "1"), tag("two", "2"), tag("three", "3")];
            elb.add_tags().resource_arns(shop.group(group).unwrap()).set_tags(Some(tags)).send()
        };
        match (kind, write().await) {
            (FaultKind::FirstTag, Ok(_)) | (FaultKind::FirstTagReset, Err(SdkError::DispatchFailure(_))) => {}
            (_, other) => panic!("{kind:?}: {other:?}"),
        }
        assert_eq!(keys(&world, &shop, group).await, ["one"], "{kind:?}");
        assert!(world.gateway.fault_hit(), "{kind:?}");
        write().await.unwrap();
        assert_eq!(keys(&world, &shop, group).await, ["one", "two", "three"], "{kind:?}");
    }
}

#[tokio::test]
async fn a_call_that_writes_no_tags_is_not_cut() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    world.gateway.inject(Fault::once(At::Call(1), FaultKind::FirstTag));
    assert_eq!(elb.describe_rules().listener_arn(&shop.listeners[&80]).send().await.unwrap().rules().len(), 1);
}

#[tokio::test]
async fn tags_are_wiped_just_before_a_call_and_the_call_goes_on() {
    for (prefix, left) in [("bluegreen:", vec!["Team"]), ("", vec![])] {
        let (world, shop) = tagged().await;
        let elb = Client::new(&once(&world).await);
        world.gateway.inject(Fault::once(At::Action("AddTags".into(), 2), FaultKind::TagsWiped(prefix)));
        let write = async |key| elb.add_tags().resource_arns(shop.group(GROUPS[0]).unwrap()).tags(tag(key, "v")).send().await;
        write("bluegreen:before").await.unwrap();
        assert_eq!(keys(&world, &shop, GROUPS[0]).await.len(), 4);
        write("bluegreen:after").await.unwrap();
        assert_eq!(keys(&world, &shop, GROUPS[0]).await, [left.clone(), vec!["bluegreen:after"]].concat(), "{prefix:?}");
        assert_eq!(keys(&world, &shop, GROUPS[1]).await, left, "{prefix:?}");
        let calls = world.gateway.calls();
        assert_eq!(calls.iter().map(|call| call.action.as_str()).collect::<Vec<_>>(), ["AddTags"; 2], "nobody sees the wiping");
    }
}

#[tokio::test]
async fn tags_are_wiped_when_a_test_says_so() {
    let (world, shop) = tagged().await;
    world.wipe_tags(&[shop.group(GROUPS[0]).unwrap()], "bluegreen:").await.unwrap();
    assert_eq!(keys(&world, &shop, GROUPS[0]).await, ["Team"]);
    assert_eq!(keys(&world, &shop, GROUPS[1]).await, ["bluegreen:flip.1", "bluegreen:job.1", "Team"]);
}

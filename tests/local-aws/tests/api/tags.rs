//! Tags: one resource a call, fifty a resource, and what a key and a value may hold.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::Tag;
use local_aws::world::{Created, World};

use crate::{idle_pair, once, world};

fn tag(key: &str, value: &str) -> Tag {
    Tag::builder().key(key).value(value).build()
}

/// The product's client, and a load balancer with one pair.
async fn shop(world: &World) -> (Client, Created) {
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    (Client::new(&once(world).await), shop)
}

#[tokio::test]
async fn tags_on_two_groups_in_one_call_are_refused_and_nothing_changes() {
    let world = world().await;
    let (elb, shop) = shop(&world).await;
    let groups = Some(shop.groups.values().cloned().collect::<Vec<_>>());
    let before = world.snapshot().await.unwrap();
    let journal = tag("bluegreen:flip", "v1 id shop-code2 shop-code1 2026-01-01T00:00:00Z");
    let added = elb.add_tags().set_resource_arns(groups.clone()).tags(journal).send().await.unwrap_err();
    let removed = elb.remove_tags().set_resource_arns(groups).tag_keys("Identifier").send().await.unwrap_err();
    let statuses = [added.raw_response().unwrap().status().as_u16(), removed.raw_response().unwrap().status().as_u16()];
    assert_eq!(statuses, [400, 400]);
    for (code, message) in [(added.code(), added.message()), (removed.code(), removed.message())] {
        assert_eq!((code, message), (Some("ValidationError"), Some("Only one resource can be tagged at a time")));
    }
    assert_eq!(world.snapshot().await.unwrap(), before);
}

#[tokio::test]
async fn load_balancers_listeners_rules_and_groups_take_tags() {
    let world = world().await;
    let spec = world.load_balancer("shop").pair(idle_pair("shop"));
    let shop = spec.rule(local_aws::world::Rule::new(1, "shop", [local_aws::world::path("/a")])).create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    for arn in [&shop.arn, &shop.listeners[&80], &shop.rules[&(80, 1)], &shop.groups["shop-code1"]] {
        elb.add_tags().resource_arns(arn).tags(tag("k", "v")).send().await.unwrap();
        let read = elb.describe_tags().resource_arns(arn).send().await.unwrap();
        assert!(read.tag_descriptions()[0].tags().contains(&tag("k", "v")), "{arn}");
    }
    let gone = format!("{}0", shop.groups["shop-code1"]);
    let added = elb.add_tags().resource_arns(&gone).tags(tag("k", "v")).send().await.unwrap_err();
    let removed = elb.remove_tags().resource_arns(&gone).tag_keys("k").send().await.unwrap_err();
    let read = elb.describe_tags().resource_arns(&gone).send().await.unwrap_err();
    assert_eq!([added.code(), removed.code(), read.code()], [Some("TargetGroupNotFound"); 3]);
}

#[tokio::test]
async fn a_resource_has_fifty_tags_and_those_of_aws_do_not_count() {
    let world = world().await;
    let (elb, shop) = shop(&world).await;
    let group = shop.group("shop-code1").unwrap();
    // Only AWS itself writes these: CloudFormation, on what a stack creates.
    let own = ["aws:cloudformation:stack-name", "aws:cloudformation:stack-id", "aws:cloudformation:logical-id"];
    let own = own.map(|key| tag(key, "shop")).to_vec();
    world.elb().add_tags().resource_arns(group).set_tags(Some(own)).send().await.unwrap();
    // It has three besides.
    let many = |count| Some((0..count).map(|number| tag(&format!("k{number}"), "v")).collect::<Vec<_>>());
    let before = world.snapshot().await.unwrap();
    let refused = elb.add_tags().resource_arns(group).set_tags(many(48)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("TooManyTags"));
    assert_eq!(world.snapshot().await.unwrap(), before, "none of them landed");
    elb.add_tags().resource_arns(group).set_tags(many(47)).send().await.unwrap();
    assert_eq!(
        elb.add_tags().resource_arns(group).tags(tag("one", "more")).send().await.unwrap_err().code(),
        Some("TooManyTags")
    );
    elb.add_tags().resource_arns(group).tags(tag("k0", "another value of a key that is there")).send().await.unwrap();
}

#[tokio::test]
async fn a_tag_holds_127_and_255_characters_of_those_that_are_allowed() {
    let world = world().await;
    let (elb, shop) = shop(&world).await;
    let write = async |key: String, value: String| {
        let written = elb.add_tags().resource_arns(shop.group("shop-code1").unwrap()).tags(tag(&key, &value)).send().await;
        written.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    let refused = Err("ValidationError".to_owned());
    assert_eq!(write("bluegreen:flip".into(), "v1 id a/1 b/2 2026-01-01T00:00:00Z + = . _ : / @ -".into()).await, Ok(()));
    assert_eq!(write("ü".repeat(127), "ü".repeat(255)).await, Ok(()), "characters, not bytes");
    assert_eq!(write("empty".into(), String::new()).await, Ok(()));
    assert_eq!(write("k".repeat(128), "v".into()).await, refused);
    assert_eq!(write("k".into(), "v".repeat(256)).await, refused);
    for illegal in ["a,b", "a{b", "a\"b", "a|b", "a\nb", "a#b", "a(b", "a'b", "a&b", "a*b"] {
        assert_eq!(write("k".into(), illegal.into()).await, refused, "{illegal:?}");
        assert_eq!(write(illegal.into(), "v".into()).await, refused, "{illegal:?}");
    }
}

//! The call log counts calls and round trips in a row.

use aws_sdk_elasticloadbalancingv2::Client;
use local_aws::gateway::At;

use crate::{idle_pair, world};

#[tokio::test]
async fn calls_made_at_once_are_one_round_trip() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    assert!(world.gateway.calls().is_empty(), "building a world is not counted");
    world.gateway.expect_rounds(&[1, 2, 1]);
    let elb = Client::new(&world.as_product().await);
    elb.describe_load_balancers().names("shop").send().await.unwrap();
    let rules = |port| elb.describe_rules().listener_arn(&shop.listeners[&port]).send();
    let (live, test) = tokio::join!(rules(80), rules(8080));
    live.unwrap();
    test.unwrap();
    elb.describe_tags().resource_arns(&shop.arn).send().await.unwrap();
    let calls = world.gateway.calls();
    let seen: Vec<_> = calls.iter().map(|call| (call.number, call.action.as_str(), call.depth, call.status)).collect();
    assert_eq!(
        seen,
        [
            (1, "DescribeLoadBalancers", 1, Some(200)),
            (2, "DescribeRules", 2, Some(200)),
            (3, "DescribeRules", 2, Some(200)),
            (4, "DescribeTags", 3, Some(200)),
        ]
    );
    assert_eq!(calls[0].resource.as_deref(), Some("shop"));
    assert_eq!(calls[3].resource.as_deref(), Some(shop.arn.as_str()));
    world.gateway.reset_calls();
    assert!(world.gateway.calls().is_empty());
}

#[tokio::test]
async fn a_call_can_be_held_while_others_go_on() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&world.as_product().await);
    let pause = world.gateway.pause_at(At::Action("DescribeTags".into(), 1));
    let held = tokio::spawn(elb.describe_tags().resource_arns(&shop.arn).send());
    pause.reached().await;
    elb.describe_load_balancers().names("shop").send().await.unwrap();
    assert!(!held.is_finished());
    pause.release();
    held.await.unwrap().unwrap();
}

//! Several services behind one load balancer.

use local_aws::world::{LoadBalancerSpec, Pair, Rule, host, path};
use serde_json::json;

use crate::kinds::traffic::{asking, clients, stage, under_load};
use product_stage::function::rules_only;

fn three<'a>(spec: LoadBalancerSpec<'a>, cart: Pair) -> LoadBalancerSpec<'a> {
    spec.pair(Pair::new("shop"))
        .pair(cart)
        .pair(Pair::new("mail").images("m1", "m2"))
        .rule(Rule::new(10, "cart", [path("/cart/*")]))
        .rule(Rule::new(20, "mail", [host("mail.example.com")]))
        .rule(Rule::new(30, "mail", [path("/mail/*")]))
}

fn cart() -> Pair {
    Pair::new("cart").images("c1", "c2")
}

#[tokio::test]
async fn two_of_three_services_move_together_and_the_third_is_not_touched() {
    let stage = stage(|spec| three(spec, cart())).await;
    let mail = &stage.balancer.rules[&(80, 30)];
    let aims = [
        clients(&stage, "shop", 80),
        asking(clients(&stage, "cart", 80), "/cart/1"),
        asking(clients(&stage, "cart test", 8080), "/cart/1"),
        asking(clients(&stage, "mail", 80), "/mail/1"),
        asking(clients(&stage, "mail test", 8080), "/mail/1"),
    ];
    stage.world.gateway.reset_calls();
    let flipped = under_load(&stage, &aims, json!({ "PromoteTo": "shop-code2,cart-code2", "Execution": "run-1" })).await;
    let summary = flipped.summary(&aims);
    assert!(summary.contains("shop-code2") && summary.contains("cart-code2") && !summary.contains("mail"), "{summary}");
    flipped.moved("shop", "v1", "v2");
    flipped.moved("cart", "c1", "c2");
    flipped.moved("cart test", "c2", "c1");
    flipped.stayed("mail", "m1");
    flipped.stayed("mail test", "m2");
    let touched = stage.world.gateway.calls().into_iter().filter(|call| call.action.starts_with("Modify"));
    assert!(touched.filter_map(|call| call.resource).all(|resource| resource != *mail));
    assert!(!stage.has_records("mail-code1").await);
}

#[tokio::test]
async fn where_one_of_the_named_services_is_blocked_none_moves() {
    let stage = stage(|spec| three(spec, cart().targets(2, 1))).await;
    let before = rules_only(&stage.world.snapshot().await.unwrap());
    let aims = [clients(&stage, "shop", 80), asking(clients(&stage, "cart", 80), "/cart/1")];
    let refused = under_load(&stage, &aims, json!({ "PromoteTo": "shop-code2,cart-code2" })).await;
    let (kind, message) = refused.ended.failed();
    assert_eq!(kind, "JobFailed");
    assert!(message.contains("target group cart-code2") && message.contains("2 are required"), "{message}");
    refused.stayed("shop", "v1");
    refused.stayed("cart", "c1");
    assert_eq!(before, rules_only(&stage.world.snapshot().await.unwrap()));
}

#[tokio::test]
async fn without_a_name_the_services_are_listed_and_none_moves() {
    let stage = stage(|spec| three(spec, cart())).await;
    let aims = [clients(&stage, "shop", 80)];
    let refused = under_load(&stage, &aims, json!({})).await;
    let (kind, message) = refused.ended.failed();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("shop carries 3 pairs of target groups, so PromoteTo must name the ones to make live"), "{message}");
    assert!(message.contains("mail-code1 (Code1) live, mail-code2 (Code2) on test"), "{message}");
    refused.stayed("shop", "v1");
}

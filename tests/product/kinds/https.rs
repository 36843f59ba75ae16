//! HTTPS, redirects to it, other ports.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ProtocolEnum, RedirectActionConfig, RedirectActionStatusCodeEnum,
};
use local_aws::world::{Pair, Rule, path};
use serde_json::json;

use crate::kinds::traffic::{asking, clients, stage, under_load};
use product_stage::function::{Stage, rules_only};

/// A listener that sends everybody to HTTPS.
async fn redirect(stage: &Stage, port: i32) {
    let to = RedirectActionConfig::builder().protocol("HTTPS").port("443").status_code(RedirectActionStatusCodeEnum::Http301);
    let action = Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(to.build()).build();
    let listener = stage.world.elb().create_listener().load_balancer_arn(&stage.balancer.arn).port(port);
    listener.protocol(ProtocolEnum::Http).default_actions(action).send().await.unwrap();
}

#[tokio::test]
async fn http_and_https_move_together_and_come_back() {
    let api = Rule::new(10, "shop", [path("/api/*")]);
    let stage = stage(|spec| spec.ports(80, 8080).ports(443, 8443).pair(Pair::new("shop")).rule(api)).await;
    let before = stage.world.snapshot().await.unwrap();
    let aims = [
        clients(&stage, "http", 80),
        clients(&stage, "https", 443),
        asking(clients(&stage, "https api", 443), "/api/1"),
        clients(&stage, "http test", 8080),
        clients(&stage, "https test", 8443),
    ];
    let there = under_load(&stage, &aims, json!({})).await;
    let summary = there.summary(&aims);
    assert!(summary.contains("8 rules were changed"), "{summary}");
    let back = under_load(&stage, &aims, json!({ "PromoteTo": "Code1" })).await;
    back.summary(&aims);
    for aim in &aims {
        let (live, test) = if aim.name.ends_with("test") { ("v2", "v1") } else { ("v1", "v2") };
        there.moved(&aim.name, live, test);
        back.moved(&aim.name, test, live);
    }
    assert_eq!(rules_only(&before), rules_only(&stage.world.snapshot().await.unwrap()));
}

#[tokio::test]
async fn a_redirect_to_https_is_left_alone_and_told() {
    let stage = stage(|spec| spec.ports(443, 8443)).await;
    redirect(&stage, 80).await;
    let aims = [clients(&stage, "http", 80), clients(&stage, "https", 443), clients(&stage, "test", 8443)];
    let flipped = under_load(&stage, &aims, json!({})).await;
    let summary = flipped.summary(&aims);
    assert!(summary.contains("port 80, default action: redirect is left as it is"), "{summary}");
    flipped.answered("http", 301);
    flipped.moved("https", "v1", "v2");
    flipped.moved("test", "v2", "v1");
}

#[tokio::test]
async fn half_a_pair_of_ports_is_refused_and_nothing_moves() {
    let stage = stage(|spec| spec.ports(80, 8080).ports(443, 8443)).await;
    stage.world.elb().delete_listener().listener_arn(&stage.balancer.listeners[&8443]).send().await.unwrap();
    let aims = [clients(&stage, "http", 80), clients(&stage, "https", 443)];
    let refused = under_load(&stage, &aims, json!({})).await;
    let (kind, message) = refused.ended.failed();
    assert_eq!(kind, "ConfigurationError");
    assert!(message.contains("shop has no listener on port 8443, the counterpart of port 443"), "{message}");
    for aim in &aims {
        refused.lost_nothing(&aim.name);
        refused.stayed(&aim.name, "v1");
    }
}

#[tokio::test]
async fn other_ports_move_where_they_are_named() {
    let stage = stage(|spec| spec.ports(80, 8080).ports(9090, 9091)).await;
    let aims = [clients(&stage, "other", 9090), clients(&stage, "other test", 9091), clients(&stage, "http", 80)];
    let flipped = under_load(&stage, &aims, json!({ "Ports": "9090:9091,80:8080" })).await;
    flipped.summary(&aims);
    flipped.moved("other", "v1", "v2");
    flipped.moved("other test", "v2", "v1");
    flipped.moved("http", "v1", "v2");
}

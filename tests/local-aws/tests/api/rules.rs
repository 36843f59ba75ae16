//! What is written to rules and listeners: what a write replaces, and what is refused with which code.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::config::http::HttpResponse;
use aws_sdk_elasticloadbalancingv2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateCognitoActionConfig, ForwardActionConfig, RewriteConfig, RuleTransform,
    TargetGroupAttribute, TargetGroupStickinessConfig, TargetGroupTuple, TransformTypeEnum, UrlRewriteConfig,
};
use local_aws::world::{Rule, World, host, path};

use crate::load_balancers::{action, forward};
use crate::{idle_pair, once, world};

/// How a write of a listener's default action ends.
async fn write(world: &World, listener: &str, action: Action) -> Result<(), String> {
    let elb = Client::new(&once(world).await);
    let written = elb.modify_listener().listener_arn(listener).default_actions(action).send().await;
    written.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn a_forward_names_at_most_five_groups() {
    let world = world().await;
    let spec = ["shop", "a", "b"].into_iter().fold(world.load_balancer("shop"), |spec, name| spec.pair(idle_pair(name)));
    let shop = spec.create().await.unwrap();
    let first = |count| {
        let groups =
            shop.groups.values().take(count).map(|arn| TargetGroupTuple::builder().target_group_arn(arn).weight(1).build());
        action(ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).build())
    };
    let before = world.snapshot().await.unwrap();
    assert_eq!(write(&world, &shop.listeners[&80], first(6)).await, Err("TooManyActions".to_owned()));
    assert_eq!(world.snapshot().await.unwrap(), before);
    assert_eq!(write(&world, &shop.listeners[&80], first(5)).await, Ok(()));
}

#[tokio::test]
async fn a_duration_is_taken_only_where_group_stickiness_is_on() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let sticky = |enabled, seconds| {
        let mut config = forward(&shop, [100, 0]);
        let stickiness = TargetGroupStickinessConfig::builder().enabled(enabled).set_duration_seconds(seconds);
        config.target_group_stickiness_config = Some(stickiness.build());
        action(config)
    };
    let refused = Err("ValidationError".to_owned());
    let listener = &shop.listeners[&80];
    for (enabled, seconds, expected) in [
        (true, Some(1), Ok(())),
        (true, Some(604_800), Ok(())),
        (false, None, Ok(())),
        (false, Some(3600), refused.clone()),
        (true, Some(0), refused.clone()),
        (true, Some(604_801), refused),
    ] {
        assert_eq!(write(&world, listener, sticky(enabled, seconds)).await, expected, "{enabled} {seconds:?}");
    }
}

#[tokio::test]
async fn a_group_with_sticky_targets_beside_another_needs_group_stickiness() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).single_group_forwards().create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    let set = async |group: &str, key: &str, value: &str| {
        let attribute = TargetGroupAttribute::builder().key(key).value(value).build();
        let set = elb.modify_target_group_attributes().target_group_arn(shop.group(group).unwrap()).attributes(attribute);
        set.send().await.map(drop).map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    let both = |enabled| {
        let mut config = forward(&shop, [100, 0]);
        let stickiness = TargetGroupStickinessConfig::builder().enabled(enabled).set_duration_seconds(enabled.then_some(60));
        config.target_group_stickiness_config = Some(stickiness.build());
        action(config)
    };
    let (live, refused) = (&shop.listeners[&80], Err("InvalidConfigurationRequest".to_owned()));
    set("shop-code1", "stickiness.enabled", "true").await.unwrap();
    let before = world.snapshot().await.unwrap();
    assert_eq!(write(&world, live, both(false)).await, refused);
    assert_eq!(world.snapshot().await.unwrap(), before);
    assert_eq!(write(&world, live, both(true)).await, Ok(()));
    // Cookies of the application do not work with weights at all.
    set("shop-code1", "stickiness.type", "app_cookie").await.unwrap();
    assert_eq!(write(&world, live, both(true)).await, refused);
    // The other way round: a rule with two groups and no group stickiness is there first.
    set("shop-code1", "stickiness.enabled", "false").await.unwrap();
    assert_eq!(write(&world, live, both(false)).await, Ok(()));
    assert_eq!(set("shop-code2", "stickiness.enabled", "true").await, refused);
}

#[tokio::test]
async fn a_write_replaces_all_actions_and_nothing_else_of_a_rule() {
    let world = world().await;
    let rule = Rule::new(7, "shop", [path("/account/*"), host("shop.example")]);
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).rule(rule).create().await.unwrap();
    let arn = &shop.rules[&(80, 7)];
    let elb = Client::new(&once(&world).await);
    let rewrite = RewriteConfig::builder().regex("^/account/(.*)$").replace("/$1").build();
    let rewrite = UrlRewriteConfig::builder().rewrites(rewrite).build();
    let transform = RuleTransform::builder().r#type(TransformTypeEnum::UrlRewrite).url_rewrite_config(rewrite).build();
    elb.modify_rule().rule_arn(arn).transforms(transform).send().await.unwrap();
    let read = async || elb.describe_rules().rule_arns(arn).send().await.unwrap().rules()[0].clone();
    let before = read().await;
    assert_eq!((before.conditions().len(), before.transforms().len()), (2, 1));

    // One group where there were two: nothing of the old list is left.
    let single = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(shop.group("shop-code2").unwrap()).build();
    elb.modify_rule().rule_arn(arn).actions(single).send().await.unwrap();
    let after = read().await;
    assert_eq!(after.actions().len(), 1);
    let groups = after.actions()[0].forward_config().unwrap().target_groups();
    assert_eq!(
        groups.iter().filter_map(|group| group.target_group_arn()).collect::<Vec<_>>(),
        [shop.group("shop-code2").unwrap()]
    );
    assert_eq!((after.conditions(), after.transforms(), after.priority()), (before.conditions(), before.transforms(), Some("7")));
    elb.modify_rule().rule_arn(arn).reset_transforms(true).send().await.unwrap();
    assert!(read().await.transforms().is_empty());
}

#[tokio::test]
async fn only_modify_listener_changes_a_default_rule() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    let default = async || elb.describe_rules().listener_arn(&shop.listeners[&80]).send().await.unwrap().rules()[0].clone();
    let rule = default().await;
    assert_eq!((rule.priority(), rule.is_default()), (Some("default"), Some(true)));
    let turned = action(forward(&shop, [0, 100]));
    let refused = elb.modify_rule().rule_arn(rule.rule_arn().unwrap()).actions(turned.clone()).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("OperationNotPermitted"));
    assert_eq!(default().await, rule);
    assert_eq!(write(&world, &shop.listeners[&80], turned).await, Ok(()));
    assert_eq!(default().await.actions()[0].forward_config().unwrap().target_groups()[1].weight(), Some(100));
}

#[tokio::test]
async fn errors_are_a_400_with_a_code() {
    let world = world().await;
    let spec = world.load_balancer("shop").pair(idle_pair("shop")).rule(Rule::new(1, "shop", [path("/a")]));
    let shop = spec.create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    let gone = |arn: &str| format!("{}0", arn);
    let turned = || action(forward(&shop, [0, 100]));
    let found = [
        status_and_code(elb.describe_load_balancers().names("none").send().await.unwrap_err()),
        status_and_code(elb.describe_listeners().load_balancer_arn(gone(&shop.arn)).send().await.unwrap_err()),
        status_and_code(elb.describe_rules().listener_arn(gone(&shop.listeners[&80])).send().await.unwrap_err()),
        status_and_code(
            elb.modify_listener().listener_arn(gone(&shop.listeners[&80])).default_actions(turned()).send().await.unwrap_err(),
        ),
        status_and_code(elb.describe_rules().rule_arns(gone(&shop.rules[&(80, 1)])).send().await.unwrap_err()),
        status_and_code(elb.modify_rule().rule_arn(gone(&shop.rules[&(80, 1)])).actions(turned()).send().await.unwrap_err()),
        status_and_code(elb.describe_target_groups().names("none").send().await.unwrap_err()),
        status_and_code(
            elb.describe_target_health().target_group_arn(gone(shop.group("shop-code1").unwrap())).send().await.unwrap_err(),
        ),
    ];
    let names = ["LoadBalancer", "LoadBalancer", "Listener", "Listener", "Rule", "Rule", "TargetGroup", "TargetGroup"];
    assert_eq!(found, names.map(|name| (400, format!("{name}NotFound"))));
}

/// The HTTP status of an error, and its code.
fn status_and_code<E: ProvideErrorMetadata>(error: SdkError<E, HttpResponse>) -> (u16, String) {
    (error.raw_response().unwrap().status().as_u16(), error.code().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn actions_and_groups_can_come_in_another_order() {
    let world = world().await;
    let cognito = AuthenticateCognitoActionConfig::builder()
        .user_pool_arn("arn:aws:cognito-idp:eu-central-1:123456789012:userpool/eu-central-1_a")
        .user_pool_client_id("client")
        .user_pool_domain("shop")
        .build();
    let sign_in = Action::builder().r#type(ActionTypeEnum::AuthenticateCognito).authenticate_cognito_config(cognito);
    let rule = Rule::new(1, "shop", [path("/a")]).after(sign_in.build());
    let shop = world.load_balancer("shop").ports(443, 8443).pair(idle_pair("shop")).rule(rule).create().await.unwrap();
    let elb = Client::new(&once(&world).await);
    world.gateway.set_reordered(true);
    let rule = elb.describe_rules().rule_arns(&shop.rules[&(443, 1)]).send().await.unwrap().rules()[0].clone();
    let types: Vec<_> = rule.actions().iter().map(|action| (action.order(), action.r#type().unwrap().as_str())).collect();
    assert_eq!(types, [(Some(2), "forward"), (Some(1), "authenticate-cognito")]);
    let groups = |action: &Action| {
        let groups = action.forward_config().unwrap().target_groups();
        groups.iter().map(|group| (group.target_group_arn().unwrap().to_owned(), group.weight())).collect::<Vec<_>>()
    };
    let [live, test] = ["shop-code1", "shop-code2"].map(|name| shop.group(name).unwrap().to_owned());
    assert_eq!(groups(&rule.actions()[0]), [(test.clone(), Some(0)), (live.clone(), Some(100))]);
    let listener = elb.describe_listeners().listener_arns(&shop.listeners[&443]).send().await.unwrap().listeners()[0].clone();
    assert_eq!(groups(&listener.default_actions()[0]), [(test, Some(0)), (live, Some(100))]);
    // What was read is what may be written.
    elb.modify_rule().rule_arn(&shop.rules[&(443, 1)]).set_actions(Some(rule.actions().to_vec())).send().await.unwrap();
}

//! What the API of load balancers keeps, prints and refuses.

use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, AuthenticateOidcActionConfig, ForwardActionConfig, TargetAdministrativeOverrideStateEnum,
    TargetDescription, TargetGroupStickinessConfig, TargetGroupTuple, TargetHealthReasonEnum, TargetHealthStateEnum,
    TargetTypeEnum,
};
use local_aws::load::{Aim, Load};
use local_aws::world::{Created, Pair, Rule, path};

use crate::{idle_pair, world};

pub fn forward(created: &Created, weights: [i32; 2]) -> ForwardActionConfig {
    let group = |name: &str, weight| {
        let group = created.group(name).unwrap();
        TargetGroupTuple::builder().target_group_arn(group).weight(weight).build()
    };
    ForwardActionConfig::builder()
        .target_groups(group("shop-code1", weights[0]))
        .target_groups(group("shop-code2", weights[1]))
        .build()
}

pub fn action(forward: ForwardActionConfig) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).forward_config(forward).build()
}

async fn default_action(elb: &Client, listener: &str) -> Action {
    elb.describe_listeners().listener_arns(listener).send().await.unwrap().listeners()[0].default_actions()[0].clone()
}

#[tokio::test]
async fn a_weighted_forward_comes_back_as_it_was_written() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let sticky = TargetGroupStickinessConfig::builder().enabled(true).duration_seconds(60).build();
    let mut config = forward(&shop, [0, 100]);
    config.target_group_stickiness_config = Some(sticky.clone());
    world
        .elb()
        .modify_listener()
        .listener_arn(&shop.listeners[&80])
        .default_actions(action(config.clone()))
        .send()
        .await
        .unwrap();
    let read = default_action(&world.elb(), &shop.listeners[&80]).await;
    assert_eq!(read.target_group_arn(), None, "the short form is printed for a single group only");
    assert_eq!(read.forward_config(), Some(&config));
}

#[tokio::test]
async fn a_single_group_is_printed_in_both_forms() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).single_group_forwards().create().await.unwrap();
    let read = default_action(&world.elb(), &shop.listeners[&80]).await;
    assert_eq!(read.target_group_arn(), Some(shop.group("shop-code1").unwrap()));
    assert_eq!(read.forward_config().unwrap().target_groups().len(), 1);
}

#[tokio::test]
async fn the_secret_of_a_sign_in_is_never_printed_and_has_to_be_reused() {
    let world = world().await;
    let config = AuthenticateOidcActionConfig::builder()
        .issuer("https://issuer.example")
        .authorization_endpoint("https://issuer.example/authorize")
        .token_endpoint("https://issuer.example/token")
        .user_info_endpoint("https://issuer.example/user")
        .client_id("client")
        .client_secret("planted-secret")
        .authentication_request_extra_params("display", "page")
        .build();
    let sign_in = Action::builder().r#type(ActionTypeEnum::AuthenticateOidc).authenticate_oidc_config(config).build();
    let rule = Rule::new(1, "shop", [path("/account/*")]).after(sign_in);
    let shop = world.load_balancer("shop").ports(443, 8443).pair(idle_pair("shop")).rule(rule).create().await.unwrap();
    let arn = &shop.rules[&(443, 1)];
    let before = world.snapshot().await.unwrap();
    assert!(before.contains("https://issuer.example/authorize") && !before.contains("planted-secret"), "{before}");

    let elb = world.elb();
    let read = elb.describe_rules().rule_arns(arn).send().await.unwrap().rules()[0].actions().to_vec();
    let refused = elb.modify_rule().rule_arn(arn).set_actions(Some(read.clone())).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    let mut reused = read;
    reused[0].authenticate_oidc_config.as_mut().unwrap().use_existing_client_secret = Some(true);
    elb.modify_rule().rule_arn(arn).set_actions(Some(reused)).send().await.unwrap();
    assert_eq!(world.snapshot().await.unwrap(), before);
}

#[tokio::test]
async fn what_is_not_there_is_refused_by_name() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = world.elb();
    let none = elb.describe_load_balancers().names("none").send().await.unwrap_err();
    assert_eq!(none.code(), Some("LoadBalancerNotFound"));
    let gone = format!("{}0", shop.listeners[&80]);
    assert_eq!(elb.describe_rules().listener_arn(&gone).send().await.unwrap_err().code(), Some("ListenerNotFound"));
    let wrong = Action::builder()
        .r#type(ActionTypeEnum::Forward)
        .target_group_arn(format!("{}0", shop.group("shop-code1").unwrap()))
        .build();
    let refused = elb.modify_listener().listener_arn(&shop.listeners[&80]).default_actions(wrong).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("TargetGroupNotFound"));
}

#[tokio::test]
async fn health_is_what_the_probes_say() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(2, 1)).create().await.unwrap();
    let elb = Client::new(&world.as_product().await);
    let group = shop.group("shop-code1").unwrap();
    let health = elb.describe_target_health().target_group_arn(group).send().await.unwrap();
    let states: Vec<_> =
        health.target_health_descriptions().iter().filter_map(|target| target.target_health()?.state()).collect();
    assert_eq!(states, [&TargetHealthStateEnum::Healthy; 2]);

    let port = health.target_health_descriptions()[1].target().unwrap().port();
    let target = |port| TargetDescription::builder().id("127.0.0.1").set_port(port).build();
    let one =
        elb.describe_target_health().target_group_arn(group).targets(target(port)).targets(target(Some(1))).send().await.unwrap();
    let one: Vec<_> = one.target_health_descriptions().iter().map(|target| target.target_health().unwrap()).collect();
    assert_eq!((one[0].state(), one[1].state()), (Some(&TargetHealthStateEnum::Healthy), Some(&TargetHealthStateEnum::Unused)));
    assert_eq!(one[1].reason(), Some(&TargetHealthReasonEnum::NotRegistered));

    // No rule names the group any more: it is not probed.
    let other = action(forward(&shop, [0, 1]));
    let single = Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(shop.group("shop-code2").unwrap()).build();
    for (listener, action) in [(80, single.clone()), (8080, other)] {
        elb.modify_listener().listener_arn(&shop.listeners[&listener]).default_actions(action).send().await.unwrap();
    }
    let attached = elb.describe_target_health().target_group_arn(group).send().await.unwrap();
    assert_eq!(attached.target_health_descriptions()[0].target_health().unwrap().state(), Some(&TargetHealthStateEnum::Healthy));
    elb.modify_listener().listener_arn(&shop.listeners[&8080]).default_actions(single).send().await.unwrap();
    let unused = elb.describe_target_health().target_group_arn(group).send().await.unwrap();
    assert_eq!(unused.target_health_descriptions()[0].target_health().unwrap().state(), Some(&TargetHealthStateEnum::Unused));
}

#[tokio::test]
async fn a_group_serves_one_load_balancer_only() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let other = world.load_balancer("other").pair(idle_pair("other")).create().await.unwrap();
    let elb = world.elb();
    let refused = elb
        .modify_listener()
        .listener_arn(&other.listeners[&80])
        .default_actions(action(forward(&shop, [1, 0])))
        .send()
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Some("TargetGroupAssociationLimit"));
}

#[tokio::test]
async fn weights_are_at_most_999() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let write = async |weights| {
        let elb = world.elb();
        let call = elb.modify_listener().listener_arn(&shop.listeners[&80]).default_actions(action(forward(&shop, weights)));
        call.send().await.map(|_| ()).map_err(|error| error.code().unwrap_or_default().to_owned())
    };
    assert_eq!(write([999, 0]).await, Ok(()));
    assert_eq!(write([1000, 0]).await, Err("ValidationError".to_owned()));
}

#[tokio::test]
async fn a_zonally_shifted_target_stays_healthy_and_takes_no_traffic() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(2, 1)).create().await.unwrap();
    let elb = Client::new(&world.as_product().await);
    let group = shop.group("shop-code1").unwrap();
    let targets = || world.load_balancer.health(group);
    let address = |port| std::net::SocketAddr::from(([127, 0, 0, 1], port));
    let ports = targets().into_iter().map(|target| target.port).collect::<Vec<u16>>();
    let overrides = async || {
        let read = elb.describe_target_health().target_group_arn(group).send().await.unwrap();
        let told = read.target_health_descriptions().iter().map(|target| {
            let healthy = target.target_health().unwrap().state() == Some(&TargetHealthStateEnum::Healthy);
            (healthy, target.administrative_override().and_then(|found| found.state().cloned()))
        });
        told.collect::<Vec<_>>()
    };
    world.load_balancer.set_zonal_shift(group, address(ports[0]), true);
    assert_eq!(overrides().await, [(true, Some(TargetAdministrativeOverrideStateEnum::ZonalShiftActive)), (true, None)]);
    world.load_balancer.set_zonal_shift(group, address(ports[1]), true);
    let load = Load::start(&[Aim::at("live", world.load_balancer.address("shop", 80).unwrap())]);
    load.each_asked(2).await.unwrap();
    assert!(load.stop().await.unwrap().statuses("live").into_keys().eq([Some(503)]));
    world.load_balancer.set_zonal_shift(group, address(ports[1]), false);
    let load = Load::start(&[Aim::at("live", world.load_balancer.address("shop", 80).unwrap())]);
    load.each_asked(2).await.unwrap();
    assert_eq!(load.stop().await.unwrap().failed(), 0);
}

/// openkruise/kruise-game#357, hashicorp/terraform-provider-aws#7570: only Lambda functions may be without health checks, and are
/// unless it is said.
#[tokio::test]
async fn health_checks_are_off_for_functions_alone() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = world.elb();
    let off = elb.modify_target_group().target_group_arn(shop.group("shop-code1").unwrap()).health_check_enabled(false);
    assert_eq!(off.send().await.unwrap_err().code(), Some("InvalidConfigurationRequest"));
    let create = elb.create_target_group().name("instances").port(80).target_type(TargetTypeEnum::Instance);
    let refused = create.health_check_enabled(false).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InvalidConfigurationRequest"));
    let made = elb.create_target_group().name("functions").target_type(TargetTypeEnum::Lambda).send().await.unwrap();
    assert_eq!(made.target_groups()[0].health_check_enabled(), Some(false));
    let arn = made.target_groups()[0].target_group_arn().unwrap();
    for enabled in [true, false] {
        let modified = elb.modify_target_group().target_group_arn(arn).health_check_enabled(enabled).send().await.unwrap();
        assert_eq!(modified.target_groups()[0].health_check_enabled(), Some(enabled));
    }
}

//! More of the field: reports about other tools of this job, each with what is right here.

use aws_sdk_ecs::types::LoadBalancer;
use aws_sdk_elasticloadbalancingv2::types::{HostHeaderConditionConfig, ProtocolEnum, RuleCondition};
use local_aws::world::{Pair, Rule, path};
use serde_json::json;

use super::{APP, Service, define, failed, job, summary};
use crate::deployer::doctor::add_rule;
use crate::deployer::stage::{BUILT, Stage, idle_pair};

/// aws/containers-roadmap#760: one service with a port for the public and one for its operators.
#[tokio::test]
async fn a_service_with_a_group_of_each_of_two_pairs_is_fine() {
    let stage = Stage::with(|spec| {
        spec.pair(idle_pair("shop")).pair(idle_pair("admin")).rule(Rule::new(10, "admin", [path("/admin/*")]))
    });
    let stage = stage.await;
    for (service, groups, tag) in [("one", ["shop-code1", "admin-code1"], "v1"), ("two", ["shop-code2", "admin-code2"], "v2")] {
        Service::new(service, &groups, tag).make(&stage).await;
    }
    stage.deployer(&["--group", "shop-code1", "--strict"]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    let doctor = stage.deployer(&["doctor", "--json"]).await;
    assert!(!doctor.out.contains("into both"), "{doctor:?}");
}

/// aws/containers-roadmap#2853: production is on a group without a healthy target already; the way out must be open.
#[tokio::test]
async fn a_flip_away_from_a_side_without_targets_is_made() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(0, 1))).await;
    let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2" })).await;
    assert!(summary(&ended).contains("2 rules were changed"), "{ended:?}");
}

/// aws/aws-cdk#36649, hashicorp/terraform-provider-aws#28129: a stack update sets every rule back after a flip.
#[tokio::test]
async fn after_a_stack_update_set_the_rules_back_what_is_live_counts() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
    let flip = json!({ "ElbName": "shop", "PromoteTo": "Code2", "Execution": "exec-1" });
    summary(&job(&stage, flip.clone()).await);
    stage.set_default(80, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    stage.set_default(8080, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    let ended = job(&stage, flip).await;
    let (kind, message) = failed(&ended);
    assert!(kind == "JobFailed" && message.contains("changed since, not by a flip"), "{message}");
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
}

/// argoproj/argo-rollouts#491, aws/aws-cdk#24805, hashicorp/terraform-provider-aws#35621: weights of 0 for both.
#[tokio::test]
async fn a_rule_that_gives_nobody_its_traffic_is_refused() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    stage.set_default(80, &[("shop-code1", 0), ("shop-code2", 0)]).await;
    let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2" })).await;
    let (kind, message) = failed(&ended);
    assert!(kind == "JobFailed" && message.contains("shares its traffic: Code1 0, Code2 0"), "{message}");
    stage.deployer(&[]).await.ended(3, &["the rules do not tell which version is live"]);
    assert_eq!(stage.read(), BUILT);
}

/// traveloka/terraform-aws-alb-single-listener#47: CodeDeploy leaves the retired group at 0 beside one at 1 or at 100.
#[tokio::test]
async fn weights_that_another_tool_left_say_the_same() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
    stage.set_default(80, &[("shop-code1", 1), ("shop-code2", 0)]).await;
    stage.set_default(8080, &[("shop-code2", 999)]).await;
    stage.deployer(&["--strict"]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2" })).await;
    assert!(summary(&ended).contains("2 rules were changed"), "{ended:?}");
}

/// aws/containers-roadmap#1884: a service of the same cluster registers into a group that somebody has deleted.
#[tokio::test]
async fn a_service_whose_group_is_gone_is_in_nobodys_way() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
    stage.remove_tag("shop-code1", "Image").await;
    let old = stage.world.elb().create_target_group().name("old").port(80).protocol(ProtocolEnum::Http);
    let old = old.vpc_id("vpc-1").send().await.unwrap();
    let old = old.target_groups()[0].target_group_arn().unwrap().to_owned();
    Service { tasks: 1, ..Service::new("b-runs", &["shop-code1"], "v1") }.make(&stage).await;
    let gone = define(&stage, "a-gone", &format!("{APP}:v0")).await;
    let balancer = LoadBalancer::builder().target_group_arn(&old).container_name("web").container_port(80).build();
    let create = stage.world.ecs().create_service().cluster("main").service_name("a-gone").task_definition(gone);
    create.load_balancers(balancer).desired_count(0).send().await.unwrap();
    stage.world.elb().delete_target_group().target_group_arn(old).send().await.unwrap();
    stage.deployer(&["--strict"]).await.ended(0, &["taking v1"]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
}

/// aws/aws-cli#1334: a service that was deleted is still described, as DRAINING, for a while.
#[tokio::test]
async fn a_deleted_service_does_not_count() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
    stage.remove_tag("shop-code1", "Image").await;
    for (name, tag) in [("a-deleted", "v0"), ("b-runs", "v1")] {
        Service { tasks: 1, ..Service::new(name, &["shop-code1"], tag) }.make(&stage).await;
    }
    stage.world.ecs().delete_service().cluster("main").service("a-deleted").force(true).send().await.unwrap();
    for tag in ["", "main/a-deleted"] {
        stage.set_tag("shop-code1", "Service", tag).await;
        stage.write(BUILT);
        stage.deployer(&[]).await.ended(0, &["taking v1"]);
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    }
}

/// pulumi/pulumi-aws#978, hashicorp/terraform-provider-aws#10586: hosts in another order, and in other letters, are the same hosts.
#[tokio::test]
async fn several_hosts_in_any_order_are_one_condition() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop"))).await;
    for (port, hosts, group) in
        [(80, ["www.example.com", "example.com"], "shop-code1"), (8080, ["EXAMPLE.com", "www.example.com"], "shop-code2")]
    {
        let hosts = HostHeaderConditionConfig::builder().set_values(Some(hosts.map(str::to_owned).to_vec())).build();
        let condition = RuleCondition::builder().field("host-header").host_header_config(hosts).build();
        add_rule(&stage, port, 10, condition, group).await;
    }
    stage.deployer(&["plan"]).await.ended(0, &[]);
    let ended = job(&stage, json!({ "ElbName": "shop", "PromoteTo": "Code2" })).await;
    assert!(summary(&ended).contains("4 rules were changed"), "{ended:?}");
}

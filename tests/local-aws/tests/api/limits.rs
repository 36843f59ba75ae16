//! Pages, and how much a call may ask for.

use aws_sdk_ecs::types::ContainerDefinition;
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::error::ProvideErrorMetadata;
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
async fn a_list_of_services_is_as_long_as_asked_for_and_ten_unless_asked() {
    let world = world().await;
    let ecs = aws_sdk_ecs::Client::new(&once(&world).await);
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let container = ContainerDefinition::builder().name("web").image("registry.example/shop:v1").build();
    ecs.register_task_definition().family("shop").container_definitions(container).send().await.unwrap();
    for number in 0..11 {
        let service = ecs.create_service().cluster("main").service_name(format!("s{number}")).task_definition("shop");
        service.desired_count(0).send().await.unwrap();
    }
    let listed = async |most| ecs.list_services().cluster("main").set_max_results(most).send().await;
    assert_eq!(listed(None).await.unwrap().service_arns().len(), 10);
    assert_eq!(listed(Some(100)).await.unwrap().service_arns().len(), 11);
    assert_eq!(listed(Some(101)).await.unwrap_err().code(), Some("InvalidParameterException"));
    let described = async |count: usize| {
        let names = (0..count).map(|number| format!("s{number}")).collect();
        ecs.describe_services().cluster("main").set_services(Some(names)).send().await
    };
    assert_eq!(described(10).await.unwrap().services().len(), 10);
    assert_eq!(described(11).await.unwrap_err().code(), Some("InvalidParameterException"));
    let tasks = ecs.describe_tasks().cluster("main").set_tasks(Some(vec!["t".to_owned(); 101])).send().await;
    assert_eq!(tasks.unwrap_err().code(), Some("InvalidParameterException"));
    let revisions = ecs.describe_service_revisions().set_service_revision_arns(Some(vec!["r".to_owned(); 21])).send().await;
    assert_eq!(revisions.unwrap_err().code(), Some("InvalidParameterException"));
}

#[tokio::test]
async fn a_call_of_load_balancing_names_at_most_twenty_and_pages_hold_400() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(idle_pair("shop")).create().await.unwrap();
    let elb = Client::new(&world.as_product().await);
    let arns = |count| Some(vec![shop.arn.clone(); count]);
    assert!(elb.describe_tags().set_resource_arns(arns(20)).send().await.is_ok());
    let refused = elb.describe_tags().set_resource_arns(arns(21)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    let names = |count| Some(vec!["shop".to_owned(); count]);
    assert!(elb.describe_load_balancers().set_names(names(20)).send().await.is_ok());
    let refused = elb.describe_load_balancers().set_names(names(21)).send().await.unwrap_err();
    assert_eq!(refused.code(), Some("ValidationError"));
    let page = async |size| elb.describe_rules().listener_arn(&shop.listeners[&80]).page_size(size).send().await;
    assert!(page(400).await.is_ok());
    assert_eq!(page(401).await.unwrap_err().code(), Some("ValidationError"));
}

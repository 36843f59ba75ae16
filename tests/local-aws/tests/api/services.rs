//! A service that is changed through the API is rolled out, and its targets registered.

use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, DeploymentController, DeploymentControllerType, LoadBalancer, StabilityStatus};
use local_aws::world::{Pair, World};

use crate::world;

async fn definition(world: &World, tag: &str) -> String {
    let container = ContainerDefinition::builder().name("web").image(format!("registry.example/shop:{tag}")).build();
    let made = world.ecs().register_task_definition().family("shop").container_definitions(container).send().await.unwrap();
    made.task_definition().unwrap().task_definition_arn().unwrap().to_owned()
}

#[tokio::test]
async fn a_service_is_rolled_out_when_the_api_changes_it() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(0, 0)).create().await.unwrap();
    let ecs = world.ecs();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let group = shop.group("shop-code1").unwrap();
    let served = LoadBalancer::builder().target_group_arn(group).container_name("web").container_port(80).build();
    ecs.create_service()
        .cluster("main")
        .service_name("shop-code1")
        .desired_count(2)
        .load_balancers(served)
        .task_definition(definition(&world, "v1").await)
        .send()
        .await
        .unwrap();
    let settle = async || world.ecs_runner.settled("main", "shop-code1", Duration::from_secs(60)).await.unwrap();
    settle().await;
    let targets = || {
        let states = world.load_balancer.health(group);
        states.into_iter().filter(|target| target.state == "healthy").map(|target| target.port).collect::<Vec<u16>>()
    };
    let first = targets();
    assert_eq!(first.len(), 2);

    let second = definition(&world, "v2").await;
    ecs.update_service().cluster("main").service("shop-code1").task_definition(second).send().await.unwrap();
    settle().await;
    assert_eq!(targets().len(), 2);
    assert!(targets().iter().all(|port| !first.contains(port)), "{first:?} {:?}", targets());
}

#[tokio::test]
async fn a_service_that_somebody_else_deploys_has_task_sets_and_no_deployments() {
    let world = world().await;
    let shop = world.load_balancer("shop").pair(Pair::new("shop").targets(0, 0)).create().await.unwrap();
    let ecs = world.ecs();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let group = shop.group("shop-code1").unwrap();
    for kind in [DeploymentControllerType::CodeDeploy, DeploymentControllerType::External, DeploymentControllerType::Ecs] {
        let served = LoadBalancer::builder().target_group_arn(group).container_name("web").container_port(80).build();
        let name = format!("shop-{kind}");
        let create = ecs.create_service().cluster("main").service_name(&name).desired_count(1).load_balancers(served);
        let create = create.deployment_controller(DeploymentController::builder().r#type(kind.clone()).build().unwrap());
        create.task_definition(definition(&world, "v1").await).send().await.unwrap();
        world.ecs_runner.settled("main", &name, Duration::from_secs(60)).await.unwrap();
        let service = ecs.describe_services().cluster("main").services(&name).send().await.unwrap().services()[0].clone();
        if kind == DeploymentControllerType::Ecs {
            assert_eq!((service.deployments().len(), service.task_sets().len()), (1, 0));
            continue;
        }
        assert!(service.deployments().is_empty(), "{kind}");
        let set = &service.task_sets()[0];
        assert_eq!(
            (set.status(), set.running_count(), set.stability_status()),
            (Some("PRIMARY"), 1, Some(&StabilityStatus::SteadyState))
        );
        assert_eq!(set.task_definition(), service.task_definition());
    }
}

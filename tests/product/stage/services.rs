//! ECS services behind target groups.

use std::time::Duration;

use aws_sdk_ecs::types::{ContainerDefinition, LoadBalancer};
use local_aws::world::World;

/// Makes a service in the cluster `main` that registers one task with this image tag into a target group, and waits
/// until it runs.
pub async fn serve(world: &World, group: &str, service: &str, tag: &str) {
    let served = LoadBalancer::builder().target_group_arn(group).container_name("web").container_port(80).build();
    make(world, service, tag, Some(vec![served])).await;
}

/// Makes a service in the cluster `main` with one task that is behind no target group, and waits until it runs.
pub async fn companion(world: &World, service: &str) {
    make(world, service, "v1", None).await;
}

async fn make(world: &World, service: &str, tag: &str, served: Option<Vec<LoadBalancer>>) {
    let ecs = world.ecs();
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let container = ContainerDefinition::builder().name("web").image(format!("registry.example/shop:{tag}")).build();
    let made = ecs.register_task_definition().family(service).container_definitions(container).send().await.unwrap();
    let definition = made.task_definition().unwrap().task_definition_arn().unwrap();
    let create = ecs.create_service().cluster("main").service_name(service).desired_count(1);
    create.set_load_balancers(served).task_definition(definition).send().await.unwrap();
    world.ecs_runner.settled("main", service, Duration::from_secs(60)).await.unwrap();
}

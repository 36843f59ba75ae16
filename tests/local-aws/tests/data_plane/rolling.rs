//! Services that ECS rolls out while clients keep requesting.

use aws_sdk_ecs::types::{ContainerDefinition, DeploymentRolloutState, LoadBalancer};
use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use local_aws::{
    ecs::Runner,
    load::{Aim, Load},
};

use crate::bench::{Bench, NAME, SOON, forward};

async fn definition(ecs: &aws_sdk_ecs::Client, tag: &str) -> String {
    let container = |name: &str, image: String| ContainerDefinition::builder().name(name).image(image).build();
    let registered = ecs.register_task_definition().family("shop").container_definitions(container("log", "log:9".to_owned()));
    let registered = registered.container_definitions(container("web", format!("registry.example.com:5000/shop/web:{tag}")));
    registered.send().await.unwrap().task_definition().unwrap().task_definition_arn().unwrap().to_owned()
}

#[tokio::test]
async fn a_new_task_definition_replaces_the_old_without_a_lost_request() {
    let bench = Bench::start().await;
    let ecs = aws_sdk_ecs::Client::new(&bench.config);
    let runner = Runner::start(bench.config.clone(), bench.balancer.clone());
    let group = bench.group("a").await;
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    ecs.create_cluster().cluster_name("main").send().await.unwrap();
    let served = LoadBalancer::builder().target_group_arn(&group).container_name("web").container_port(80).build();
    let create = ecs.create_service().cluster("main").service_name("shop").desired_count(2).load_balancers(served);
    create.task_definition(definition(&ecs, "v1").await).send().await.unwrap();
    let describe = async || ecs.describe_services().cluster("main").services("shop").send().await.unwrap().services()[0].clone();

    let before = describe().await;
    assert_eq!(before.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::InProgress));
    runner.service_changed("main", "shop");
    runner.settled("main", "shop", SOON).await.unwrap();
    let service = describe().await;
    assert_eq!((service.running_count(), service.deployments().len()), (2, 1));
    assert_eq!(service.deployments()[0].rollout_state(), Some(&DeploymentRolloutState::Completed));
    assert_eq!(bench.versions(80, 4).await["v1"], 4);

    let load = Load::start(&[Aim::at("live", bench.balancer.address(NAME, 80).unwrap())]);
    load.each_asked(2).await.unwrap();
    let update = ecs.update_service().cluster("main").service("shop");
    update.task_definition(definition(&ecs, "v2").await).send().await.unwrap();
    let during = describe().await;
    assert_eq!(during.deployments().len(), 2);
    assert_eq!(during.deployments()[0].status(), Some("PRIMARY"));
    runner.service_changed("main", "shop");
    runner.settled("main", "shop", SOON).await.unwrap();
    load.each_asked(2).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.failed(), 0, "{:?}", report.statuses("live"));
    assert_eq!(report.versions("live").into_keys().collect::<Vec<_>>(), ["v1", "v2"]);
    assert_eq!(bench.versions(80, 4).await["v2"], 4);

    let service = describe().await;
    let revision = service.current_service_revisions()[0].arn().unwrap();
    let revisions = ecs.describe_service_revisions().service_revision_arns(revision).send().await.unwrap();
    let images = revisions.service_revisions()[0].container_images();
    let web = images.iter().find(|image| image.container_name() == Some("web")).unwrap();
    assert_eq!(web.image(), Some("registry.example.com:5000/shop/web:v2"));

    ecs.update_service().cluster("main").service("shop").desired_count(1).send().await.unwrap();
    runner.service_changed("main", "shop");
    runner.settled("main", "shop", SOON).await.unwrap();
    bench.until(&group, &["healthy"]).await;
    ecs.delete_service().cluster("main").service("shop").force(true).send().await.unwrap();
    runner.service_changed("main", "shop");
    runner.settled("main", "shop", SOON).await.unwrap();
    bench.until(&group, &[]).await;
}

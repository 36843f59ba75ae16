//! What really runs, by ECS.

use aws_sdk_ecs::types::LoadBalancer;
use futures::{StreamExt, stream};

use crate::deployer::stage::{BUILT, Stage};

/// Calls that are held until others have come must not end meanwhile.
const PATIENT: &[(&str, &str)] = &[("ELB_NAME", "shop"), ("CALL_TIMEOUT_MS", "30000")];

const TAGGED: &str = "registry.example:5000/shop";

#[tokio::test]
async fn a_tag_that_ecs_contradicts_is_a_warning_and_strict_refuses() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code1", "Service", "main/shop-code1").await;
    stage.service("main", "shop-code1", "shop-code1", &format!("{TAGGED}:v3")).await;
    let fix = format!("aws elbv2 add-tags --resource-arns {} --tags Key=Image,Value=v3", stage.arn("shop-code1"));
    let words = ["shop-code1 (live) says Image = v1", "service main/shop-code1 runs registry.example:5000/shop:v3", &fix];
    stage.deployer(&["--strict"]).await.ended(3, &[&words[..], &["refused because of --strict"]].concat());
    assert_eq!(stage.read(), BUILT);
    stage.deployer(&[]).await.ended(0, &[&words[..], &["warning: "]].concat());
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
}

#[tokio::test]
async fn a_tag_that_ecs_confirms_is_nothing_to_talk_about() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code1", "Service", "main/shop-code1").await;
    product_stage::services::serve(&stage.world, stage.arn("shop-code1"), "shop-code1", "v1").await;
    stage.world.gateway.reset_calls();
    let run = stage.deployer(&["--strict"]).await;
    run.ended(0, &[]);
    assert!(!run.err.contains("Image"), "{run:?}");
    let asked: Vec<String> = stage.world.gateway.calls().into_iter().map(|call| call.action).collect();
    assert!(!asked.iter().any(|action| action.starts_with("List")), "the tag says where to look: {asked:?}");
}

#[tokio::test]
async fn without_an_image_tag_ecs_tells_what_runs() {
    let stage = Stage::new().await;
    stage.remove_tag("shop-code1", "Image").await;
    stage.service("main", "shop-code1", "shop-code1", &format!("{TAGGED}:v3@sha256:0000")).await;
    stage
        .deployer(&[])
        .await
        .ended(0, &["warning: shop-code1 (live) has no usable Image tag; taking v3, which ECS runs", "Value=v3"]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v3".to_owned(), "v9".to_owned()));
}

#[tokio::test]
async fn a_service_without_a_tag_is_found_among_many_clusters_and_pages() {
    let stage = Stage::new().await;
    stage.remove_tag("shop-code1", "Image").await;
    for cluster in ["one", "two", "three"] {
        for number in 0..4 {
            stage.service(cluster, &format!("{cluster}-{number}"), "shop-code2", &format!("{TAGGED}:other")).await;
        }
    }
    stage.service("three", "shop-live", "shop-code1", &format!("{TAGGED}:v3")).await;
    stage.world.gateway.set_page_size(Some(2));
    stage.deployer(&[]).await.ended(0, &["taking v3"]);
    stage.write(BUILT);
    stage.deployer(&["--cluster", "three"]).await.ended(0, &["taking v3"]);
    stage.write(BUILT);
    let run = stage.deployer_with(&[("ELB_NAME", "shop"), ("ECS_CLUSTER", "two")], &[]).await;
    run.ended(3, &["known from nowhere", "no ECS service names the target group"]);
    assert_eq!(stage.read(), BUILT);
}

#[tokio::test]
async fn a_service_tag_that_leads_nowhere_is_searched_past() {
    let stage = Stage::new().await;
    stage.remove_tag("shop-code1", "Image").await;
    stage.service("main", "shop-live", "shop-code1", &format!("{TAGGED}:v3")).await;
    for service in ["gone/shop", "main/gone", "nonsense"] {
        stage.write(BUILT);
        stage.set_tag("shop-code1", "Service", service).await;
        stage.deployer(&[]).await.ended(0, &["taking v3"]);
    }
}

#[tokio::test]
async fn tags_take_3_round_trips_and_the_service_that_one_names_one_call() {
    let stage = Stage::new().await;
    stage.set_tag("shop-code1", "Service", "main/shop-code1").await;
    product_stage::services::serve(&stage.world, stage.arn("shop-code1"), "shop-code1", "v1").await;
    stage.world.gateway.reset_calls();
    stage.world.gateway.expect_rounds(&[1, 2, 7, 1, 1]);
    stage.deployer_with(PATIENT, &[]).await.ended(0, &[]);
    let calls = stage.world.gateway.calls();
    let of_ecs = calls.iter().filter(|call| call.service == "ecs").map(|call| (call.depth, call.action.as_str()));
    assert!(of_ecs.eq([(4, "DescribeServices"), (5, "DescribeTaskDefinition")]), "{calls:#?}");
    assert_eq!(calls.len(), 12);
}

#[tokio::test]
async fn a_search_through_500_services_takes_57_calls_8_at_a_time() {
    let stage = Stage::new().await;
    stage.service("main", "other-0", "shop-code2", &format!("{TAGGED}:v2")).await;
    let ecs = stage.world.ecs();
    let served =
        LoadBalancer::builder().target_group_arn(stage.arn("shop-code2")).container_name("web").container_port(80).build();
    let create = |number: usize| {
        let create = ecs.create_service().cluster("main").service_name(format!("other-{number}")).desired_count(0);
        create.load_balancers(served.clone()).task_definition("other-0").send()
    };
    stream::iter(1..499).map(create).buffer_unordered(8).for_each(|made| async { drop(made.unwrap()) }).await;
    // The last one of all.
    stage.service("main", "shop-live", "shop-code1", &format!("{TAGGED}:v1")).await;
    stage.world.gateway.expect_rounds(&[1, 2, 7, 1, 1, 1, 1, 1, 1, 8, 8, 8, 8, 8, 8, 2, 1]);
    let run = stage.deployer_with(PATIENT, &[]).await;
    run.ended(0, &["searching 500 ECS services"]);
    let calls = stage.world.gateway.calls();
    let of_ecs = calls.iter().filter(|call| call.service == "ecs");
    assert_eq!((of_ecs.count(), calls.last().unwrap().depth), (57, 17), "{calls:#?}");
}

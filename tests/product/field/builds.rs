//! Builds: first deployments, shared load balancers, files from other editors, moving tags.

use local_aws::gateway::{At, Fault, FaultKind};
use local_aws::world::{Pair, Rule, path};

use super::Service;
use crate::deployer::stage::{BUILT, Stage, idle_pair};

#[tokio::test]
async fn a_wrong_name_is_a_first_deployment_only_where_nothing_is_strict() {
    let stage = Stage::new().await;
    let typo = [("ELB_NAME", "shpo")];
    let words = ["no load balancer is named shpo in eu-central-1", "refused because of --strict", "pass --first"];
    stage.deployer_with(&typo, &["--strict"]).await.ended(3, &words);
    assert_eq!(stage.read(), BUILT);
    for arguments in [&[][..], &["--first"], &["--strict", "--first"]] {
        stage.write(BUILT);
        stage.deployer_with(&typo, arguments).await.ended(0, &["first deployment"]);
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v9".to_owned()));
    }
    stage.write(BUILT);
    stage.deployer_with(&[("ELB_NAME", "")], &[]).await.ended(2, &["ELB_NAME"]);
    assert_eq!(stage.read(), BUILT);
}

#[tokio::test]
async fn a_service_that_is_new_on_a_shared_load_balancer_says_first() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("team").service("main/team"))).await;
    for named in [["--service", "main/ours"], ["--group", "ours-code1"]] {
        stage.write(BUILT);
        stage.deployer(&named).await.ended(3, &["fits 0 pairs"]);
        assert_eq!(stage.read(), BUILT);
        stage.deployer(&[&named[..], &["--first"]].concat()).await.ended(0, &["no target groups of this service yet"]);
        assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v9".to_owned()));
    }
    for arguments in [&["--first"][..], &["--first", "--service", "main/team"]] {
        stage.write(BUILT);
        stage
            .deployer(arguments)
            .await
            .ended(3, &["carries team-code1 and team-code2 (service main/team)", "--service or --group"]);
        assert_eq!(stage.read(), BUILT);
    }
}

#[tokio::test]
async fn an_execution_that_was_not_resolved_is_called_so() {
    let stage = Stage::new().await;
    let words = ["#{codepipeline.PipelineExecutionId}", "was not resolved", "earlier action"];
    stage.deployer(&["--execution", words[0]]).await.ended(2, &words);
    assert_eq!(stage.read(), BUILT);
}

#[tokio::test]
async fn status_plan_and_doctor_can_be_about_one_pair() {
    let stage = Stage::with(|spec| {
        spec.pair(Pair::new("shop").service("main/shop"))
            .pair(Pair::new("cart").images("c1", "c2").service("main/cart"))
            .rule(Rule::new(10, "cart", [path("/cart/*")]))
    });
    let stage = stage.await;
    let plan = stage.deployer(&["plan", "--group", "cart-code2"]).await;
    plan.ended(0, &[]);
    assert!(plan.out.contains("cart-code2") && !plan.out.contains("shop-code"), "{plan:?}");
    stage.deployer(&["plan"]).await.ended(3, &[]);
    // Another team's canary is nobody's business here, and no command ends it.
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    let doctor = stage.deployer(&["doctor", "--group", "cart-code1"]).await;
    assert!(!doctor.out.contains("mixed"), "{doctor:?}");
    let doctor = stage.deployer(&["doctor"]).await;
    assert!(doctor.out.contains("mixed") && !doctor.out.contains("modify-listener"), "{doctor:?}");
    let status = stage.deployer(&["status", "--json", "--group", "cart-code1"]).await;
    assert_eq!(status.json()["flips"].as_array().map(Vec::len), Some(0));
    assert!(status.json()["versions"][0]["group"].as_str().unwrap().starts_with("cart"), "{status:?}");
    stage.deployer(&["status", "--group", "nobody"]).await.ended(3, &["nobody"]);
}

#[tokio::test]
async fn a_byte_order_mark_is_read_over_and_utf_16_is_named() {
    let stage = Stage::new().await;
    stage.deployer(&[]).await.ended(0, &[]);
    let expected = stage.read();
    stage.write(&format!("\u{feff}{BUILT}"));
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!(stage.read(), expected);
    for (mark, little) in [(Some(0xFEFF_u16), true), (Some(0xFEFF), false), (None, true)] {
        let units = mark.into_iter().chain(BUILT.encode_utf16());
        let bytes: Vec<u8> = units.flat_map(|unit| if little { unit.to_le_bytes() } else { unit.to_be_bytes() }).collect();
        std::fs::write(stage.file(), &bytes).unwrap();
        stage.deployer(&[]).await.ended(2, &["is UTF-16; expected UTF-8"]);
        assert_eq!(std::fs::read(stage.file()).unwrap(), bytes);
    }
}

#[tokio::test]
async fn a_moving_tag_is_warned_of() {
    let stage = Stage::new().await;
    for group in ["shop-code1", "shop-code2"] {
        stage.set_tag(group, "Image", "latest").await;
    }
    stage.write("{\"tag\":\"latest\"}");
    stage.deployer(&[]).await.ended(0, &["the new image tag, latest, is what production has"]);
}

#[tokio::test]
async fn a_cluster_that_may_not_be_listed_is_passed_over() {
    let stage = Stage::new().await;
    stage.remove_tag("shop-code1", "Image").await;
    Service { tasks: 1, ..Service::new("shop", &["shop-code1"], "v1") }.make(&stage).await;
    stage.world.ecs().create_cluster().cluster_name("theirs").send().await.unwrap();
    for call in 1..=2 {
        stage.write(BUILT);
        stage.world.gateway.inject(Fault::once(At::Action("ListServices".to_owned(), call), FaultKind::AccessDenied));
        let run = stage.deployer(&[]).await;
        // Either the other cluster has the service, or the message says how to go on.
        match run.code {
            0 => assert_eq!(stage.code("Code1"), "v1"),
            _ => run.ended(3, &["not every cluster may be looked through", "--cluster"]),
        }
    }
}

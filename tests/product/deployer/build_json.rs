//! build.json where everything is as it should be.

use std::os::unix::fs::PermissionsExt;

use local_aws::world::{Pair, Rule, path};

use crate::deployer::stage::{BUILT, Stage, idle_pair};

#[tokio::test]
async fn the_live_side_keeps_its_image_and_the_test_side_gets_the_new_one() {
    let stage = Stage::new().await;
    let run = stage.deployer(&[]).await;
    run.ended(0, &["this build sets no fence, since no --execution is given"]);
    insta::assert_snapshot!(stage.read(), @r#"
    {
      "tag": "v9",
      "commit": "a1b2",
      "number": 1.50,
      "Code1": "v1",
      "Code2": "v9"
    }
    "#);
    assert_eq!(run.out, "Code1 (live) keeps v1, Code2 (test) gets v9: wrote build.json\n");
    assert_eq!(stage.files(), ["build.json"]);
}

#[tokio::test]
async fn after_a_flip_the_sides_are_the_other_way_round() {
    let stage = Stage::new().await;
    stage.flip("exec-1").await;
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v2".to_owned()));
}

#[tokio::test]
async fn single_group_forwards_and_many_rules_are_read_too() {
    let single = Stage::with(|spec| spec.pair(idle_pair("shop")).single_group_forwards()).await;
    single.deployer(&[]).await.ended(0, &[]);
    assert_eq!((single.code("Code1"), single.code("Code2")), ("v1".to_owned(), "v9".to_owned()));

    let rules = Stage::with(|spec| {
        let paths = (1..6).map(|number| Rule::new(number, "shop", [path(&format!("/{number}/*"))]));
        paths.fold(spec.pair(idle_pair("shop")).ports(80, 8080).ports(443, 8443), |spec, rule| spec.rule(rule))
    });
    let rules = rules.await;
    rules.world.gateway.set_page_size(Some(2));
    rules.deployer(&[]).await.ended(0, &[]);
    assert_eq!((rules.code("Code1"), rules.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
}

#[tokio::test]
async fn where_no_load_balancer_has_the_name_it_is_the_first_deployment() {
    let stage = Stage::new().await;
    let run = stage.deployer_with(&[("ELB_NAME", "not-yet"), ("EXECUTION_ID", "exec-1")], &[]).await;
    run.ended(0, &["no load balancer is named not-yet in eu-central-1", "first deployment"]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v9".to_owned(), "v9".to_owned()));
    assert_eq!(stage.code("commit"), "a1b2");
}

#[tokio::test]
async fn codes_of_an_earlier_build_are_overwritten() {
    let stage = Stage::new().await;
    stage.write("{\"Code2\":\"v7\",\"tag\":\"v9\",\"Code1\":\"v8\"}");
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    let once = stage.read();
    stage.deployer(&[]).await.ended(0, &[]);
    assert_eq!(stage.read(), once);
}

#[tokio::test]
async fn the_input_is_where_codebuild_puts_it_or_where_the_arguments_say() {
    let stage = Stage::new().await;
    let artifact = tempfile::tempdir().unwrap();
    let built = artifact.path().join("build.json");
    std::fs::write(&built, BUILT).unwrap();
    let variables = [("ELB_NAME", "shop"), ("CODEBUILD_SRC_DIR_BuildOutput", artifact.path().to_str().unwrap())];
    stage.deployer_with(&variables, &[]).await.ended(0, &[]);
    assert!(std::fs::read_to_string(&built).unwrap().contains("\"Code2\": \"v9\""));
    assert_eq!(stage.read(), BUILT);

    std::fs::write(&built, BUILT).unwrap();
    stage.deployer(&["--input", built.to_str().unwrap(), "--output", "out.json"]).await.ended(0, &[]);
    assert_eq!(std::fs::read_to_string(&built).unwrap(), BUILT);
    assert_eq!(stage.read(), BUILT);
    let written = std::fs::read_to_string(stage.file().with_file_name("out.json")).unwrap();
    assert!(written.contains("\"Code2\": \"v9\""), "{written}");
}

#[tokio::test]
async fn the_files_mode_and_a_link_to_it_stay() {
    let stage = Stage::new().await;
    std::fs::set_permissions(stage.file(), std::fs::Permissions::from_mode(0o640)).unwrap();
    let link = stage.file().with_file_name("link.json");
    std::os::unix::fs::symlink("build.json", &link).unwrap();
    stage.deployer(&["--input", "link.json"]).await.ended(0, &[]);
    assert!(link.is_symlink());
    assert_eq!(stage.code("Code2"), "v9");
    assert_eq!(std::fs::metadata(stage.file()).unwrap().permissions().mode() & 0o777, 0o640);
}

#[tokio::test]
async fn of_several_services_the_one_that_is_named_is_built() {
    let stage = Stage::with(|spec| {
        spec.pair(idle_pair("shop").service("main/shop"))
            .pair(idle_pair("cart").service("main/cart").images("c1", "c2"))
            .rule(Rule::new(10, "cart", [path("/cart/*")]))
    });
    let stage = stage.await;
    let run = stage.deployer(&[]).await;
    run.ended(
        3,
        &["carries 2 pairs", "cart-code1 and cart-code2 (service main/cart)", "--service CLUSTER/SERVICE or --group NAME"],
    );
    assert_eq!(stage.read(), BUILT);
    stage.deployer(&["--service", "main/cart"]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("c1".to_owned(), "v9".to_owned()));
    stage.deployer(&["--group", "shop-code2"]).await.ended(0, &[]);
    assert_eq!((stage.code("Code1"), stage.code("Code2")), ("v1".to_owned(), "v9".to_owned()));
    stage.deployer(&["--group", "nobody"]).await.ended(3, &["--group nobody fits 0 pairs"]);
}

#[tokio::test]
async fn other_ports_are_read_where_they_are_named() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(0, 0)).ports(8000, 9000)).await;
    stage.deployer(&[]).await.ended(3, &["none of the port pairs 80:8080,443:8443", "8000, 9000"]);
    assert_eq!(stage.read(), BUILT);
    stage.deployer(&["--ports", "8000:9000"]).await.ended(0, &[]);
    assert_eq!(stage.code("Code2"), "v9");
}

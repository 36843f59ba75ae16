//! `deployer doctor`: names the fault of each broken load balancer, with the command that fixes it.

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, RuleCondition, TargetGroupAttribute,
};
use local_aws::world::{Pair, Rule, host, path};
use serde_json::Value;

use crate::deployer::stage::{Run, Stage, idle_pair};

/// A load balancer with nothing to find but that it is reachable: both sides healthy, every tag there.
pub async fn sound() -> Stage {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").service("main/shop"))).await;
    stage.service("main", "shop", "shop-code1", "registry.example/shop:v1").await;
    for (group, service) in [("shop-code1", "main/shop"), ("shop-code2", "main/shop-test")] {
        stage.set_tag(group, "Service", service).await;
    }
    stage.service("main", "shop-test", "shop-code2", "registry.example/shop:v2").await;
    stage
}

/// The only finding of this severity: what it says, and the command that fixes it.
#[track_caller]
pub fn only(run: &Run, severity: &str) -> (String, String) {
    let json = run.json();
    let findings: Vec<&Value> = json["findings"].as_array().unwrap().iter().filter(|one| one["severity"] == severity).collect();
    let [finding] = findings.as_slice() else { panic!("expected one finding that {severity}: {findings:#?}") };
    (finding["what"].as_str().unwrap().to_owned(), finding["fix"].as_str().unwrap().to_owned())
}

/// The doctor's one blocking finding; its exit code says so too.
pub async fn blocks(stage: &Stage) -> (String, String) {
    let run = stage.deployer(&["doctor", "--json"]).await;
    run.ended(3, &[]);
    assert_eq!(run.json()["fit"], false);
    only(&run, "blocks")
}

pub async fn forward_to(stage: &Stage, group: &str) -> Action {
    Action::builder().r#type(ActionTypeEnum::Forward).target_group_arn(stage.arn(group)).build()
}

pub async fn add_rule(stage: &Stage, port: i32, priority: i32, condition: RuleCondition, group: &str) {
    let rule = stage.world.elb().create_rule().listener_arn(&stage.shop.listeners[&port]).priority(priority);
    rule.conditions(condition).actions(forward_to(stage, group).await).send().await.unwrap();
}

#[tokio::test]
async fn a_sound_load_balancer_is_fit() {
    let stage = sound().await;
    let run = stage.deployer(&["doctor"]).await;
    run.ended(0, &[]);
    insta::assert_snapshot!("doctor_sound", stage.tidy(&run.out));
}

#[tokio::test]
async fn one_without_tags() {
    let stage = sound().await;
    for group in ["shop-code1", "shop-code2"] {
        for tag in ["Identifier", "Image", "IsProduction", "Service"] {
            stage.remove_tag(group, tag).await;
        }
    }
    let run = stage.deployer(&["doctor"]).await;
    run.ended(3, &[]);
    insta::assert_snapshot!("doctor_no_tags", stage.tidy(&run.out));
}

#[tokio::test]
async fn one_without_a_test_listener() {
    let stage = sound().await;
    stage.world.elb().delete_listener().listener_arn(&stage.shop.listeners[&8080]).send().await.unwrap();
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("no listener on port 8080"), "{what}");
    let serves = format!("{{\"TargetGroupArn\":\"{}\",\"Weight\":100}}", stage.arn("shop-code2"));
    assert!(fix.starts_with("aws elbv2 create-listener") && fix.contains("--port 8080") && fix.contains(&serves), "{fix}");
}

#[tokio::test]
async fn one_with_a_rule_without_a_twin() {
    let stage = sound().await;
    add_rule(&stage, 80, 10, host("beta.example"), "shop-code1").await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("port 80, rule 10 (host-header beta.example) forwards to Code1"), "{what}");
    assert!(fix.starts_with(&format!("aws elbv2 create-rule --listener-arn {}", stage.shop.listeners[&8080])), "{fix}");
    assert!(fix.contains(r#"{"Field":"host-header","HostHeaderConfig":{"Values":["beta.example"]}}"#), "{fix}");
}

#[tokio::test]
async fn one_whose_sides_differ_in_size() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(3, 1).service("main/shop-test"))).await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("has 1 healthy targets of 1 registered, 3 are required (3 serve now)"), "{what}");
    assert_eq!(fix, "aws ecs update-service --cluster main --service shop-test --desired-count 3");
}

#[tokio::test]
async fn one_whose_test_side_is_empty() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop").targets(1, 0))).await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("Code2 (target group shop-code2, image v2) has 0 healthy targets of 0 registered"), "{what}");
    assert_eq!(fix, "aws ecs update-service --cluster CLUSTER --service SERVICE --desired-count 1");
}

#[tokio::test]
async fn one_that_is_half_flipped() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    stage.set_default(80, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("the rules disagree about which version is live") && what.contains("no flip is in progress"), "{what}");
    assert!(what.contains("The command makes Code2 (target group shop-code2, image v2) live everywhere"), "{what}");
    assert!(fix.starts_with("aws elbv2 modify-rule") && !fix.contains("lambda"), "{fix}");
}

#[tokio::test]
async fn one_whose_flip_is_half_done_waits_for_its_end() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).rule(Rule::new(10, "shop", [path("/api/*")]))).await;
    stage.record("exec-1", "moving", "shop-code2", "shop-code1").await;
    stage.set_default(80, &[("shop-code2", 100), ("shop-code1", 0)]).await;
    let told = "flip exec-1 (shop-code2 instead of shop-code1, since 2026-01-02T03:04:05Z) is in progress: \
                moved: port 80, default action; not moved: ";
    for (verb, code) in [("doctor", 0), ("status", 0), ("plan", 0)] {
        let run = stage.deployer(&[verb, "--json"]).await;
        run.ended(code, &[]);
        assert!(!run.out.contains("Key=IsProduction") && !run.out.contains("PromoteTo"), "{run:?}");
        let run = stage.deployer(&[verb]).await;
        let text = format!("{}{}", run.out, run.err).replace(['│', '┆'], " ");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let words = if verb == "plan" { "Flip exec-1 to Code2 is in progress since 2026-01-02T03:04:05Z" } else { told };
        assert!(text.contains(words), "{text}");
        assert!(!text.contains("no rule says which version is wanted"), "{text}");
    }
    let run = stage.deployer(&["plan"]).await;
    assert!(run.out.starts_with("The live rules disagree about which version is live"), "{run:?}");
    assert!(run.out.contains("this flip would finish it"), "{run:?}");
    let flip = stage.deployer(&["status", "--json"]).await.json()["flips"][0].clone();
    assert_eq!((&flip["state"], flip["moved"].as_array().unwrap().len()), (&"in-progress".into(), 1));
    // Production is there whole, the test port is not.
    let rule = &stage.shop.rules[&(80, 10)];
    let to = forward_to(&stage, "shop-code2").await;
    stage.world.elb().modify_rule().rule_arn(rule).actions(to).send().await.unwrap();
    stage.deployer(&["doctor"]).await.ended(0, &[]);
    let run = stage.deployer(&["plan"]).await;
    assert!(run.out.contains("is live already: a flip would only put"), "{run:?}");
}

#[tokio::test]
async fn one_with_mixed_weights() {
    let stage = sound().await;
    stage.set_default(80, &[("shop-code1", 90), ("shop-code2", 10)]).await;
    let run = stage.deployer(&["doctor"]).await;
    run.ended(3, &[]);
    assert!(run.out.contains("port 80, default action forwards to Code1 90, Code2 10: its weights are mixed"), "{run:?}");
    // Somebody may be shifting traffic on purpose: the doctor shows it, and ends nothing.
    let look = format!("aws elbv2 describe-listeners --listener-arns {}", stage.shop.listeners[&80]);
    assert!(run.out.contains(&look) && !run.out.contains("modify-"), "{run:?}");
}

#[tokio::test]
async fn one_whose_ports_serve_the_same_group() {
    let stage = sound().await;
    stage.set_default(8080, &[("shop-code1", 100), ("shop-code2", 0)]).await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("both ports forward to Code1"), "{what}");
    assert!(fix.starts_with(&format!("aws elbv2 modify-listener --listener-arn {}", stage.shop.listeners[&8080])), "{fix}");

    stage.set_default(80, &[("shop-code1", 1)]).await;
    stage.set_default(8080, &[("shop-code1", 1)]).await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("no rule or tag names its partner"), "{what}");
    assert!(fix.contains("TEST_TARGET_GROUP_ARN"), "{fix}");
}

#[tokio::test]
async fn one_whose_ports_share_a_group_on_purpose_is_fit() {
    let stage = Stage::with(|spec| spec.pair(Pair::new("shop")).pair(idle_pair("files"))).await;
    for port in [80, 8080] {
        add_rule(&stage, port, 10, path("/files/*"), "files-code1").await;
    }
    let run = stage.deployer(&["doctor", "--json"]).await;
    run.ended(0, &[]);
    assert!(run.out.contains("serve no group of a pair: a flip leaves them as they are"), "{}", run.out);
}

#[tokio::test]
async fn one_that_forwards_nothing() {
    let stage = sound().await;
    let fixed = FixedResponseActionConfig::builder().status_code("200").build();
    let fixed = Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(fixed).build();
    stage.set_default_action(80, fixed.clone()).await;
    stage.set_default_action(8080, fixed).await;
    let (what, fix) = blocks(&stage).await;
    assert!(what.contains("no forward action with a twin"), "{what}");
    assert!(fix.starts_with("aws elbv2 modify-listener"), "{fix}");
}

#[tokio::test]
async fn one_with_a_fence_that_nobody_ended() {
    let stage = sound().await;
    stage.set_tag("shop-code2", "bluegreen:build", "v1 exec-1 v8 2026-01-02T03:04:05Z").await;
    let run = stage.deployer(&["doctor"]).await;
    run.ended(0, &[]);
    assert!(run.out.contains("image v8 is on its way by execution exec-1 since 2026-01-02T03:04:05Z; v2 still runs"), "{run:?}");
    assert!(run.out.contains("blocks everyone but execution exec-1"), "{run:?}");
    assert!(run.out.contains("deployer unfence --elb shop --group shop-code2  # only if exec-1 will never finish"), "{run:?}");
    assert!(run.out.contains("shop can be flipped by execution exec-1 alone: its fence blocks everyone else"), "{run:?}");
    let only_for = stage.deployer(&["doctor", "--json"]).await.json()["only_for"].clone();
    assert_eq!(only_for, serde_json::json!(["exec-1"]));
    stage.set_tag("shop-code2", "bluegreen:build", "v1 exec-1 v2 2026-01-02T03:04:05Z").await;
    let run = stage.deployer(&["status"]).await;
    assert!(run.out.contains("fence around shop-code2: image v2 "), "{run:?}");
    assert!(!run.out.contains("is on its way"), "{run:?}");
}

#[tokio::test]
async fn one_whose_tags_say_something_else_than_what_runs() {
    let stage = sound().await;
    stage.set_tag("shop-code2", "Image", "v7").await;
    stage.set_tag("shop-code2", "IsProduction", "true").await;
    let run = stage.deployer(&["doctor"]).await;
    run.ended(0, &[]);
    for words in [
        "the Image tag of shop-code2 is v7, but its service main/shop-test runs registry.example/shop:v2",
        "Key=Image,Value=v2",
        "the IsProduction tag of shop-code2 is true, but it is not live",
        "Key=IsProduction,Value=false",
    ] {
        assert!(run.out.contains(words), "{words}: {run:?}");
    }
}

#[tokio::test]
async fn one_with_sticky_targets_and_several_services_is_fit_with_notes() {
    let stage = Stage::with(|spec| {
        spec.pair(Pair::new("shop"))
            .pair(Pair::new("cart"))
            .rule(Rule::new(10, "cart", [path("/cart/*")]))
            .single_group_forwards()
    });
    let stage = stage.await;
    let sticky = TargetGroupAttribute::builder().key("stickiness.enabled").value("true").build();
    let change = stage.world.elb().modify_target_group_attributes().target_group_arn(stage.arn("cart-code1"));
    change.attributes(sticky).send().await.unwrap();
    let run = stage.deployer(&["doctor"]).await;
    run.ended(0, &[]);
    assert!(run.out.contains("the targets of cart-code1 are sticky"), "{run:?}");
    assert!(run.out.contains("shop carries 2 pairs of target groups"), "{run:?}");
}

#[tokio::test]
async fn one_with_two_faults_names_both() {
    let stage = Stage::with(|spec| spec.pair(idle_pair("shop")).ports(80, 8080).ports(443, 8443)).await;
    stage.world.elb().delete_listener().listener_arn(&stage.shop.listeners[&8443]).send().await.unwrap();
    stage.remove_tag("shop-code1", "Identifier").await;
    let run = stage.deployer(&["doctor"]).await;
    run.ended(3, &[]);
    for words in
        ["no listener on port 8443", "--protocol HTTPS", "the Identifier tag of shop-code1 is missing", "0 healthy targets"]
    {
        assert!(run.out.contains(words), "{words}: {run:?}");
    }
}

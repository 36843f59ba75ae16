//! Test ports that the world may reach: the rule that opens them, and the command that closes it and nothing else.

use aws_sdk_elasticloadbalancingv2::types::LoadBalancerSchemeEnum;
use local_aws::gateway::{At, Fault, FaultKind, Lasts};
use local_aws::world::{DEPLOYER_POLICY, DEPLOYER_ROLE};
use serde_json::{Value, json};

use crate::deployer::shell;
use crate::deployer::stage::{Run, Stage, idle_pair};
use product_stage::query::{query, security_group};

const CALL: &str = "DescribeSecurityGroups";

/// Live and test ports for HTTP and HTTPS.
async fn stage() -> Stage {
    Stage::with(|spec| spec.pair(idle_pair("shop")).ports(80, 8080).ports(443, 8443)).await
}

fn tcp(from: u16, to: u16, range: &str) -> Value {
    let mut rule = json!({ "IpProtocol": "tcp", "FromPort": from, "ToPort": to });
    match range.contains(':') {
        true => rule["Ipv6Ranges"] = json!([{ "CidrIpv6": range }]),
        false => rule["IpRanges"] = json!([{ "CidrIp": range }]),
    }
    rule
}

/// What the doctor says of who may reach the test ports: the finding, and its command.
fn told(run: &Run, command: &str) -> Vec<(String, String)> {
    let json = run.json();
    let findings = json["findings"].as_array().unwrap().iter();
    let exposed = findings.filter(|finding| finding["what"].as_str().unwrap().contains("internet-facing"));
    exposed.map(|finding| (finding["what"].as_str().unwrap().to_owned(), finding[command].as_str().unwrap().to_owned())).collect()
}

async fn doctor(stage: &Stage) -> Vec<(String, String)> {
    told(&stage.deployer(&["doctor", "--json"]).await, "fix")
}

/// The rules of a security group, without the spaces between the tags.
async fn rules(stage: &Stage, id: &str) -> String {
    let answer = query(&stage.world, "ec2", CALL, &json!({ "GroupId": [id] })).await;
    let inside = answer.split_once("<ipPermissions>").unwrap().1.split_once("</ipPermissions>").unwrap().0;
    inside.split_whitespace().collect()
}

#[tokio::test]
async fn each_rule_that_opens_a_test_port_is_named_with_its_own_fix() {
    let stage = stage().await;
    let production = [tcp(80, 80, "0.0.0.0/0"), tcp(443, 443, "::/0")];
    let all = |range: &str| json!({ "IpProtocol": "-1", "IpRanges": [{ "CidrIp": range }] });
    for (open, words, kept) in [
        (
            tcp(8080, 8080, "0.0.0.0/0"),
            "lets 0.0.0.0/0 in to port 8080: the whole internet may reach the rehearsal on test port 8080",
            "",
        ),
        (tcp(8080, 8080, "::/0"), "lets ::/0 in to port 8080: the whole internet may reach the rehearsal on test port 8080", ""),
        (
            tcp(8000, 9000, "0.0.0.0/0"),
            "lets 0.0.0.0/0 in to ports 8000 to 9000: the whole internet may reach the rehearsal on test port 8080 and 8443",
            "",
        ),
        (all("0.0.0.0/0"), "lets 0.0.0.0/0 in to all traffic", "443"),
        (tcp(0, 65535, "::/0"), "lets ::/0 in to ports 0 to 65535", "80"),
    ] {
        let rules_now = [&production[..], std::slice::from_ref(&open)].concat();
        let id = security_group(&stage.world, &stage.shop.arn, &json!(rules_now)).await;
        let found = doctor(&stage).await;
        let [(what, fix)] = found.as_slice() else { panic!("{open}: {found:#?}") };
        assert!(what.contains(&format!("a rule of security group {id} ")) && what.contains(words), "{what}");
        // Production was open by the wide rule alone: a rule of its own comes first.
        assert_eq!(fix.contains(&format!("\"FromPort\":{kept},")), !kept.is_empty(), "{fix}");
        shell::run(&stage, fix).await;
        assert_eq!(doctor(&stage).await, [], "{open}");
        let left = rules(&stage, &id).await;
        assert!(left.contains("<fromPort>80</fromPort>") && left.contains("<fromPort>443</fromPort>"), "{left}");
        assert_eq!(left.matches("<ipProtocol>").count(), 2 + usize::from(!kept.is_empty()), "{left}");
    }
}

#[tokio::test]
async fn nothing_is_said_where_the_world_stays_outside() {
    let stage = stage().await;
    let udp = json!({ "IpProtocol": "udp", "FromPort": 8080, "ToPort": 8080, "IpRanges": [{ "CidrIp": "0.0.0.0/0" }] });
    for rules in [json!([]), json!([tcp(80, 443, "0.0.0.0/0"), tcp(8080, 8080, "10.0.0.0/8"), tcp(8080, 8080, "fd00::/8"), udp])]
    {
        security_group(&stage.world, &stage.shop.arn, &rules).await;
        assert_eq!(doctor(&stage).await, []);
    }
    let inside = stage.world.elb().create_load_balancer().name("inside").scheme(LoadBalancerSchemeEnum::Internal);
    inside.send().await.unwrap();
    let run = stage.deployer(&["doctor", "--elb", "inside", "--json"]).await;
    assert!(!run.out.contains("internet-facing"), "{run:?}");
}

#[tokio::test]
async fn without_the_permission_it_is_not_known_and_said_so() {
    let stage = stage().await;
    let id = security_group(&stage.world, &stage.shop.arn, &json!([tcp(80, 80, "0.0.0.0/0")])).await;
    let policy = DEPLOYER_POLICY.replace("ec2:DescribeSecurityGroups", "ec2:DescribeNothing");
    stage.world.set_policies(DEPLOYER_ROLE, &[&policy]).unwrap();
    let found = told(&stage.deployer(&["doctor", "--json"]).await, "look");
    let [(what, look)] = found.as_slice() else { panic!("{found:#?}") };
    assert!(what.contains("test port 8080 and 8443 is not known (ec2:DescribeSecurityGroups on "), "{what}");
    assert!(what.contains("0.0.0.0/0 or ::/0") && what.contains("is not authorized"), "{what}");
    assert_eq!(*look, format!("aws ec2 describe-security-groups --group-ids {id}"));
}

#[tokio::test]
async fn a_failing_call_to_ec2_is_tried_again_and_ends_like_every_other() {
    let stage = stage().await;
    security_group(&stage.world, &stage.shop.arn, &json!([tcp(8080, 8080, "0.0.0.0/0")])).await;
    let at = || At::Action(CALL.to_owned(), 1);
    for kind in [FaultKind::Status503, FaultKind::CutAnswer, FaultKind::ResetBefore, FaultKind::Hang, FaultKind::Throttled] {
        stage.world.gateway.reset_calls();
        stage.world.gateway.inject(Fault::once(at(), kind));
        assert_eq!(doctor(&stage).await.len(), 1, "{kind:?}");
        assert!(stage.world.gateway.fault_hit(), "{kind:?}");
        stage.world.gateway.clear_faults();
    }
    for (kind, words) in
        [(FaultKind::Refused("InvalidGroup.NotFound"), "InvalidGroup.NotFound"), (FaultKind::Status500, "in time")]
    {
        stage.world.gateway.reset_calls();
        stage.world.gateway.inject(Fault { at: at(), kind, lasts: Lasts::ForGood });
        let run = stage.deployer(&["doctor", "--timeout", "5"]).await;
        run.ended(5, &["ec2:DescribeSecurityGroups on sg-", words, "(request "]);
        stage.world.gateway.clear_faults();
    }
    // The endpoint of one service is read as every other client reads it.
    let elsewhere = [("ELB_NAME", "shop"), ("AWS_ENDPOINT_URL_EC2", "http://127.0.0.1:9")];
    stage
        .deployer_with(&elsewhere, &["doctor", "--timeout", "5"])
        .await
        .ended(5, &["ec2:DescribeSecurityGroups", "connection failed"]);
}

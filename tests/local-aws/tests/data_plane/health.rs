//! What probes find, and what follows for requests.

use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;
use local_aws::app::App;

use crate::bench::{Bench, forward};

#[tokio::test]
async fn a_group_without_a_rule_is_unused_and_comes_back_unknown() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let (_one, two) = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    assert_eq!(bench.states(&b), ["unused"]);
    assert_eq!(bench.balancer.health(&b)[0].reason.as_deref(), Some("Target.NotInUse"));

    two.set_undecided();
    let listener = bench.listener(80, ProtocolEnum::Http, [forward(&[(&b, 1)])]).await;
    assert_eq!(bench.states(&b), ["initial"]);
    assert_eq!(bench.get(80, "/").await.status, 503, "no target has passed its probes");
    two.set_healthy(true);
    bench.healthy(&b).await;
    assert_eq!(bench.get(80, "/").await.version.as_deref(), Some("v2"));

    bench.change(&listener, forward(&[(&a, 1), (&b, 0)])).await;
    assert_eq!(bench.states(&b), ["healthy"], "at weight 0 a group stays in use");
    bench.change(&listener, forward(&[(&a, 1)])).await;
    assert_eq!(bench.states(&b), ["unused"]);
    two.set_undecided();
    bench.change(&listener, forward(&[(&b, 1)])).await;
    assert_eq!(bench.states(&b), ["initial"], "what was known of its health is forgotten");
    assert_eq!(bench.get(80, "/").await.status, 503);
    two.set_healthy(true);
    bench.healthy(&b).await;
    assert_eq!(bench.get(80, "/").await.status, 200);
}

#[tokio::test]
async fn a_group_without_targets_answers_503() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    assert_eq!(bench.get(80, "/").await.status, 503);
}

#[tokio::test]
async fn an_unhealthy_target_takes_no_traffic_unless_all_are() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let (one, two) = (bench.app(&group, "v1").await, bench.app(&group, "v2").await);
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;

    one.set_healthy(false);
    bench.until(&group, &["unhealthy", "healthy"]).await;
    assert_eq!(bench.balancer.health(&group)[0].reason.as_deref(), Some("Target.ResponseCodeMismatch"));
    assert_eq!(bench.versions(80, 10).await["v2"], 10);

    two.set_healthy(false);
    bench.until(&group, &["unhealthy", "unhealthy"]).await;
    let versions = bench.versions(80, 10).await;
    assert_eq!((versions["v1"], versions["v2"]), (5, 5), "it fails open");

    one.set_healthy(true);
    bench.until(&group, &["healthy", "unhealthy"]).await;
    assert_eq!(bench.versions(80, 10).await["v1"], 10);
}

#[tokio::test]
async fn a_group_with_unknown_and_unhealthy_targets_does_not_fail_open() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let sick = App::start("v1", "teal").await.unwrap();
    sick.set_healthy(false);
    bench.register(&group, sick.address().port()).await;
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.until(&group, &["unhealthy"]).await;
    let new = App::start("v2", "teal").await.unwrap();
    new.set_undecided();
    bench.register(&group, new.address().port()).await;
    assert_eq!(bench.states(&group), ["unhealthy", "initial"]);
    assert_eq!(bench.get(80, "/").await.status, 503);
    new.set_healthy(true);
    bench.until(&group, &["unhealthy", "healthy"]).await;
    assert_eq!(bench.get(80, "/").await.version.as_deref(), Some("v2"));
}

#[tokio::test]
async fn a_deregistered_target_finishes_what_it_has_and_gets_nothing_new() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let (old, new) = (bench.app(&group, "v1").await, bench.app(&group, "v2").await);
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;
    // Longer than this test takes.
    bench.set(&group, "deregistration_delay.timeout_seconds", "3600").await;
    let drain = async {
        old.holds(1).await;
        new.holds(1).await;
        bench.deregister(&group, old.address().port()).await;
        assert_eq!(bench.states(&group), ["healthy", "draining"]);
        assert_eq!(bench.versions(80, 10).await["v2"], 10);
        old.release();
        new.release();
    };
    let ((), one, two) = tokio::join!(drain, bench.get(80, "/held"), bench.get(80, "/held"));
    let mut versions = [one.version.unwrap(), two.version.unwrap()];
    versions.sort();
    assert_eq!(versions, ["v1", "v2"]);

    old.set_undecided();
    bench.register(&group, old.address().port()).await;
    assert_eq!(bench.states(&group), ["healthy", "initial"], "a target that comes back is a new one");
    bench.set(&group, "deregistration_delay.timeout_seconds", "0").await;
    bench.deregister(&group, old.address().port()).await;
    assert_eq!(bench.states(&group), ["healthy"], "when the delay is over it is gone");
}

#[tokio::test]
async fn a_target_outside_this_machine_is_never_reached() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let target = aws_sdk_elasticloadbalancingv2::types::TargetDescription::builder().id("192.0.2.1").port(80).build();
    bench.elb.register_targets().target_group_arn(&group).targets(target).send().await.unwrap();
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.balancer.reload().await.unwrap();
    bench.until(&group, &["unhealthy"]).await;
    assert_eq!(bench.balancer.health(&group)[0].reason.as_deref(), Some("Target.FailedHealthChecks"));
    assert_eq!(bench.get(80, "/").await.status, 502);
}

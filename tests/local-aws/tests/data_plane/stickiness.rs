//! Clients that stay where they are.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_sdk_elasticloadbalancingv2::types::ProtocolEnum;

use local_aws::load::{Aim, Load};

use crate::bench::{Bench, NAME, forward, forward_sticky};

/// In seconds.
const HOUR: i32 = 3600;

#[tokio::test]
async fn a_client_stays_on_its_group_until_the_duration_is_over() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let _apps = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    let listener = bench.listener(80, ProtocolEnum::Http, [forward_sticky(&[(&a, 100), (&b, 0)], Some(HOUR))]).await;
    bench.healthy(&a).await;
    bench.healthy(&b).await;
    let in_an_hour = || (SystemTime::now() + Duration::from_secs(3600)).duration_since(UNIX_EPOCH).unwrap().as_millis();
    let earliest = in_an_hour();
    let first = bench.get(80, "/").await;
    // What a cookie holds: until when, and which group.
    let cookies = first.cookies();
    let (until, group) = cookies.strip_prefix("AWSALBTG=").unwrap().split_once('|').unwrap();
    assert!((earliest..=in_an_hour()).contains(&until.parse().unwrap()), "{first:?}");
    bench.change(&listener, forward_sticky(&[(&a, 0), (&b, 100)], Some(HOUR))).await;
    let ask = async |cookies: &str| bench.ask(80, "/", &[("cookie", cookies)]).await.version.unwrap();
    assert_eq!(ask(&cookies).await, "v1", "weight 0, but bound");
    assert_eq!(bench.get(80, "/").await.version.as_deref(), Some("v2"), "a client without the cookie");
    assert_eq!(ask(&format!("AWSALBTG={}|{group}", earliest - 3_600_000)).await, "v2", "the hour is over");
}

#[tokio::test]
async fn a_forward_without_stickiness_moves_bound_clients() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let _apps = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    let listener = bench.listener(80, ProtocolEnum::Http, [forward_sticky(&[(&a, 100), (&b, 0)], Some(600))]).await;
    bench.healthy(&a).await;
    bench.healthy(&b).await;
    let first = bench.get(80, "/").await;
    bench.change(&listener, forward(&[(&b, 1)])).await;
    let second = bench.ask(80, "/", &[("cookie", &first.cookies())]).await;
    assert_eq!((second.version.as_deref(), second.cookies().as_str()), (Some("v2"), ""));
}

#[tokio::test]
async fn a_client_stays_on_its_target_while_that_is_healthy_and_in_the_group() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let (one, _two, _three) = (bench.app(&a, "v1").await, bench.app(&a, "v2").await, bench.app(&b, "v3").await);
    bench.set(&a, "stickiness.enabled", "true").await;
    bench.set(&b, "stickiness.enabled", "true").await;
    let listener = bench.listener(80, ProtocolEnum::Http, [forward(&[(&a, 1)])]).await;
    bench.listener(8080, ProtocolEnum::Http, [forward(&[(&b, 1)])]).await;
    bench.healthy(&a).await;
    bench.healthy(&b).await;
    let mut first = bench.get(80, "/").await;
    while first.version.as_deref() != Some("v1") {
        first = bench.get(80, "/").await;
    }
    assert!(first.cookies().starts_with("AWSALB="), "{first:?}");
    let cookies = first.cookies();
    let ask = async || bench.ask(80, "/", &[("cookie", &cookies)]).await.version.unwrap();
    for _ in 0..10 {
        assert_eq!(ask().await, "v1");
    }
    one.set_healthy(false);
    bench.until(&a, &["unhealthy", "healthy"]).await;
    assert_eq!(ask().await, "v2");
    one.set_healthy(true);
    bench.healthy(&a).await;
    assert_eq!(ask().await, "v1");
    bench.change(&listener, forward(&[(&b, 1)])).await;
    assert_eq!(ask().await, "v3", "the single-group form really moves it");
}

#[tokio::test]
async fn clients_with_cookies_stay_at_weight_0_and_move_with_one_group() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let _apps = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    let listener = bench.listener(80, ProtocolEnum::Http, [forward_sticky(&[(&a, 100), (&b, 0)], Some(600))]).await;
    bench.listener(8080, ProtocolEnum::Http, [forward(&[(&b, 1)])]).await;
    bench.healthy(&a).await;
    bench.healthy(&b).await;
    let load = Load::start(&[Aim::at("live", bench.balancer.address(NAME, 80).unwrap())]);
    load.each_asked(2).await.unwrap();
    bench.change(&listener, forward_sticky(&[(&a, 0), (&b, 100)], Some(600))).await;
    load.each_asked(2).await.unwrap();
    let weighted = Instant::now();
    bench.change(&listener, forward(&[(&b, 1)])).await;
    let moved = Instant::now();
    load.each_asked(2).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.failed(), 0);
    let begin = report.samples("live")[0].sent;
    assert_eq!(report.between(begin, weighted).versions("live").into_keys().collect::<Vec<_>>(), ["v1"]);
    assert_eq!(report.versions_sent_after("live", moved).into_keys().collect::<Vec<_>>(), ["v2"]);
}

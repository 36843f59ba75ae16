//! Which rule and which group answers a request.

use std::time::{Duration, Instant};

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, FixedResponseActionConfig, HttpHeaderConditionConfig, HttpRequestMethodConditionConfig, ProtocolEnum,
    QueryStringConditionConfig, QueryStringKeyValuePair, RedirectActionConfig, RedirectActionStatusCodeEnum, RuleCondition,
    SourceIpConditionConfig,
};
use local_aws::{
    load::{Aim, Load},
    load_balancer::{Options, PortPolicy},
};

use crate::bench::{Bench, NAME, forward};

#[tokio::test]
async fn weights_share_the_requests() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let _apps = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    let listener = bench.listener(80, ProtocolEnum::Http, [forward(&[(&a, 100), (&b, 0)])]).await;
    bench.healthy(&a).await;
    bench.healthy(&b).await;
    assert_eq!(bench.versions(80, 100).await["v1"], 100);

    bench.change(&listener, forward(&[(&a, 75), (&b, 25)])).await;
    let versions = bench.versions(80, 400).await;
    assert_eq!((versions["v1"], versions["v2"]), (300, 100));

    bench.change(&listener, forward(&[(&a, 0), (&b, 0)])).await;
    assert_eq!(bench.versions(80, 3).await["503"], 3);
}

#[tokio::test]
async fn healthy_targets_take_turns() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let _apps = (bench.app(&group, "v1").await, bench.app(&group, "v2").await, bench.app(&group, "v3").await);
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;
    let versions = bench.versions(80, 30).await;
    assert_eq!(versions.into_values().collect::<Vec<_>>(), [10, 10, 10]);
}

#[tokio::test]
async fn rules_are_tried_by_priority_and_all_conditions_must_hold() {
    let bench = Bench::start().await;
    let listener = bench.listener(80, ProtocolEnum::Http, [says("default")]).await;
    let flat = |field: &str, values: &[&str]| {
        RuleCondition::builder().field(field).set_values(Some(values.iter().map(ToString::to_string).collect())).build()
    };
    let header = HttpHeaderConditionConfig::builder().http_header_name("X-Tier").values("gold*").build();
    let method = HttpRequestMethodConditionConfig::builder().values("DELETE").build();
    let query = QueryStringConditionConfig::builder().values(QueryStringKeyValuePair::builder().key("page").value("1?").build());
    let elsewhere = SourceIpConditionConfig::builder().values("10.0.0.0/8").build();
    let here = SourceIpConditionConfig::builder().values("127.0.0.0/8").build();
    // Created out of order on purpose.
    bench.rule(&listener, 40, [flat("path-pattern", &["/shop/*"])], [says("path")]).await;
    bench
        .rule(&listener, 9, [flat("path-pattern", &["/shop/?.png"]), flat("host-header", &["*.example.com"])], [says("both")])
        .await;
    bench.rule(&listener, 20, [flat("host-header", &["*.example.com", "example.org"])], [says("host")]).await;
    bench
        .rule(&listener, 5, [RuleCondition::builder().field("http-header").http_header_config(header).build()], [says("header")])
        .await;
    bench
        .rule(
            &listener,
            6,
            [RuleCondition::builder().field("http-request-method").http_request_method_config(method).build()],
            [says("method")],
        )
        .await;
    bench
        .rule(
            &listener,
            7,
            [RuleCondition::builder().field("query-string").query_string_config(query.build()).build()],
            [says("query")],
        )
        .await;
    bench
        .rule(
            &listener,
            1,
            [RuleCondition::builder().field("source-ip").source_ip_config(elsewhere).build()],
            [says("elsewhere")],
        )
        .await;
    let source = RuleCondition::builder().field("source-ip").source_ip_config(here).build();
    bench.rule(&listener, 50, [source, flat("path-pattern", &["/local"])], [says("here")]).await;

    let answers = |path, headers: &'static [(&str, &str)]| {
        let bench = &bench;
        async move { bench.ask(80, path, headers).await.body }
    };
    assert_eq!(answers("/", &[]).await, "default");
    assert_eq!(answers("/shop/cart", &[]).await, "path");
    assert_eq!(answers("/Shop/cart", &[]).await, "default", "paths are case-sensitive");
    assert_eq!(answers("/shop/a.png", &[("host", "WWW.example.com:8080")]).await, "both");
    assert_eq!(answers("/shop/aa.png", &[("host", "www.example.com")]).await, "host");
    assert_eq!(answers("/", &[("host", "example.org")]).await, "host");
    assert_eq!(answers("/shop/a.png", &[("host", "example.net")]).await, "path");
    assert_eq!(answers("/", &[("x-tier", "Gold-1")]).await, "header");
    assert_eq!(answers("/?page=12", &[]).await, "query");
    assert_eq!(answers("/?page=2", &[]).await, "default");
    assert_eq!(answers("/local", &[]).await, "here");
    assert_eq!(bench.send("DELETE", 80, "/", &[]).await.body, "method");
}

#[tokio::test]
async fn an_open_connection_follows_a_rule_at_its_next_request() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let _apps = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    let listener = bench.listener(80, ProtocolEnum::Http, [forward(&[(&a, 100), (&b, 0)])]).await;
    bench.healthy(&a).await;
    bench.healthy(&b).await;
    let mut aim = Aim::at("live", bench.balancer.address(NAME, 80).unwrap());
    (aim.clients, aim.pause) = (1, Duration::ZERO);
    let load = Load::start(&[aim]);
    load.each_asked(2).await.unwrap();
    bench.change(&listener, forward(&[(&a, 0), (&b, 100)])).await;
    let changed = Instant::now();
    load.each_asked(2).await.unwrap();
    let report = load.stop().await.unwrap();
    assert_eq!(report.failed(), 0);
    assert_eq!(report.versions_sent_after("live", changed).into_keys().collect::<Vec<_>>(), ["v2"]);
    assert_eq!(report.versions("live").into_keys().collect::<Vec<_>>(), ["v1", "v2"]);
}

#[tokio::test]
async fn a_request_in_flight_ends_where_it_began() {
    let bench = Bench::start().await;
    let (a, b) = (bench.group("a").await, bench.group("b").await);
    let (one, _two) = (bench.app(&a, "v1").await, bench.app(&b, "v2").await);
    let listener = bench.listener(80, ProtocolEnum::Http, [forward(&[(&a, 1)])]).await;
    bench.healthy(&a).await;
    let change = async {
        one.holds(1).await;
        bench.change(&listener, forward(&[(&b, 1)])).await;
        one.release();
    };
    let (answer, ()) = tokio::join!(bench.get(80, "/held"), change);
    assert_eq!((answer.status, answer.version.as_deref()), (200, Some("v1")));
}

#[tokio::test]
async fn targets_learn_who_asked_and_where() {
    let bench = Bench::start().await;
    let group = bench.group("a").await;
    let echo = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    bench.register(&group, echo.local_addr().unwrap().port()).await;
    tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        loop {
            let (mut stream, _) = echo.accept().await.unwrap();
            let mut head = vec![0; 4096];
            let length = stream.read(&mut head).await.unwrap();
            let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
            stream.write_all(&head[..length]).await.unwrap();
        }
    });
    bench.listener(8080, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;
    let echoed = bench.ask(8080, "/a?b=c", &[("host", "shop.example.com"), ("x-forwarded-for", "203.0.113.9")]).await;
    let echoed = echoed.body.to_lowercase();
    for line in [
        "get /a?b=c http/1.1",
        "host: shop.example.com",
        "x-forwarded-for: 203.0.113.9, 127.0.0.1",
        "x-forwarded-port: 8080",
        "x-forwarded-proto: http\r",
    ] {
        assert!(echoed.contains(line), "{line} not in {echoed}");
    }
}

#[tokio::test]
async fn redirects_keep_what_they_do_not_replace() {
    let bench = Bench::start().await;
    let config =
        RedirectActionConfig::builder().protocol("HTTPS").port("443").status_code(RedirectActionStatusCodeEnum::Http301).build();
    bench
        .listener(80, ProtocolEnum::Http, [Action::builder().r#type(ActionTypeEnum::Redirect).redirect_config(config).build()])
        .await;
    let answer = bench.ask(80, "/a/b?c=d", &[("host", "shop.example.com")]).await;
    assert_eq!((answer.status, answer.header("location")), (301, "https://shop.example.com/a/b?c=d"));
}

#[tokio::test]
async fn a_target_that_is_slow_is_a_504() {
    let options = Options { patience: Duration::from_millis(300), ..PortPolicy::Free.into() };
    let bench = Bench::start_with(options).await;
    let group = bench.group("slow").await;
    let _app = bench.app(&group, "v1").await;
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    bench.healthy(&group).await;
    // It is never released.
    assert_eq!(bench.get(80, "/held").await.status, 504);
}

#[tokio::test]
async fn a_target_that_takes_no_connection_is_a_502() {
    let bench = Bench::start().await;
    let group = bench.group("gone").await;
    // Bound, so that nobody else gets the port, and not listening.
    let deaf = tokio::net::TcpSocket::new_v4().unwrap();
    deaf.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    bench.register(&group, deaf.local_addr().unwrap().port()).await;
    bench.listener(80, ProtocolEnum::Http, [forward(&[(&group, 1)])]).await;
    // All its targets were probed and found unhealthy, so it fails open.
    bench.until(&group, &["unhealthy"]).await;
    assert_eq!(bench.get(80, "/").await.status, 502);
}

#[tokio::test]
async fn listeners_open_and_close_with_the_api() {
    let bench = Bench::start().await;
    let listener = bench.listener(80, ProtocolEnum::Http, [says("here")]).await;
    let address = bench.balancer.address(NAME, 80).unwrap();
    assert!(address.ip().is_loopback());
    assert_eq!(bench.get(80, "/").await.body, "here");
    assert_eq!(bench.balancer.address(NAME, 81), None);
    let mut open = tokio::net::TcpStream::connect(address).await.unwrap();
    bench.elb.delete_listener().listener_arn(&listener).send().await.unwrap();
    bench.balancer.reload_after("DeleteListener").await.unwrap();
    assert_eq!(bench.balancer.address(NAME, 80), None);
    // Its connections end, by a task that is ended at its next step. The port itself may be another process's by then.
    let mut nothing = [0];
    let ended = tokio::io::AsyncReadExt::read(&mut open, &mut nothing);
    assert!(matches!(tokio::time::timeout(crate::bench::SOON, ended).await.unwrap(), Ok(0) | Err(_)));
}

fn says(text: &str) -> Action {
    let config = FixedResponseActionConfig::builder().status_code("200").content_type("text/plain").message_body(text).build();
    Action::builder().r#type(ActionTypeEnum::FixedResponse).fixed_response_config(config).build()
}

#[tokio::test]
async fn a_listener_is_served_on_its_own_port_where_that_is_free() {
    let served = async |port: u16| {
        let bench = Bench::start_with(PortPolicy::SameIfPossible).await;
        bench.listener(i32::from(port), ProtocolEnum::Http, [says("here")]).await;
        assert_eq!(bench.get(port, "/").await.body, "here");
        let local = bench.balancer.address(NAME, port).unwrap().port();
        (bench, local)
    };
    // Another process may take a port that was free a moment ago, but not one after the other.
    let mut first = None;
    for _ in 0..10 {
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        let (bench, local) = served(free).await;
        if local == free {
            first = Some((bench, free));
            break;
        }
    }
    let (_bench, taken) = first.unwrap();
    assert_ne!(served(taken).await.1, taken);
}

#[tokio::test]
async fn forty_groups_are_followed_between_a_write_and_its_answer() {
    let bench = Bench::start().await;
    let mut groups = Vec::new();
    for number in 0..40 {
        groups.push(bench.group(&format!("g{number}")).await);
    }
    let (one, two) = (&groups[38], &groups[39]);
    let _apps = (bench.app(one, "v1").await, bench.app(two, "v2").await);
    let mut last = String::new();
    for port in [80, 8080] {
        let listener = bench.listener(port, ProtocolEnum::Http, [says("default")]).await;
        for (number, pair) in groups.chunks(2).enumerate() {
            let path = RuleCondition::builder().field("path-pattern").values(format!("/{number}/*")).build();
            last = bench.rule(&listener, number as i32 + 1, [path], [forward(&[(&pair[0], 100), (&pair[1], 0)])]).await;
        }
    }
    bench.healthy(one).await;
    bench.healthy(two).await;
    let version = async || bench.get(8080, "/19/1").await.version.unwrap();
    assert_eq!(version().await, "v1");
    let took = async |action: &str| {
        let begun = Instant::now();
        bench.balancer.reload_after(action).await.unwrap();
        begun.elapsed()
    };
    bench.elb.modify_rule().rule_arn(last).actions(forward(&[(one, 0), (two, 100)])).send().await.unwrap();
    let rules = took("ModifyRule").await;
    assert_eq!(version().await, "v2");
    let (targets, all) = (took("RegisterTargets").await, took("CreateTargetGroup").await);
    assert_eq!(version().await, "v2");
    println!("reload of 40 rules {rules:?}, of the targets of 40 groups {targets:?}, of everything {all:?}");
}

//! A load balancer on an account of its own, and the words the tests use for it.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_elasticloadbalancingv2::{
    Client,
    config::{Credentials, SharedCredentialsProvider},
    types::{
        Action, ActionTypeEnum, ForwardActionConfig, LoadBalancerTypeEnum, Matcher, ProtocolEnum, RuleCondition,
        TargetDescription, TargetGroupAttribute, TargetGroupStickinessConfig, TargetGroupTuple, TargetTypeEnum,
    },
};
use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{HeaderMap, Request, header::HOST};
use hyper_util::{
    client::legacy::{self, connect::HttpConnector},
    rt::TokioExecutor,
};
use local_aws::{
    app::{App, VERSION_HEADER},
    load_balancer::{LoadBalancer, Options, PortPolicy},
    ministack::Ministack,
};

/// The load balancer's name.
pub const NAME: &str = "shop";
/// Long enough on a busy machine for what takes a tenth of a second on an idle one: only a failure takes so long.
pub const SOON: Duration = Duration::from_secs(60);

pub struct Bench {
    pub config: SdkConfig,
    pub elb: Client,
    pub balancer: LoadBalancer,
    arn: String,
    client: legacy::Client<HttpConnector, Empty<Bytes>>,
}

/// What a client got.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub version: Option<String>,
    pub headers: HeaderMap,
    pub body: String,
}

impl Bench {
    pub async fn start() -> Self {
        Self::start_with(PortPolicy::Free).await
    }

    pub async fn start_with(options: impl Into<Options>) -> Self {
        static ACCOUNTS: AtomicU16 = AtomicU16::new(1);
        let account = format!("{:012}", ACCOUNTS.fetch_add(1, Ordering::Relaxed));
        let ministack = Ministack::shared(|_| ()).await.unwrap();
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-central-1"))
            .endpoint_url(format!("http://{}", ministack.address()))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(account, "none", None, None, "test")))
            .build();
        let elb = Client::new(&config);
        let created = elb.create_load_balancer().name(NAME).r#type(LoadBalancerTypeEnum::Application).subnets("subnet-1");
        let arn = created.send().await.unwrap().load_balancers()[0].load_balancer_arn().unwrap().to_owned();
        let balancer = LoadBalancer::start(config.clone(), options).await.unwrap();
        let client = legacy::Client::builder(TokioExecutor::new()).build(HttpConnector::new());
        Self { config, elb, balancer, arn, client }
    }

    /// A group that needs two probes, 50 ms apart, to call a target healthy or not.
    pub async fn group(&self, name: &str) -> String {
        let group = self.elb.create_target_group().name(name).protocol(ProtocolEnum::Http).port(80).vpc_id("vpc-1");
        let group = group.target_type(TargetTypeEnum::Ip).health_check_path("/health").health_check_interval_seconds(5);
        let group = group
            .healthy_threshold_count(2)
            .unhealthy_threshold_count(2)
            .matcher(Matcher::builder().http_code("200-299").build());
        let arn = group.send().await.unwrap().target_groups()[0].target_group_arn().unwrap().to_owned();
        self.set(&arn, "deregistration_delay.timeout_seconds", "30").await;
        arn
    }

    /// Sets a group's attribute.
    pub async fn set(&self, group: &str, key: &str, value: &str) {
        let attribute = TargetGroupAttribute::builder().key(key).value(value).build();
        self.elb.modify_target_group_attributes().target_group_arn(group).attributes(attribute).send().await.unwrap();
        self.balancer.reload().await.unwrap();
    }

    /// Starts an application and registers it.
    pub async fn app(&self, group: &str, version: &str) -> App {
        let app = App::start(version, "teal").await.unwrap();
        self.register(group, app.address().port()).await;
        app
    }

    pub async fn register(&self, group: &str, port: u16) {
        self.elb.register_targets().target_group_arn(group).targets(target(port)).send().await.unwrap();
        self.balancer.reload_after("RegisterTargets").await.unwrap();
    }

    pub async fn deregister(&self, group: &str, port: u16) {
        self.elb.deregister_targets().target_group_arn(group).targets(target(port)).send().await.unwrap();
        self.balancer.reload_after("DeregisterTargets").await.unwrap();
    }

    pub async fn listener(&self, port: i32, protocol: ProtocolEnum, actions: impl Into<Vec<Action>>) -> String {
        let listener = self.elb.create_listener().load_balancer_arn(&self.arn).port(port).protocol(protocol);
        let created = listener.set_default_actions(Some(actions.into())).send().await.unwrap();
        self.balancer.reload_after("CreateListener").await.unwrap();
        created.listeners()[0].listener_arn().unwrap().to_owned()
    }

    pub async fn change(&self, listener: &str, action: Action) {
        self.elb.modify_listener().listener_arn(listener).default_actions(action).send().await.unwrap();
        self.balancer.reload_after("ModifyListener").await.unwrap();
    }

    /// Makes a rule; its ARN.
    pub async fn rule(
        &self,
        listener: &str,
        priority: i32,
        conditions: impl Into<Vec<RuleCondition>>,
        actions: impl Into<Vec<Action>>,
    ) -> String {
        let rule = self.elb.create_rule().listener_arn(listener).priority(priority);
        let created = rule.set_conditions(Some(conditions.into())).set_actions(Some(actions.into())).send().await.unwrap();
        self.balancer.reload_after("CreateRule").await.unwrap();
        created.rules()[0].rule_arn().unwrap().to_owned()
    }

    pub async fn healthy(&self, group: &str) {
        self.balancer.wait_healthy(group, SOON).await.unwrap();
    }

    /// The states of a group's targets.
    pub fn states(&self, group: &str) -> Vec<String> {
        self.balancer.health(group).into_iter().map(|target| target.state).collect()
    }

    /// Waits until the group's targets have these states.
    pub async fn until(&self, group: &str, states: &[&str]) {
        let reached = async {
            while self.states(group) != states {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let timed = tokio::time::timeout(SOON, reached).await;
        assert!(timed.is_ok(), "{group}: {states:?} expected, {:?} found", self.balancer.health(group));
    }

    pub async fn get(&self, port: u16, path: &str) -> Answer {
        self.ask(port, path, &[]).await
    }

    pub async fn ask(&self, port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.send("GET", port, path, headers).await
    }

    pub async fn send(&self, method: &str, port: u16, path: &str, headers: &[(&str, &str)]) -> Answer {
        let address = self.balancer.address(NAME, port).unwrap();
        let mut request = Request::builder().method(method).uri(format!("http://{address}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if !headers.iter().any(|(name, _)| *name == "host") {
            request = request.header(HOST, address.to_string());
        }
        let (head, body) = self.client.request(request.body(Empty::new()).unwrap()).await.unwrap().into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Answer {
            status: head.status.as_u16(),
            version: head.headers.get(VERSION_HEADER).map(|v| v.to_str().unwrap().to_owned()),
            headers: head.headers,
            body: String::from_utf8_lossy(&body).into_owned(),
        }
    }

    /// How many of `count` requests each version answered.
    pub async fn versions(&self, port: u16, count: usize) -> BTreeMap<String, usize> {
        let mut versions = BTreeMap::new();
        for _ in 0..count {
            let answer = self.get(port, "/version").await;
            *versions.entry(answer.version.unwrap_or_else(|| answer.status.to_string())).or_default() += 1;
        }
        versions
    }
}

impl Answer {
    /// The header's value, or nothing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The cookies that it sets, as a client sends them back.
    pub fn cookies(&self) -> String {
        let cookies = self.headers.get_all("set-cookie").iter().map(|v| v.to_str().unwrap().split(';').next().unwrap());
        cookies.collect::<Vec<_>>().join("; ")
    }
}

/// A forward to groups by weights.
pub fn forward(groups: &[(&str, i32)]) -> Action {
    forward_sticky(groups, None)
}

/// A forward to groups by weights, sticky for so many seconds.
pub fn forward_sticky(groups: &[(&str, i32)], seconds: Option<i32>) -> Action {
    let stickiness = TargetGroupStickinessConfig::builder().enabled(seconds.is_some()).set_duration_seconds(seconds).build();
    let groups = groups.iter().map(|(arn, weight)| TargetGroupTuple::builder().target_group_arn(*arn).weight(*weight).build());
    let config =
        ForwardActionConfig::builder().set_target_groups(Some(groups.collect())).target_group_stickiness_config(stickiness);
    Action::builder().r#type(ActionTypeEnum::Forward).order(9).forward_config(config.build()).build()
}

fn target(port: u16) -> TargetDescription {
    TargetDescription::builder().id("127.0.0.1").port(i32::from(port)).build()
}

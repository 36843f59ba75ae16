//! Load balancers for tests, from a short description: pairs of target groups, twin rules, real applications as targets.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_elasticloadbalancingv2::Client;
use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, Certificate, ForwardActionConfig, HostHeaderConditionConfig, PathPatternConditionConfig,
    ProtocolEnum, RuleCondition, Tag, TargetDescription, TargetGroupTuple, TargetTypeEnum,
};

use super::World;
use crate::app::{App, colour_of};
use crate::load_balancer::Batches;

/// How long targets may take to become healthy.
const HEALTHY: Duration = Duration::from_secs(60);

/// Two target groups of one service: `NAME-code1` with the live version, `NAME-code2` with the other one.
#[derive(Clone, Debug)]
pub struct Pair {
    name: String,
    service: Option<String>,
    images: [String; 2],
    targets: [usize; 2],
}

impl Pair {
    /// A pair whose live group runs the image tag `v1` and whose test group `v2`, one target each.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), service: None, images: ["v1".to_owned(), "v2".to_owned()], targets: [1, 1] }
    }

    /// The image tags of the live and of the test group.
    #[must_use]
    pub fn images(mut self, live: &str, test: &str) -> Self {
        self.images = [live.to_owned(), test.to_owned()];
        self
    }

    /// How many targets the live and the test group have; with none, nothing is started.
    #[must_use]
    pub fn targets(mut self, live: usize, test: usize) -> Self {
        self.targets = [live, test];
        self
    }

    /// The `Service` tag (cluster/service) of both groups.
    #[must_use]
    pub fn service(mut self, service: &str) -> Self {
        self.service = Some(service.to_owned());
        self
    }
}

/// A rule that is made twice: on the live listener for the live group, on the test listener for the test group.
#[derive(Clone, Debug)]
pub struct Rule {
    priority: i32,
    pair: String,
    conditions: Vec<RuleCondition>,
    before: Vec<Action>,
}

impl Rule {
    /// A rule that forwards to a pair.
    pub fn new(priority: i32, pair: &str, conditions: impl Into<Vec<RuleCondition>>) -> Self {
        Self { priority, pair: pair.to_owned(), conditions: conditions.into(), before: Vec::new() }
    }

    /// An action that comes before the forward, such as a sign-in. It needs no order.
    #[must_use]
    pub fn after(mut self, action: Action) -> Self {
        self.before.push(action);
        self
    }
}

/// The condition that the path matches a pattern.
pub fn path(pattern: &str) -> RuleCondition {
    let values = PathPatternConditionConfig::builder().values(pattern).build();
    RuleCondition::builder().field("path-pattern").path_pattern_config(values).build()
}

/// The condition that the host matches a pattern.
pub fn host(pattern: &str) -> RuleCondition {
    let values = HostHeaderConditionConfig::builder().values(pattern).build();
    RuleCondition::builder().field("host-header").host_header_config(values).build()
}

/// A load balancer to be made. Unless said otherwise it has listeners on 80 and 8080 whose default actions forward to
/// the first pair, as weights 100 and 0 of both groups.
pub struct LoadBalancerSpec<'a> {
    world: &'a World,
    name: String,
    ports: Vec<(i32, i32)>,
    pairs: Vec<Pair>,
    rules: Vec<Rule>,
    single: bool,
    batches: Option<Batches>,
}

/// A load balancer that was made.
#[derive(Clone, Debug)]
pub struct Created {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// The ARNs of its listeners by port.
    pub listeners: BTreeMap<i32, String>,
    /// The ARNs of its rules (not the default ones) by port and priority.
    pub rules: BTreeMap<(i32, i32), String>,
    /// The ARNs of its target groups by name.
    pub groups: BTreeMap<String, String>,
}

impl Created {
    /// The ARN of a target group.
    ///
    /// # Errors
    /// Where there is none with this name.
    pub fn group(&self, name: &str) -> Result<&str> {
        self.groups.get(name).map(String::as_str).with_context(|| format!("no group {name} among {:?}", self.groups.keys()))
    }
}

/// Which group of a pair: 0 the live one, 1 the other.
type Side = usize;

impl<'a> LoadBalancerSpec<'a> {
    pub(super) fn new(world: &'a World, name: &str) -> Self {
        let (ports, pairs, rules) = (Vec::new(), Vec::new(), Vec::new());
        Self { world, name: name.to_owned(), ports, pairs, rules, single: false, batches: None }
    }

    /// The account it will be in, for the ARNs of what it needs besides.
    #[must_use]
    pub fn account(&self) -> &str {
        self.world.account()
    }

    /// Adds a live and a test port. 443 and 8443 are HTTPS.
    #[must_use]
    pub fn ports(mut self, live: i32, test: i32) -> Self {
        self.ports.push((live, test));
        self
    }

    /// Adds a pair of groups.
    #[must_use]
    pub fn pair(mut self, pair: Pair) -> Self {
        self.pairs.push(pair);
        self
    }

    /// Adds a rule on every live and test listener.
    #[must_use]
    pub fn rule(mut self, rule: Rule) -> Self {
        self.rules.push(rule);
        self
    }

    /// Forwards name a single group instead of both with weights.
    #[must_use]
    pub fn single_group_forwards(mut self) -> Self {
        self.single = true;
        self
    }

    /// Once it is made, changes of rules go live in batches, as on AWS. This holds for every load balancer of the world.
    #[must_use]
    pub fn batches(mut self, batches: Batches) -> Self {
        self.batches = Some(batches);
        self
    }

    /// Makes it through the API, starts its targets, and waits until they are healthy.
    ///
    /// # Errors
    /// The API's, and targets that do not become healthy.
    pub async fn create(mut self) -> Result<Created> {
        if self.ports.is_empty() {
            self.ports.push((80, 8080));
        }
        if self.pairs.is_empty() {
            self.pairs.push(Pair::new(&self.name));
        }
        let elb = self.world.elb();
        let made = elb.create_load_balancer().name(&self.name).send().await?;
        let arn = made.load_balancers().first().and_then(|lb| lb.load_balancer_arn()).context("no load balancer")?.to_owned();
        let mut created =
            Created { name: self.name.clone(), arn, listeners: BTreeMap::new(), rules: BTreeMap::new(), groups: BTreeMap::new() };
        for pair in &self.pairs {
            for side in [0, 1] {
                let group = self.create_group(&elb, pair, side).await?;
                created.groups.insert(group_name(pair, side), group);
            }
        }
        let first = self.pairs[0].clone();
        for (port, side) in self.ports.iter().flat_map(|(live, test)| [(*live, 0), (*test, 1)]) {
            let action = self.forward(&created, &first, side)?;
            let https = matches!(port, 443 | 8443);
            let listener = elb
                .create_listener()
                .load_balancer_arn(&created.arn)
                .port(port)
                .protocol(if https { ProtocolEnum::Https } else { ProtocolEnum::Http })
                .set_certificates(https.then(|| vec![self.certificate()]))
                .default_actions(action)
                .send()
                .await?;
            let listener = listener.listeners().first().and_then(|l| l.listener_arn()).context("no listener")?.to_owned();
            for rule in &self.rules {
                let arn = self.create_rule(&elb, &created, &listener, rule, side).await?;
                created.rules.insert((port, rule.priority), arn);
            }
            created.listeners.insert(port, listener);
        }
        for pair in &self.pairs {
            for side in [0, 1].into_iter().filter(|side| pair.targets[*side] > 0) {
                self.world.load_balancer.wait_healthy(created.group(&group_name(pair, side))?, HEALTHY).await?;
            }
        }
        if self.batches.is_some() {
            self.world.load_balancer.set_batches(self.batches).await;
        }
        Ok(created)
    }

    async fn create_group(&self, elb: &Client, pair: &Pair, side: Side) -> Result<String> {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        let mut tags = vec![
            tag("Identifier", ["Code1", "Code2"][side]),
            tag("Image", &pair.images[side]),
            tag("IsProduction", ["true", "false"][side]),
        ];
        tags.extend(pair.service.iter().map(|service| tag("Service", service)));
        let made = elb
            .create_target_group()
            .name(group_name(pair, side))
            .protocol(ProtocolEnum::Http)
            .port(80)
            .target_type(TargetTypeEnum::Ip)
            .health_check_path("/health")
            .health_check_interval_seconds(5)
            .healthy_threshold_count(2)
            .set_tags(Some(tags))
            .send()
            .await?;
        let arn = made.target_groups().first().and_then(|group| group.target_group_arn()).context("no target group")?.to_owned();
        let mut targets = Vec::new();
        for _ in 0..pair.targets[side] {
            let app = App::start(&pair.images[side], &colour_of(&pair.images[side])).await?;
            targets.push(target(app.address()));
            self.world.keep(app);
        }
        if !targets.is_empty() {
            elb.register_targets().target_group_arn(&arn).set_targets(Some(targets)).send().await?;
        }
        Ok(arn)
    }

    async fn create_rule(&self, elb: &Client, created: &Created, listener: &str, rule: &Rule, side: Side) -> Result<String> {
        let pair = self.pairs.iter().find(|pair| pair.name == rule.pair).with_context(|| format!("no pair {}", rule.pair))?;
        let mut actions = rule.before.clone();
        actions.push(self.forward(created, pair, side)?);
        if actions.len() > 1 {
            for (order, action) in (1..).zip(&mut actions) {
                action.order = Some(order);
            }
        }
        let made = elb
            .create_rule()
            .listener_arn(listener)
            .priority(rule.priority)
            .set_conditions(Some(rule.conditions.clone()))
            .set_actions(Some(actions))
            .send()
            .await?;
        Ok(made.rules().first().and_then(|rule| rule.rule_arn()).context("no rule")?.to_owned())
    }

    fn forward(&self, created: &Created, pair: &Pair, side: Side) -> Result<Action> {
        let action = Action::builder().r#type(ActionTypeEnum::Forward);
        if self.single {
            return Ok(action.target_group_arn(created.group(&group_name(pair, side))?).build());
        }
        let mut forward = ForwardActionConfig::builder();
        for other in [0, 1] {
            let weight = if other == side { 100 } else { 0 };
            let group = created.group(&group_name(pair, other))?;
            forward = forward.target_groups(TargetGroupTuple::builder().target_group_arn(group).weight(weight).build());
        }
        Ok(action.forward_config(forward.build()).build())
    }

    /// The load balancer has its own certificates: the API only wants one named.
    fn certificate(&self) -> Certificate {
        let arn = format!("arn:aws:acm:{}:{}:certificate/{}", super::REGION, self.world.account(), self.name);
        Certificate::builder().certificate_arn(arn).build()
    }
}

fn group_name(pair: &Pair, side: Side) -> String {
    format!("{}-code{}", pair.name, side + 1)
}

fn target(address: SocketAddr) -> TargetDescription {
    TargetDescription::builder().id(address.ip().to_string()).port(i32::from(address.port())).build()
}

//! A place where one flip after the other is made and broken: a world that is put back after each.

use std::collections::BTreeMap;

use aws_sdk_elasticloadbalancingv2::types::{Action, Rule as AwsRule, Tag};
use blue_green::release::journal::{Journal, Tags};
use blue_green::seen::group::arn_tail;
use local_aws::lambda::Lambda;
use local_aws::world::{Created, Pair, Rule, World, WorldOptions, path};
use serde_json::json;

use crate::faults::rules::{RuleState, weights};
use crate::faults::run::PATIENT;

/// How long one call may take, in milliseconds, where every call is answered: longer than a busy machine needs.
pub const ANSWERED: &str = "20000";
/// The same where an answer that never comes is waited for. A call that a busy machine answers later is made again.
pub const UNANSWERED: &str = "500";

/// Which load balancer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balancer {
    /// One pair: a default action and a rule on each listener.
    OnePair,
    /// Three pairs: the default action and two rules on each listener, each for a service of its own.
    ThreePairs,
}

/// How the function is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// By a CodePipeline job that flips.
    Job,
    /// By a direct invocation that flips.
    Direct,
    /// By a CodePipeline job that checks.
    Check,
}

/// A world with a load balancer, and the rules as they were first.
pub struct Arena {
    pub world: World,
    /// The function, in no hurry.
    pub lambda: Lambda,
    /// The function, for faults without an answer: it soon gives a call up, and then makes it again.
    pub impatient: Lambda,
    pub balancer: Created,
    kind: Balancer,
    first: Vec<AwsRule>,
    run: u64,
}

impl Arena {
    pub async fn new(kind: Balancer) -> Self {
        let world = World::start(WorldOptions::default()).await.unwrap();
        let spec = world.load_balancer("shop");
        let spec = match kind {
            Balancer::OnePair => spec.pair(Pair::new("a")).rule(Rule::new(10, "a", [path("/api/*")])),
            Balancer::ThreePairs => spec
                .pair(Pair::new("a"))
                .pair(Pair::new("b"))
                .pair(Pair::new("c"))
                .rule(Rule::new(10, "b", [path("/b/*")]))
                .rule(Rule::new(20, "c", [path("/c/*")])),
        };
        let balancer = spec.create().await.unwrap();
        let lambda = |call| world.lambda_with(PATIENT, [("CALL_TIMEOUT_MS", call), ("WAIT_SECONDS", "0")]).unwrap();
        let (lambda, impatient) = (lambda(ANSWERED), lambda(UNANSWERED));
        let mut arena = Self { world, lambda, impatient, balancer, kind, first: Vec::new(), run: 0 };
        arena.first = arena.rules().await;
        arena
    }

    /// Every rule as the API tells it, live listener first.
    pub async fn rules(&self) -> Vec<AwsRule> {
        let mut rules = Vec::new();
        for listener in self.balancer.listeners.values() {
            let answer = self.world.elb().describe_rules().listener_arn(listener).send().await.unwrap();
            rules.extend(answer.rules.unwrap());
        }
        rules
    }

    /// Every rule's state, live listener first.
    pub async fn rule_states(&self) -> Vec<RuleState> {
        let port = |rule: &AwsRule| {
            let listener = self.listener_of(rule);
            *self.balancer.listeners.iter().find(|(_, arn)| *arn == listener).unwrap().0
        };
        let state = |rule: &AwsRule| {
            let priority = rule.priority().unwrap().to_owned();
            RuleState { port: port(rule), priority, weights: weights(rule) }
        };
        self.rules().await.iter().map(state).collect()
    }

    /// A path for every rule of the live listener.
    pub fn paths(&self) -> &'static [&'static str] {
        match self.kind {
            Balancer::OnePair => &["/version", "/api/version"],
            Balancer::ThreePairs => &["/version", "/b/version", "/c/version"],
        }
    }

    /// Whether anything has been journalled since all was put back.
    pub async fn is_noted(&self) -> bool {
        self.tags().await.iter().any(|(key, _)| key.starts_with("bluegreen:"))
    }

    /// The tags of every group, keys and values.
    pub async fn tags(&self) -> Vec<(String, String)> {
        self.tags_by_group().await.into_values().flatten().collect()
    }

    /// The tags of each group, by its ARN.
    async fn tags_by_group(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let groups: Vec<String> = self.balancer.groups.values().cloned().collect();
        let answer = self.world.elb().describe_tags().set_resource_arns(Some(groups)).send().await.unwrap();
        let tag = |tag: &Tag| (tag.key().unwrap().to_owned(), tag.value().unwrap_or_default().to_owned());
        let groups = answer.tag_descriptions().iter();
        groups.map(|group| (group.resource_arn().unwrap().to_owned(), group.tags().iter().map(tag).collect())).collect()
    }

    /// The records of the pair `a`: its first group is a-code1.
    pub async fn journal(&self) -> Journal {
        let tags = self.tags_by_group().await;
        let arns = ["a-code1", "a-code2"].map(|group| self.balancer.group(group).unwrap());
        Journal::read(arns.map(|arn| Tags { tags: &tags[arn], tail: arn_tail(arn) }))
    }

    /// Puts everything back: rules, labels, no records, no fault, nothing under way.
    pub async fn reset(&mut self) {
        self.world.gateway.clear_faults();
        self.world.gateway.idle().await;
        let elb = self.world.elb();
        let now = self.rules().await;
        for (first, now) in self.first.iter().zip(&now) {
            if weights(first) == weights(now) {
                continue;
            }
            self.write(first, first.actions().to_vec()).await;
        }
        let groups: Vec<&str> = self.balancer.groups.values().map(String::as_str).collect();
        self.world.wipe_tags(&groups, "bluegreen:").await.unwrap();
        for (name, arn) in &self.balancer.groups {
            let (live, image) = if name.ends_with("code1") { ("true", "v1") } else { ("false", "v2") };
            let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
            let tags = vec![tag("IsProduction", live), tag("Image", image)];
            elb.add_tags().resource_arns(arn).set_tags(Some(tags)).send().await.unwrap();
        }
        self.run += 1;
        self.world.gateway.reset_calls();
    }

    /// Puts the labels the wrong way round, for a check to bring in line.
    pub async fn mislabel(&self) {
        for (name, arn) in &self.balancer.groups {
            let live = if name.ends_with("code1") { "false" } else { "true" };
            let tag = Tag::builder().key("IsProduction").value(live).build();
            self.world.elb().add_tags().resource_arns(arn).tags(tag).send().await.unwrap();
        }
    }

    /// Which group every live rule serves, and no test rule does; none where the rules disagree.
    pub async fn live(&self) -> Option<String> {
        let rules = self.rules().await;
        let (live, test) = rules.split_at(rules.len() / 2);
        let serving = |rule| weights(rule).into_iter().find(|(_, weight)| *weight == 100).map(|(group, _)| group);
        let live: Vec<_> = live.iter().map(serving).collect();
        let test: Vec<_> = test.iter().map(serving).collect();
        let whole =
            live.iter().all(|group| *group == live[0]) && test.iter().all(|group| *group == test[0]) && live[0] != test[0];
        if whole { live.into_iter().next().flatten() } else { None }
    }

    /// Exchanges the groups of every rule, as a person at the console would: no journal, no labels.
    pub async fn swap_by_hand(&self) {
        for rule in self.rules().await {
            self.turn(&rule).await;
        }
    }

    /// Exchanges the groups of one rule, by its place among [`Arena::rules`].
    pub async fn turn_by_hand(&self, place: usize) {
        self.turn(&self.rules().await[place]).await;
    }

    async fn turn(&self, rule: &AwsRule) {
        self.weigh(rule, |_, weight| 100 - weight).await;
    }

    /// Gives the groups of a rule other weights, by their names and the weights that they have.
    pub async fn weigh(&self, rule: &AwsRule, weigh: impl Fn(&str, i32) -> i32) {
        let mut actions = rule.actions().to_vec();
        for groups in actions.iter_mut().filter_map(|action| action.forward_config.as_mut()?.target_groups.as_mut()) {
            for group in groups {
                let name = group.target_group_arn().unwrap().split('/').nth(1).unwrap();
                group.weight = group.weight.map(|weight| weigh(name, weight));
            }
        }
        self.write(rule, actions).await;
    }

    async fn write(&self, rule: &AwsRule, actions: Vec<Action>) {
        let elb = self.world.elb();
        if rule.is_default() == Some(true) {
            let listener = self.listener_of(rule);
            elb.modify_listener().listener_arn(listener).set_default_actions(Some(actions)).send().await.unwrap();
        } else {
            elb.modify_rule().rule_arn(rule.rule_arn().unwrap()).set_actions(Some(actions)).send().await.unwrap();
        }
    }

    /// Puts the `Image` tag on a group, as a stack does after a deployment.
    pub async fn deployed(&self, group: &str, image: &str) {
        self.tag(group, "Image", image).await;
    }

    /// Puts a tag on a group.
    pub async fn tag(&self, group: &str, key: &str, value: &str) {
        let tag = Tag::builder().key(key).value(value).build();
        self.world.elb().add_tags().resource_arns(self.balancer.group(group).unwrap()).tags(tag).send().await.unwrap();
    }

    /// The listener that a rule belongs to.
    pub fn listener_of(&self, rule: &AwsRule) -> &str {
        let tail = |arn: &str| arn.split('/').skip(2).take(3).map(str::to_owned).collect::<Vec<_>>();
        let wanted = tail(rule.rule_arn().unwrap());
        self.balancer.listeners.values().find(|listener| tail(listener) == wanted).unwrap()
    }

    /// The parameters of this run: an execution of its own, all pairs.
    pub fn parameters(&self, asked: Asked) -> serde_json::Value {
        let mut parameters = json!({ "ElbName": "shop", "Execution": format!("run-{}", self.run) });
        if self.kind == Balancer::ThreePairs {
            parameters["PromoteTo"] = json!("a-code2,b-code2,c-code2");
        }
        if asked == Asked::Check {
            parameters["Action"] = json!("check");
        }
        parameters
    }
}

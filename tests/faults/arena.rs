//! A place where one flip after the other is made and broken: a world that is put back after each.

use std::time::Duration;

use aws_sdk_elasticloadbalancingv2::types::{Action, Rule as AwsRule, Tag};
use local_aws::gateway::{Call, Fault};
use local_aws::lambda::Lambda;
use local_aws::load::{Aim, Load};
use local_aws::world::{Created, Pair, Rule, World, WorldOptions, path};
use serde_json::json;

use crate::outcome::{Answer, Ended};

/// How long the function has. Short: a fault that stays is only waited out.
const FUNCTION: Duration = Duration::from_millis(1600);
/// How long one call may take.
const CALL: &str = "150";

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
    pub lambda: Lambda,
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
        let lambda = world.lambda_with(FUNCTION, [("CALL_TIMEOUT_MS", CALL)]).unwrap();
        let mut arena = Self { world, lambda, balancer, kind, first: Vec::new(), run: 0 };
        arena.first = arena.rules().await;
        arena
    }

    /// An arena whose function is in no hurry: for runs in which no time-out is waited out, on a machine that may be busy.
    pub async fn patient(kind: Balancer) -> Self {
        let mut arena = Self::new(kind).await;
        arena.lambda = arena.world.lambda_with(Duration::from_secs(20), [("CALL_TIMEOUT_MS", "5000")]).unwrap();
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

    /// Puts everything back: rules, labels, no journal, no fault.
    pub async fn reset(&mut self) {
        self.world.gateway.clear_faults();
        let elb = self.world.elb();
        let now = self.rules().await;
        for (first, now) in self.first.iter().zip(&now) {
            if weights(first) == weights(now) {
                continue;
            }
            let actions: Vec<Action> = first.actions().to_vec();
            if first.is_default() == Some(true) {
                let listener = self.listener_of(first);
                elb.modify_listener().listener_arn(listener).set_default_actions(Some(actions)).send().await.unwrap();
            } else {
                elb.modify_rule().rule_arn(first.rule_arn().unwrap()).set_actions(Some(actions)).send().await.unwrap();
            }
        }
        let groups: Vec<String> = self.balancer.groups.values().cloned().collect();
        let keys = ["bluegreen:flip", "bluegreen:past", "bluegreen:build"].map(str::to_owned);
        elb.remove_tags().set_resource_arns(Some(groups)).set_tag_keys(Some(keys.to_vec())).send().await.unwrap();
        for (name, arn) in &self.balancer.groups {
            let (live, image) = if name.ends_with("code1") { ("true", "v1") } else { ("false", "v2") };
            let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
            let tags = vec![tag("IsProduction", live), tag("Image", image)];
            elb.add_tags().resource_arns(arn).set_tags(Some(tags)).send().await.unwrap();
        }
        self.run += 1;
        self.world.gateway.reset_calls();
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
        let elb = self.world.elb();
        for rule in self.rules().await {
            let mut actions = rule.actions().to_vec();
            for groups in actions.iter_mut().filter_map(|action| action.forward_config.as_mut()?.target_groups.as_mut()) {
                groups.iter_mut().for_each(|group| group.weight = group.weight.map(|weight| 100 - weight));
            }
            if rule.is_default() == Some(true) {
                let listener = self.listener_of(&rule);
                elb.modify_listener().listener_arn(listener).set_default_actions(Some(actions)).send().await.unwrap();
            } else {
                elb.modify_rule().rule_arn(rule.rule_arn().unwrap()).set_actions(Some(actions)).send().await.unwrap();
            }
        }
    }

    /// Puts the `Image` tag on a group, as a stack does after a deployment.
    pub async fn deployed(&self, group: &str, image: &str) {
        let tag = Tag::builder().key("Image").value(image).build();
        self.world.elb().add_tags().resource_arns(self.balancer.group(group).unwrap()).tags(tag).send().await.unwrap();
    }

    fn listener_of(&self, rule: &AwsRule) -> &str {
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

    /// Puts everything back, asks once with these faults, lets Lambda deliver again as it does, and sends one
    /// duplicate at the end. Meanwhile a client asks port 80.
    pub async fn run(&mut self, asked: Asked, faults: &[Fault]) -> Ended {
        self.reset().await;
        let live = self.world.load_balancer.address("shop", 80).unwrap();
        let mut aim = Aim::at("live", live);
        aim.clients = 1;
        aim.pause = Duration::from_millis(4);
        let load = Load::start(&[aim]);
        for fault in faults {
            self.world.gateway.inject(fault.clone());
        }
        let parameters = self.parameters(asked);
        let (event, job) = match asked {
            Asked::Direct => (parameters.to_string(), None),
            Asked::Job | Asked::Check => {
                let job = self.world.jobs.create_job(&parameters.to_string());
                (self.world.jobs.event(&job).to_string(), Some(job))
            }
        };
        let deliveries = self.lambda.deliver(event.as_bytes()).await.unwrap();
        let calls = self.world.gateway.calls();
        let hit = self.world.gateway.fault_hit();
        self.world.gateway.clear_faults();
        let answer = match &job {
            Some(job) => Answer::of_job(&self.world.jobs.state(job).unwrap()),
            None => Answer::of_direct(&deliveries.last().unwrap().outcome),
        };
        self.world.gateway.reset_calls();
        self.lambda.deliver_once(&deliveries[0].request_id, event.as_bytes()).await.unwrap();
        let further_writes = self.world.gateway.calls().iter().filter(|call| is_write(call)).count();
        let accepted = job.as_ref().map_or(1, |job| self.world.jobs.accepted(job));
        let report = load.stop().await.unwrap();
        Ended {
            answer,
            rules: self.rules().await.iter().map(|rule| (port_of(self, rule), weights(rule))).collect(),
            calls,
            hit,
            accepted,
            further_writes,
            failed_requests: report.failed(),
            versions: report.versions("live").into_keys().collect(),
        }
    }
}

fn port_of(arena: &Arena, rule: &AwsRule) -> i32 {
    let listener = arena.listener_of(rule);
    *arena.balancer.listeners.iter().find(|(_, arn)| *arn == listener).unwrap().0
}

/// Whether a call changes something at AWS other than the job.
pub fn is_write(call: &Call) -> bool {
    call.action.starts_with("Modify") || call.action == "AddTags"
}

/// The groups of a rule's forward with their weights, by name.
pub fn weights(rule: &AwsRule) -> Vec<(String, i32)> {
    let forward = rule.actions().iter().find_map(|action| action.forward_config()).unwrap();
    let name = |arn: &str| arn.split('/').nth(1).unwrap().to_owned();
    let groups = forward.target_groups().iter();
    let mut weights: Vec<_> =
        groups.map(|group| (name(group.target_group_arn().unwrap()), group.weight().unwrap_or(1))).collect();
    weights.sort();
    weights
}

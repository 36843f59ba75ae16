//! The notation of the cases. A line a thing:
//!
//! ```text
//! # why this case is here
//! group blue 2/2 Identifier=Code1 Image=1.4.1     healthy/registered targets, `sticky` where they are, tags
//! flip run-1 1 by job-1 to green from blue is moving since 2026-01-01T09:00:00Z     a record: flip id, generation, job
//! closed job-1 of run-1 1 on green as S made at 2026-01-01T09:00:00Z               a closed job's record
//! partners blue green                             each with the other in its partner tag
//! fence green by run-7 for 1.6.0 since 2026-01-01T09:00:00Z
//! companion main/api 1/2 COMPLETED                a service that a group's Companions tag names: running/desired tasks, its
//!                                                 deployments; `none` where there is no such service
//! port 80                                         a listener; its rules follow
//!   10 path-pattern /a|/b and http-header x-team=red: authenticate-oidc then forward blue 100, green 0 sticky 600
//!   default: forward blue                         the plain form: one group
//! ask {"PromoteTo":"Code2"}                       UserParameters; ElbName is `shop` unless given
//! delivery job-2                                  the job's id; `job-1` unless given
//! ```

use std::collections::{BTreeMap, BTreeSet};

use blue_green::asked::parameters::Parameters;
use blue_green::release::fence::{BUILD, Fence};
use blue_green::release::id::{Asker, Digest, FlipId};
use blue_green::release::record::{Closing, Flip, Record};
use blue_green::seen::companion::{Companion, Deployment};
use blue_green::seen::group::{PARTNER, Target, TargetGroup};
use blue_green::seen::topology::{
    Action, ActionKind, Carried, Condition, Forward, Listener, Rule, RuleId, Stickiness, Topology, Weighted,
};
use serde_json::{Value, json};

const ARN: &str = "arn:aws:elasticloadbalancing:eu-central-1:111122223333";

/// What a case says: the topology as it would be read, and who asks for what.
pub struct Case {
    pub topology: Topology,
    pub asked: Parameters,
    pub asker: Asker,
}

/// The ARN of a group by its name.
pub fn arn(group: &str) -> String {
    format!("{ARN}:targetgroup/{}", tail(group))
}

fn tail(group: &str) -> String {
    format!("{group}/1")
}

/// Reads a case.
pub fn read(text: &str) -> Case {
    let mut topology = Topology {
        name: "shop".to_owned(),
        arn: format!("{ARN}:loadbalancer/app/shop/1"),
        listeners: BTreeMap::new(),
        groups: BTreeMap::new(),
        companions: BTreeMap::new(),
    };
    let (mut asked, mut delivery, mut port) = (json!({}), "job-1".to_owned(), 0);
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        if line.starts_with(' ') {
            let listener: &mut Listener = topology.listeners.get_mut(&port).unwrap();
            listener.rules.push(rule(listener, line));
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["group", name, targets, more @ ..] => _ = topology.groups.insert(arn(name), group(name, targets, more)),
            ["flip", id, generation, "by", job, "to", promoted, "from", partner, "is", phase, "since", time] => {
                record(&mut topology, promoted, &flip([id, generation, job, partner, phase, time]));
            }
            ["closed", job, "of", flip, generation, "on", group, "as", verdict, reason, "at", time] => {
                record(&mut topology, group, &closing([job, flip, generation, verdict, reason, time]));
            }
            ["partners", one, other] => {
                tag(&mut topology, one, PARTNER, tail(other));
                tag(&mut topology, other, PARTNER, tail(one));
            }
            ["fence", group, "by", execution, "for", image, "since", time] => {
                let (execution, image) = ((*execution).to_owned(), (*image).to_owned());
                tag(&mut topology, group, BUILD, Fence { execution, image, time: time.parse().unwrap() }.to_string());
            }
            ["companion", name, tasks, rollouts @ ..] => {
                _ = topology.companions.insert((*name).to_owned(), companion(tasks, rollouts));
            }
            ["port", number] => {
                port = number.parse().unwrap();
                let arn = format!("{ARN}:listener/app/shop/1/{port}");
                topology.listeners.insert(port, Listener { arn, port, rules: Vec::new() });
            }
            ["ask", ..] => asked = serde_json::from_str(line.trim_start_matches("ask")).unwrap(),
            ["delivery", id] => delivery = (*id).to_owned(),
            _ => panic!("no such line in the notation: {line}"),
        }
    }
    asked.as_object_mut().unwrap().entry("ElbName").or_insert_with(|| json!("shop"));
    let asked = Parameters::parse(&Value::to_string(&asked)).unwrap();
    // The reader reads the rules of the ports that are asked for, and no others.
    for listener in topology.listeners.values_mut() {
        if !asked.ports.iter().any(|pair| pair.live == listener.port || pair.test == listener.port) {
            listener.rules.clear();
        }
    }
    let asker = Asker::new(asked.execution.as_deref(), &asked.promote_to, &delivery);
    Case { topology, asked, asker }
}

fn flip([id, generation, job, partner, phase, time]: [&str; 6]) -> Record {
    Record::Flip(Flip {
        id: FlipId::parse(id).unwrap(),
        generation: generation.parse().unwrap(),
        job: Digest::of(job),
        phase: phase.parse().unwrap(),
        partner: tail(partner),
        time: time.parse().unwrap(),
    })
}

fn closing([job, flip, generation, verdict, reason, time]: [&str; 6]) -> Record {
    Record::Closing(Closing {
        flip: FlipId::parse(flip).unwrap(),
        job: Digest::of(job),
        called: job.to_owned(),
        verdict: verdict.parse().unwrap(),
        generation: generation.parse().unwrap(),
        reason: reason.parse().unwrap(),
        time: time.parse().unwrap(),
    })
}

fn record(topology: &mut Topology, group: &str, record: &Record) {
    tag(topology, group, &record.key(), record.value());
}

fn tag(topology: &mut Topology, group: &str, key: &str, value: String) {
    topology.groups.get_mut(&arn(group)).unwrap().tags.insert(key.to_owned(), value);
}

fn companion(tasks: &str, rollouts: &[&str]) -> Companion {
    let Some((running, desired)) = tasks.split_once('/') else { return Companion::Missing };
    let deployment = |state: &&str| Deployment { rollout: Some((*state).to_owned()), reason: None };
    Companion::There {
        desired: desired.parse().unwrap(),
        running: running.parse().unwrap(),
        deployments: rollouts.iter().map(deployment).collect(),
    }
}

fn group(name: &str, targets: &str, more: &[&str]) -> TargetGroup {
    let (healthy, registered): (usize, usize) =
        targets.split_once('/').map(|(healthy, all)| (healthy.parse().unwrap(), all.parse().unwrap())).unwrap();
    let target = |number: usize| {
        let (state, reason) = if number < healthy { ("healthy", None) } else { ("unhealthy", Some("Target.Timeout")) };
        let (state, reason) = (state.to_owned(), reason.map(str::to_owned));
        Target { id: format!("10.0.0.{number}:80"), state, reason }
    };
    TargetGroup {
        arn: arn(name),
        name: name.to_owned(),
        tags: more.iter().filter_map(|tag| tag.split_once('=')).map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        targets: (0..registered).map(target).collect(),
        sticky: more.contains(&"sticky"),
        health_checks: true,
    }
}

fn rule(listener: &Listener, line: &str) -> Rule {
    let (head, actions) = line.trim().split_once(": ").unwrap();
    let (priority, conditions) = head.split_once(' ').unwrap_or((head, ""));
    let id = match priority {
        "default" => RuleId::Default(listener.arn.clone()),
        number => RuleId::Rule(format!("{}/{number}", listener.arn.replace(":listener/", ":listener-rule/"))),
    };
    let mut actions: Vec<Action> = actions.split(" then ").map(|text| Action { order: None, kind: action(text) }).collect();
    if actions.len() > 1 {
        for (order, action) in (1..).zip(&mut actions) {
            action.order = Some(order);
        }
    }
    Rule { id, priority: priority.to_owned(), conditions: conditions_of(conditions), actions, transforms: false }
}

fn conditions_of(text: &str) -> BTreeSet<Condition> {
    let condition = |text: &str| {
        let (field, value) = text.split_once(' ').unwrap();
        let (name, values) = match value.split_once('=').filter(|_| field == "http-header") {
            Some((name, values)) => (Some(name.to_owned()), values),
            None => (None, value),
        };
        Condition { field: field.to_owned(), name, values: values.split('|').map(str::to_owned).collect() }
    };
    text.split(" and ").filter(|text| !text.is_empty()).map(condition).collect()
}

fn action(text: &str) -> ActionKind {
    let Some(forward) = text.strip_prefix("forward ") else {
        // The types whose settings this version can write back; `jwt-validation` stands for the newest of them.
        let known = ["authenticate-oidc", "authenticate-cognito", "jwt-validation"].contains(&text);
        return ActionKind::Carried(Carried {
            kind: text.to_owned(),
            settings: known.then(|| json!({ "SessionTimeout": 3600 })),
        });
    };
    let (groups, stickiness) = match forward.split_once(" sticky ") {
        Some((groups, seconds)) => (groups, Stickiness { on: true, seconds: Some(seconds.parse().unwrap()) }),
        None => (forward, Stickiness::default()),
    };
    let weighted = |text: &str| {
        let (group, weight) = text.split_once(' ').unwrap_or((text, "1"));
        Weighted { group: arn(group), weight: weight.parse().unwrap() }
    };
    ActionKind::Forward(Forward { targets: groups.split(", ").map(weighted).collect(), stickiness })
}

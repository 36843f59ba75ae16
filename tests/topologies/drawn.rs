//! Topologies that nobody thought of: sound ones, which any flip must manage, and wild ones.

use std::collections::{BTreeMap, BTreeSet};

use blue_green::seen::group::{Target, TargetGroup};
use blue_green::seen::topology::{
    Action, ActionKind, Carried, Condition, Forward, Listener, Rule, RuleId, Stickiness, Topology, Weighted,
};
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};
use serde_json::json;

use crate::notation::arn;

/// A load balancer that can be flipped, with the groups that a flip of it would name.
#[derive(Clone, Debug)]
pub struct Sound {
    pub topology: Topology,
    /// The names of the groups to make live: one of each service, in part or all of them.
    pub promote: Vec<String>,
}

/// How a rule names the groups of its service.
#[derive(Clone, Copy, Debug)]
enum Shape {
    Plain,
    Weighted,
    /// A third group stands by.
    Third,
    /// Group stickiness, with one group or both.
    Sticky {
        both: bool,
    },
}

#[derive(Clone, Debug)]
struct Service {
    /// Whether its second group is the live one.
    turned: bool,
    sticky_targets: bool,
    promoted: bool,
}

#[derive(Clone, Debug)]
struct Twin {
    service: Index,
    live: Shape,
    test: Shape,
    sign_in: Option<&'static str>,
    /// A rule of the live port that the test port lacks, or a redirect: no twin at all.
    instead: Option<Instead>,
}

#[derive(Clone, Copy, Debug)]
enum Instead {
    Redirect,
    Shared,
    LiveOnly,
}

/// Up to three services on one or two pairs of ports, every rule with its twin or of no concern.
pub fn sound() -> impl Strategy<Value = Sound> {
    let service = (any::<bool>(), prop::bool::weighted(0.2), prop::bool::weighted(0.7));
    let service = service.prop_map(|(turned, sticky_targets, promoted)| Service { turned, sticky_targets, promoted });
    let shape = || {
        prop_oneof![
            2 => Just(Shape::Plain),
            4 => Just(Shape::Weighted),
            1 => Just(Shape::Third),
            1 => any::<bool>().prop_map(|both| Shape::Sticky { both }),
        ]
    };
    let sign_in = prop_oneof![3 => Just(None), 1 => select(vec!["authenticate-oidc", "jwt-validation"]).prop_map(Some)];
    let instead =
        prop_oneof![5 => Just(None), 1 => select(vec![Instead::Redirect, Instead::Shared, Instead::LiveOnly]).prop_map(Some)];
    let twin = (any::<Index>(), shape(), shape(), sign_in, instead);
    let twin = twin.prop_map(|(service, live, test, sign_in, instead)| Twin { service, live, test, sign_in, instead });
    let listeners = prop::collection::vec(prop::collection::vec(twin, 1..6), 1..3);
    (prop::collection::vec(service, 1..4), listeners).prop_filter_map("nothing to promote", |(services, listeners)| {
        let topology = lay_out(&services, &listeners);
        let live = topology.listeners.iter().filter(|(port, _)| **port < 1000).flat_map(|(_, listener)| &listener.rules);
        let used: BTreeSet<&str> = live.filter_map(Rule::forward).flat_map(Forward::groups).collect();
        let promote: Vec<String> = (0..services.len())
            .filter(|number| services[*number].promoted && used.contains(arn(&names(&services, *number).0).as_str()))
            .map(|number| names(&services, number).1)
            .collect();
        (!promote.is_empty()).then_some(Sound { topology, promote })
    })
}

/// The live and the test group of a service.
fn names(services: &[Service], number: usize) -> (String, String) {
    let (one, other) = (format!("s{number}-a"), format!("s{number}-b"));
    if services[number].turned { (other, one) } else { (one, other) }
}

fn lay_out(services: &[Service], listeners: &[Vec<Twin>]) -> Topology {
    let mut topology = empty();
    for number in 0..services.len() {
        let (live, test) = names(services, number);
        for (name, identifier) in [(live, "Code1"), (test, "Code2")] {
            let group = group(&name, 2, Some(identifier), services[number].sticky_targets);
            topology.groups.insert(arn(&name), group);
        }
    }
    for name in ["third", "static"] {
        topology.groups.insert(arn(name), group(name, 1, None, false));
    }
    for ((live_port, test_port), twins) in [(80, 8080), (443, 8443)].into_iter().zip(listeners) {
        let (mut live, mut test) = (listener(live_port), listener(test_port));
        for (place, twin) in twins.iter().enumerate() {
            // The last one is the default action, which no listener lacks.
            let conditions = (place + 1 < twins.len()).then(|| BTreeSet::from([condition(&format!("/{place}/*"))]));
            let number = twin.service.index(services.len());
            let (on_live, on_test) = names(services, number);
            let (for_live, for_test) = match twin.instead {
                None => {
                    let sticky_targets = services[number].sticky_targets;
                    let forward = |serving: &str, resting: &str, shape| shaped(serving, resting, shape, sticky_targets);
                    (forward(&on_live, &on_test, twin.live), Some(forward(&on_test, &on_live, twin.test)))
                }
                Some(Instead::Redirect) => (carried("redirect"), Some(carried("redirect"))),
                Some(Instead::LiveOnly) if conditions.is_some() => (forward(&[("static", 1)], Stickiness::default()), None),
                Some(Instead::LiveOnly | Instead::Shared) => {
                    let shared = forward(&[("static", 1)], Stickiness::default());
                    (shared.clone(), Some(shared))
                }
            };
            push(&mut live, place, conditions.clone(), twin.sign_in, for_live);
            // Priorities differ, as they do where two people made the rules.
            for_test.into_iter().for_each(|action| push(&mut test, place + 100, conditions.clone(), None, action));
        }
        topology.listeners.extend([(live_port, live), (test_port, test)]);
    }
    topology
}

fn shaped(serving: &str, resting: &str, shape: Shape, sticky_targets: bool) -> ActionKind {
    let on = Stickiness { on: true, seconds: Some(600) };
    match shape {
        // AWS takes groups with sticky targets alone, or with group stickiness.
        Shape::Weighted | Shape::Third if sticky_targets => forward(&[(serving, 1)], Stickiness::default()),
        Shape::Plain => forward(&[(serving, 1)], Stickiness::default()),
        Shape::Weighted => forward(&[(resting, 0), (serving, 100)], Stickiness { on: false, seconds: Some(3600) }),
        Shape::Third => forward(&[("third", 0), (serving, 100), (resting, 0)], Stickiness::default()),
        Shape::Sticky { both: true } => forward(&[(serving, 100), (resting, 0)], on),
        Shape::Sticky { both: false } => forward(&[(serving, 1)], on),
    }
}

/// Any rules on any ports over a handful of groups: most of them cannot be flipped.
pub fn wild() -> impl Strategy<Value = Topology> {
    const GROUPS: [&str; 5] = ["a", "b", "c", "d", "e"];
    let group = (0..3_usize, prop::option::of(select(vec!["Code1", "Code2"])), prop::bool::weighted(0.1));
    let weights = prop_oneof![6 => Just([100, 0, 0]), 2 => Just([0, 100, 0]), 1 => Just([50, 50, 0]), 1 => Just([0, 0, 0])];
    let forward = (select(&GROUPS[..2]), subsequence(&GROUPS[..], 0..3), weights, prop::bool::weighted(0.1));
    let forward = forward.prop_map(|(first, others, weights, on)| {
        let groups = std::iter::once(first).chain(others.into_iter().filter(|other| *other != first));
        self::forward(&groups.zip(weights).collect::<Vec<_>>(), Stickiness { on, seconds: on.then_some(60) })
    });
    let action = prop_oneof![12 => forward, 1 => Just(carried("redirect"))];
    let sign_in = prop_oneof![9 => Just(None), 1 => select(vec!["authenticate-oidc", "of-tomorrow"]).prop_map(Some)];
    let rule = (prop::option::of(select(vec!["/1", "/2"])), sign_in, action);
    let rules = prop::collection::vec(rule, 0..3);
    let default = prop_oneof![Just(0), Just(1)];
    let ports = select(vec![&[80, 8080][..], &[80, 443, 8080, 8443], &[80, 8080, 443], &[80, 443, 8443], &[80, 8080, 9000]]);
    let listeners = ports.prop_flat_map(move |ports| {
        let rules = prop::collection::vec((rules.clone(), default.clone()), ports.len());
        (Just(ports), rules)
    });
    let topology = (prop::collection::vec(group, GROUPS.len()), listeners).prop_map(|(groups, (ports, rules))| {
        let mut topology = empty();
        for (name, (healthy, identifier, sticky)) in GROUPS.into_iter().zip(groups) {
            topology.groups.insert(arn(name), self::group(name, healthy, identifier, sticky));
        }
        for (place, (port, (rules, default))) in ports.iter().zip(rules).enumerate() {
            let mut listener = listener(*port);
            for (number, (path, sign_in, action)) in rules.into_iter().enumerate() {
                let path = path.unwrap_or("/any");
                push(&mut listener, number, Some(BTreeSet::from([condition(path)])), sign_in, action);
            }
            // The first port of a pair and the second serve different groups more often than not.
            let group = GROUPS[(place + default) % 2];
            push(&mut listener, 0, None, None, self::forward(&[(group, 1)], Stickiness::default()));
            topology.listeners.insert(*port, listener);
        }
        topology
    });
    topology.prop_filter("AWS takes sticky targets beside other groups only with group stickiness", |topology| {
        let mut forwards = topology.listeners.values().flat_map(|listener| &listener.rules).filter_map(Rule::forward);
        let sticky = |forward: &Forward| forward.groups().any(|group| topology.groups[group].sticky);
        forwards.all(|forward| forward.targets.len() == 1 || forward.stickiness.on || !sticky(forward))
    })
}

fn empty() -> Topology {
    let arn = "arn:aws:elasticloadbalancing:eu-central-1:111122223333:loadbalancer/app/shop/1".to_owned();
    Topology { name: "shop".to_owned(), arn, listeners: BTreeMap::new(), groups: BTreeMap::new(), companions: BTreeMap::new() }
}

fn group(name: &str, healthy: usize, identifier: Option<&str>, sticky: bool) -> TargetGroup {
    let target = |number| Target { id: format!("10.0.0.{number}:80"), state: "healthy".to_owned(), reason: None };
    TargetGroup {
        arn: arn(name),
        name: name.to_owned(),
        tags: identifier.map(|value| ("Identifier".to_owned(), value.to_owned())).into_iter().collect(),
        targets: (0..healthy).map(target).collect(),
        sticky,
        health_checks: true,
    }
}

fn listener(port: u16) -> Listener {
    Listener { arn: format!("arn:aws:elasticloadbalancing:::listener/app/shop/1/{port}"), port, rules: Vec::new() }
}

fn condition(path: &str) -> Condition {
    Condition { field: "path-pattern".to_owned(), name: None, values: BTreeSet::from([path.to_owned()]) }
}

fn push(
    listener: &mut Listener,
    priority: usize,
    conditions: Option<BTreeSet<Condition>>,
    sign_in: Option<&'static str>,
    action: ActionKind,
) {
    let (id, priority) = match conditions {
        Some(_) => (RuleId::Rule(format!("{}/{priority}", listener.arn)), (priority + 1).to_string()),
        None => (RuleId::Default(listener.arn.clone()), "default".to_owned()),
    };
    let kinds = sign_in.map(carried).into_iter().chain([action]);
    let actions = (1..).zip(kinds).map(|(order, kind)| Action { order: Some(order), kind }).collect();
    listener.rules.push(Rule { id, priority, conditions: conditions.unwrap_or_default(), actions, transforms: false });
}

fn carried(kind: &str) -> ActionKind {
    let known = kind.starts_with("authenticate") || kind == "jwt-validation";
    ActionKind::Carried(Carried { kind: kind.to_owned(), settings: known.then(|| json!({ "SessionTimeout": 3600 })) })
}

fn forward(groups: &[(&str, i32)], stickiness: Stickiness) -> ActionKind {
    let targets = groups.iter().map(|(group, weight)| Weighted { group: arn(group), weight: *weight }).collect();
    ActionKind::Forward(Forward { targets, stickiness })
}

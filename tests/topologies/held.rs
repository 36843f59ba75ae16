//! What must hold of a flip, said without the words of the plan: by what the rules did before and do after.

use std::collections::BTreeSet;

use blue_green::asked::parameters::Parameters;
use blue_green::plan::{Phase, Write};
use blue_green::report::Sides;
use blue_green::seen::group::IS_PRODUCTION;
use blue_green::seen::topology::{ActionKind, Forward, Rule, Topology};

use crate::after::make;
use crate::simulate::Delivered;

/// Everything that must hold of a delivery that succeeded.
pub fn held(topology: &Topology, asked: &Parameters, delivered: &Delivered) {
    let (then, flipped) = (&delivered.topology, delivered.sides());
    for (port, live, rule, now) in rules(topology, asked, then) {
        let sides = flipped.iter().find(|sides| concerns(rule, sides));
        match sides.filter(|_| live.is_some()) {
            Some(sides) => exchanged(port, live == Some(true), rule, now, sides),
            None => assert_eq!(rule, now, "port {port}: a rule that the flip does not concern"),
        }
        assert_taken_by_aws(topology, rule, now);
    }
    only_own_tags(topology, then, &flipped);
    never_without_a_rule(topology, delivered);
}

/// What must hold of a delivery that failed: no rule is another, and only records are written.
pub fn untouched(topology: &Topology, delivered: &Delivered) {
    assert_eq!(topology.listeners, delivered.topology.listeners);
    only_own_tags(topology, &delivered.topology, &delivered.sides());
    assert!(delivered.writes(false).iter().all(|(phase, _)| *phase == Phase::Close));
}

/// Every rule with its port, whether that is a live or a test one of a complete pair, and the rule after the flip.
fn rules<'a>(
    topology: &'a Topology,
    asked: &'a Parameters,
    then: &'a Topology,
) -> impl Iterator<Item = (u16, Option<bool>, &'a Rule, &'a Rule)> {
    topology.listeners.iter().flat_map(|(port, listener)| {
        let there = |port: u16| topology.listeners.contains_key(&port);
        let pair = asked.ports.iter().find(|pair| [pair.live, pair.test].contains(port) && there(pair.live) && there(pair.test));
        let live = pair.map(|pair| pair.live == *port);
        listener.rules.iter().zip(&then.listeners[port].rules).map(move |(rule, now)| (*port, live, rule, now))
    })
}

fn concerns(rule: &Rule, sides: &Sides) -> bool {
    let sends = |forward: &Forward| forward.sends_to(&sides.live) || forward.sends_to(&sides.test);
    rule.forward().is_some_and(sends)
}

/// A rule serves what it is to serve, and nothing else in it changed.
fn exchanged(port: u16, live: bool, rule: &Rule, now: &Rule, sides: &Sides) {
    let (serving, resting) = (&sides.live, &sides.test);
    let (serving, resting) = if live { (serving, resting) } else { (resting, serving) };
    let forward = now.forward().unwrap();
    assert!(forward.serves_only(serving) && !forward.sends_to(resting), "port {port}: {now:?}");
    assert_eq!(but_the_pair(rule, sides), but_the_pair(now, sides), "port {port}");
}

/// A rule without the groups of a pair.
fn but_the_pair(rule: &Rule, sides: &Sides) -> Rule {
    let mut rule = rule.clone();
    for action in &mut rule.actions {
        if let ActionKind::Forward(forward) = &mut action.kind {
            forward.targets.retain(|target| target.group != sides.live && target.group != sides.test);
        }
    }
    rule
}

/// AWS takes at most five groups, each once, and sticky targets beside others only with group stickiness.
fn assert_taken_by_aws(topology: &Topology, before: &Rule, now: &Rule) {
    let (Some(forward), true) = (now.forward(), before != now) else { return };
    let distinct: BTreeSet<&str> = forward.groups().collect();
    assert!(distinct.len() == forward.targets.len() && distinct.len() <= 5, "{now:?}");
    let sticky = distinct.iter().any(|group| topology.groups[*group].sticky);
    assert!(!sticky || distinct.len() == 1 || forward.stickiness.on, "{now:?}");
}

/// Tags change on the groups of the flip only, and only the product's own.
fn only_own_tags(topology: &Topology, then: &Topology, flipped: &[Sides]) {
    for (arn, group) in &topology.groups {
        let others = |topology: &Topology| {
            let mut tags = topology.groups[arn].tags.clone();
            tags.retain(|key, _| !key.starts_with("bluegreen:") && key != IS_PRODUCTION);
            tags
        };
        assert_eq!(others(topology), others(then));
        if !flipped.iter().any(|sides| [&sides.live, &sides.test].contains(&arn)) {
            assert_eq!(group.tags, then.groups[arn].tags, "{arn}");
        }
    }
}

/// Whatever the order of the writes within a phase: a rule names the promoted group at each moment, so that its health
/// checks never stop; and only tags are written before the live rules and after the test rules.
fn never_without_a_rule(topology: &Topology, delivered: &Delivered) {
    for backwards in [false, true] {
        let mut now = topology.clone();
        for (phase, write) in delivered.writes(backwards) {
            let is_rule = matches!(write, Write::Actions { .. });
            assert_eq!(is_rule, [Phase::Live, Phase::Test].contains(&phase), "{phase}: {write}");
            make(&mut now, write);
            for sides in delivered.sides() {
                let mut rules = now.listeners.values().flat_map(|listener| &listener.rules).filter_map(Rule::forward);
                assert!(rules.any(|forward| forward.groups().any(|group| group == sides.live)), "{phase}: {write}");
            }
        }
    }
}

/// Whether every rule of the pairs serves what it is to serve after the opposite flip: then that one restores it.
pub fn one_way_round(topology: &Topology, asked: &Parameters, flipped: &[Sides]) -> bool {
    rules(topology, asked, topology).all(|(_, live, rule, _)| {
        let Some(sides) = flipped.iter().find(|sides| concerns(rule, sides)) else { return true };
        let serving = if live == Some(true) { &sides.test } else { &sides.live };
        rule.forward().is_some_and(|forward| forward.serves_only(serving))
    })
}

/// Two topologies have the same rules, but for what a flip cannot know: a plain forward comes back in the weighted form,
/// and one with stickiness and both groups comes back with one.
pub fn restored(topology: &Topology, back: &Topology, flipped: &[Sides]) {
    for (port, listener) in &topology.listeners {
        for (rule, now) in listener.rules.iter().zip(&back.listeners[port].rules) {
            let Some(sides) = flipped.iter().find(|sides| concerns(rule, sides)) else {
                assert_eq!(rule, now);
                continue;
            };
            let of_pair = |rule: &Rule| {
                let named =
                    rule.forward().unwrap().groups().filter(|group| [&sides.live, &sides.test].contains(&&(*group).to_owned()));
                named.count()
            };
            if of_pair(rule) == of_pair(now) {
                assert_eq!(rule, now, "port {port}");
            } else {
                assert_eq!(but_the_pair(rule, sides), but_the_pair(now, sides));
                assert_eq!(rule.forward().unwrap().serves(), now.forward().unwrap().serves());
            }
        }
    }
}

//! How a rule is written: which groups its forward names, and with which weights.

use super::write::Write;
use crate::seen::pair::Pair;
use crate::seen::setup_error::SetupError;
use crate::seen::topology::{Forward, Topology, Weighted};
use crate::seen::twins::PortRule;

/// The weight of a group that gets every request.
const ALL: i32 = 100;
/// The most groups of a forward action (API reference, ForwardActionConfig).
const MAX_GROUPS: usize = 5;

/// Why a rule is written with one group of the pair and not both, where it is.
pub(crate) fn sticky(topology: &Topology, pair: &Pair, rule: &PortRule<'_>) -> Option<&'static str> {
    if rule.forward.stickiness.on {
        return Some("group stickiness outranks weights");
    }
    [&pair.first, &pair.second]
        .into_iter()
        .any(|arn| topology.group(arn).is_some_and(|group| group.sticky))
        .then_some("groups with sticky targets may share an action only with group stickiness")
}

/// Whether clients may stay bound to a group of the pair that has no weight.
pub(crate) fn is_bound(topology: &Topology, pair: &Pair, rule: &PortRule<'_>) -> bool {
    let named = rule.forward.groups().filter(|group| pair.holds(group)).count();
    named > 1 && sticky(topology, pair, rule).is_some()
}

/// The write that makes a rule serve `serving`.
pub(crate) fn serve(topology: &Topology, pair: &Pair, rule: &PortRule<'_>, serving: &str) -> Write {
    let forward = forward(topology, pair, rule, serving);
    Write::Actions {
        rule: rule.rule.id.clone(),
        called: rule.describe(),
        serves: serving.to_owned(),
        before: topology.weights(rule.forward),
        after: topology.weights(&forward),
        actions: rule.rule.with_forward(&forward),
    }
}

fn forward(topology: &Topology, pair: &Pair, rule: &PortRule<'_>, serving: &str) -> Forward {
    match sticky(topology, pair, rule) {
        Some(_) => one_of_two(rule.forward, serving, pair.other(serving)),
        None => weighted(rule.forward, serving, pair.other(serving)),
    }
}

/// Why AWS would not take what a flip writes into a rule: at most five groups, and sticky targets beside other groups
/// only with group stickiness (API reference, ForwardActionConfig; ELB user guide, "Sticky sessions").
pub(crate) fn refused_by_aws(topology: &Topology, pair: &Pair, rule: &PortRule<'_>) -> Option<SetupError> {
    let served = rule.forward.groups().find(|group| pair.holds(group) && rule.forward.serves_only(group)).unwrap_or(&pair.first);
    // There and back: what could not be undone is not begun.
    [pair.other(served), served].into_iter().find_map(|serving| {
        let would = refused(topology, &forward(topology, pair, rule, serving))?;
        Some(SetupError::Overfull { rule: rule.describe(), would })
    })
}

/// What AWS would not take of a forward.
fn refused(topology: &Topology, forward: &Forward) -> Option<String> {
    let groups = forward.targets.len();
    let sticky = forward.groups().find(|arn| topology.group(arn).is_some_and(|group| group.sticky));
    match sticky {
        _ if groups > MAX_GROUPS => {
            Some(format!("{groups} target groups ({}), of which AWS takes {MAX_GROUPS}", topology.weights(forward)))
        }
        Some(group) if groups > 1 && !forward.stickiness.on => Some(format!(
            "{}, whose targets are sticky, beside other groups ({}), which AWS takes only with group stickiness",
            topology.describe(group),
            topology.weights(forward)
        )),
        _ => None,
    }
}

/// `serving` in the place and with the weight of the two, so that no client stays bound to the other; whoever else
/// stands by keeps its place.
fn one_of_two(now: &Forward, serving: &str, resting: &str) -> Forward {
    let of_pair = |target: &&Weighted| target.group == serving || target.group == resting;
    let weight = now.targets.iter().filter(of_pair).map(|target| target.weight).max().filter(|weight| *weight > 0);
    let place = now.targets.iter().position(|target| of_pair(&target)).unwrap_or_default();
    let mut targets: Vec<Weighted> = now.targets.iter().filter(|target| !of_pair(target)).cloned().collect();
    targets.insert(place, Weighted { group: serving.to_owned(), weight: weight.unwrap_or(ALL) });
    Forward { targets, stickiness: now.stickiness }
}

/// Both groups, 100 and 0, and whoever else stands by with 0: no group is ever without a rule, so that its health
/// checks never stop. The order stays, so that the way back restores the action as it was.
fn weighted(now: &Forward, serving: &str, resting: &str) -> Forward {
    let mut targets: Vec<Weighted> = now
        .targets
        .iter()
        .map(|target| match target.group.as_str() {
            group if group == serving => Weighted { weight: ALL, ..target.clone() },
            group if group == resting => Weighted { weight: 0, ..target.clone() },
            _ => target.clone(),
        })
        .collect();
    for (group, weight) in [(serving, ALL), (resting, 0)] {
        if !now.groups().any(|named| named == group) {
            targets.push(Weighted { group: group.to_owned(), weight });
        }
    }
    Forward { targets, stickiness: now.stickiness }
}

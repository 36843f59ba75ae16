//! How a rule is turned: which groups its forward names, and with which weights.

use crate::plan::Write;
use crate::release::intent::Promotion;
use crate::seen::topology::{Forward, Topology, Weighted};
use crate::seen::twins::Side;

/// The weight of a group that gets every request.
const ALL: i32 = 100;

/// Why a side is written with one group of the pair alone, where it is.
pub(crate) fn sticky(topology: &Topology, promotion: &Promotion, side: &Side<'_>) -> Option<&'static str> {
    if side.forward.stickiness.on {
        return Some("group stickiness outranks weights");
    }
    [&promotion.promoted, &promotion.retired]
        .into_iter()
        .any(|arn| topology.group(arn).is_some_and(|group| group.sticky))
        .then_some("groups with sticky targets may share an action only with group stickiness")
}

/// The write that makes a side serve `serving`, where it does not yet, or in any case.
pub(crate) fn turn(
    topology: &Topology,
    side: &Side<'_>,
    serving: &str,
    resting: &str,
    alone: bool,
    in_any_case: bool,
) -> Option<Write> {
    let forward = if alone { one_of_two(side.forward, serving, resting) } else { weighted(side.forward, serving, resting) };
    let there = if alone { forward == *side.forward } else { side.forward.serves_only(serving) };
    (in_any_case || !there).then(|| Write::Actions {
        rule: side.rule.id.clone(),
        called: side.describe(),
        before: topology.weights(side.forward),
        after: topology.weights(&forward),
        actions: side.rule.with_forward(&forward),
    })
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

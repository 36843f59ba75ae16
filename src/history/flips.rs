//! Flips, from a pipeline's actions and from the records on target groups.

use std::collections::BTreeMap;

use super::pipeline::{Action, Execution};
use super::{Outcome, Release, Way};
use crate::asked::parameters::{Action as Asked, Parameters};
use crate::release::journal::Journal;
use crate::seen::pairs::Pair;
use crate::seen::topology::Topology;

/// The flips of a pipeline, by what its actions tell. Checks, and flips that found nothing to do, are none.
#[must_use]
pub fn of_pipeline(actions: &[Action], executions: &[Execution]) -> Vec<Release> {
    actions.iter().filter_map(|action| of_action(action, actions, executions)).collect()
}

fn of_action(action: &Action, all: &[Action], executions: &[Execution]) -> Option<Release> {
    let asked = Parameters::parse(action.parameters.as_deref()?).ok()?;
    if action.category != "Invoke" || asked.action != Asked::Flip {
        return None;
    }
    let outcome = match action.status.as_str() {
        "Succeeded" if action.variables.get("Changed").is_some_and(|changed| changed == "true") => Outcome::Live,
        "InProgress" => Outcome::UnderWay,
        "Failed" | "Abandoned" => Outcome::Failed,
        _ => return None,
    };
    let of = |name: &str| action.variables.get(name).filter(|value| *value != crate::report::UNKNOWN).cloned();
    let asked_for = || (!asked.promote_to.is_empty()).then(|| asked.promote_to.join(","));
    Some(Release {
        version: of("LiveImage").or(asked.promote_image),
        replaced: of("TestImage"),
        place: of("Live").or_else(asked_for).unwrap_or_default(),
        by: who(action, all, executions),
        id: action.external.clone().unwrap_or_else(|| action.execution.clone()),
        at: action.changed.or(action.began)?,
        what: asked.elb_name,
        way: Way::Flip,
        outcome,
        until: None,
        taken_back_by: None,
        reason: action.error.clone(),
    })
}

/// Who approved it: of the approvals of the same execution before it, the last one; where there is none, who started the execution.
fn who(action: &Action, all: &[Action], executions: &[Execution]) -> Option<String> {
    let approved = |other: &&Action| {
        other.execution == action.execution
            && other.category == "Approval"
            && other.status == "Succeeded"
            && (other.changed <= action.began || action.began.is_none())
    };
    let approver = all.iter().filter(approved).max_by_key(|approval| approval.changed).and_then(|approval| approval.by.clone());
    let starter = || executions.iter().find(|execution| execution.id == action.execution)?.by.clone();
    approver.or_else(starter)
}

/// The flips that the groups of a load balancer have records of, and that were made.
#[must_use]
pub fn of_records(topology: &Topology, pairs: &[Pair]) -> Vec<Release> {
    pairs.iter().flat_map(|pair| of_pair(topology, pair)).collect()
}

fn of_pair(topology: &Topology, pair: &Pair) -> Vec<Release> {
    let journal = Journal::of_pair(topology, pair);
    let newest = journal.newest().map(|(_, flip)| flip.generation);
    let made = journal.flips().into_iter().filter(|(_, flip)| journal.is_made(flip));
    let release = |side, flip: &crate::release::record::Flip| {
        let group = topology.group(pair.arn(side));
        // The tag says what the group runs now: what it ran when it was promoted only where nothing came after that.
        let image = group.and_then(|group| group.image()).filter(|_| newest == Some(flip.generation));
        let named = group.map(|group| group.identifier().unwrap_or(&group.name).to_owned());
        Release {
            what: topology.name.clone(),
            way: Way::Flip,
            version: image.map(str::to_owned),
            replaced: None,
            place: named.unwrap_or_default(),
            by: None,
            id: flip.id.to_string(),
            at: flip.time,
            outcome: Outcome::Live,
            until: None,
            taken_back_by: None,
            reason: None,
        }
    };
    made.map(|(side, flip)| release(*side, flip)).collect()
}

/// One list of both: where an action and a record tell of the same flip, the action tells more. A record also says that a flip was
/// made of which the action's answer was lost.
#[must_use]
pub fn joined(of_actions: Vec<Release>, of_records: Vec<Release>) -> Vec<Release> {
    let key = |release: &Release| (release.what.clone(), release.id.clone());
    let made: BTreeMap<_, _> = of_records.iter().map(|release| (key(release), release)).collect();
    let mut all: Vec<Release> = of_actions
        .into_iter()
        .map(|action| match made.get(&key(&action)) {
            Some(record) if action.outcome != Outcome::Live => {
                Release { version: action.version.or_else(|| record.version.clone()), by: action.by, ..(*record).clone() }
            }
            _ => action,
        })
        .collect();
    // A Retry is a second action of the same flip.
    let mut seen: Vec<(String, String)> = Vec::new();
    all.sort_by_key(|release| (release.outcome != Outcome::Live, std::cmp::Reverse(release.at)));
    all.retain(|release| {
        let twice = release.outcome == Outcome::Live && seen.contains(&key(release));
        seen.push(key(release));
        !twice
    });
    let known: Vec<_> = all.iter().map(key).collect();
    all.extend(of_records.into_iter().filter(|release| !known.contains(&key(release))));
    all
}

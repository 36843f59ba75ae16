//! Flips, from a pipeline's actions and from the records on target groups.

use std::collections::BTreeMap;

use super::pipeline::{Action, Execution};
use super::{Outcome, Release, Way};
use crate::asked::parameters::{Action as Asked, Parameters};
use crate::release::journal::Journal;
use crate::seen::pair::Pair;
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
/// made of which the action's answer was lost. A Retry is a second action of the same flip, which was made once.
#[must_use]
pub fn joined(of_actions: Vec<Release>, of_records: Vec<Release>) -> Vec<Release> {
    let key = |release: &Release| (release.what.clone(), release.id.clone());
    let mut all: BTreeMap<_, Release> = BTreeMap::new();
    let (made, others): (Vec<_>, Vec<_>) = of_actions.into_iter().partition(|release| release.outcome == Outcome::Live);
    for release in made {
        // The first action that moved the traffic is when it was made.
        let known = all.entry(key(&release)).or_insert_with(|| release.clone());
        if release.at < known.at {
            *known = release;
        }
    }
    let mut left = Vec::new();
    for release in others {
        match of_records.iter().find(|record| key(record) == key(&release)) {
            Some(record) if !all.contains_key(&key(&release)) => {
                let version = release.version.or_else(|| record.version.clone());
                all.insert(key(record), Release { version, by: release.by, ..record.clone() });
            }
            _ => left.push(release),
        }
    }
    for record in of_records {
        all.entry(key(&record)).or_insert(record);
    }
    all.into_values().chain(left).collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn action(execution: &str, category: &str, second: u32, status: &str, more: Value) -> Action {
        let mut value = json!({
            "pipelineExecutionId": execution, "status": status, "startTime": second, "lastUpdateTime": second,
            "input": { "actionTypeId": { "category": category } },
        });
        more.as_object().unwrap().iter().for_each(|(name, part)| value[name] = part.clone());
        if let Some(parameters) = more["parameters"].as_str() {
            value["input"]["resolvedConfiguration"] = json!({ "UserParameters": parameters });
        }
        Action::read(&value).unwrap()
    }

    fn flip(execution: &str, second: u32, status: &str, changed: &str) -> Action {
        let variables = json!({ "Live": "Code2", "LiveImage": "1.1", "TestImage": "1.0", "Changed": changed });
        let output = json!({ "outputVariables": variables, "executionResult": { "externalExecutionId": execution } });
        let parameters = r#"{"ElbName":"shop","PromoteImage":"1.1"}"#;
        action(execution, "Invoke", second, status, json!({ "parameters": parameters, "output": output }))
    }

    fn approval(execution: &str, second: u32, status: &str, by: &str) -> Action {
        let by = format!("arn:aws:sts::1:assumed-role/approvers/{by}");
        action(execution, "Approval", second, status, json!({ "updatedBy": by }))
    }

    #[test]
    fn the_last_approval_before_a_flip_says_who() {
        let all = [
            approval("e-1", 1, "Succeeded", "early"),
            approval("e-1", 3, "Succeeded", "ann"),
            flip("e-1", 5, "Succeeded", "true"),
            approval("e-1", 7, "Succeeded", "later"),
            approval("e-2", 4, "Succeeded", "stranger"),
        ];
        let found = of_pipeline(&all, &[]);
        assert_eq!((found.len(), found[0].by.as_deref()), (1, Some("ann")));
    }

    #[test]
    fn without_an_approval_it_is_who_started_the_execution() {
        let started = |kind: &str| {
            let trigger = json!({ "triggerType": kind, "triggerDetail": "arn:aws:iam::1:user/carol" });
            Execution::read(&json!({ "pipelineExecutionId": "e-1", "trigger": trigger })).unwrap()
        };
        let all = [approval("e-1", 1, "Failed", "dan"), flip("e-1", 5, "Succeeded", "true")];
        assert_eq!(of_pipeline(&all, &[started("StartPipelineExecution")])[0].by.as_deref(), Some("carol"));
        assert_eq!(of_pipeline(&all, &[started("Webhook")])[0].by, None);
    }

    #[test]
    fn checks_and_flips_that_changed_nothing_are_no_releases() {
        let check = r#"{"ElbName":"shop","Action":"check"}"#;
        let other = action("e-1", "Invoke", 1, "Succeeded", json!({ "parameters": r#"{"anything":1}"# }));
        let check = action("e-1", "Invoke", 1, "Succeeded", json!({ "parameters": check }));
        assert_eq!(of_pipeline(&[check, other, flip("e-1", 2, "Succeeded", "false")], &[]), Vec::new());
    }

    fn record(id: &str) -> Release {
        let mut record = of_pipeline(&[flip(id, 9, "Succeeded", "true")], &[]).remove(0);
        (record.by, record.version) = (None, None);
        record
    }

    #[test]
    fn a_retry_is_the_same_flip() {
        let actions = of_pipeline(&[flip("e-1", 2, "Succeeded", "true"), flip("e-1", 8, "Succeeded", "true")], &[]);
        let found = joined(actions, vec![record("e-1")]);
        assert_eq!((found.len(), found[0].at.as_second()), (1, 2));
    }

    #[test]
    fn a_flip_whose_answer_was_lost_is_made() {
        let actions = of_pipeline(&[approval("e-1", 1, "Succeeded", "ann"), flip("e-1", 2, "Failed", "true")], &[]);
        assert_eq!(actions[0].outcome, Outcome::Failed);
        let found = joined(actions, vec![record("e-1"), record("by-hand")]);
        let told: Vec<_> = found.iter().map(|r| (r.id.as_str(), r.outcome, r.by.as_deref())).collect();
        assert_eq!(told, [("by-hand", Outcome::Live, None), ("e-1", Outcome::Live, Some("ann"))]);
    }

    #[test]
    fn a_failed_try_stays_beside_the_retry_that_made_it() {
        let actions = of_pipeline(&[flip("e-1", 2, "Failed", "true"), flip("e-1", 8, "Succeeded", "true")], &[]);
        let mut found = joined(actions, vec![record("e-1")]);
        found.sort_by_key(|release| release.at);
        assert_eq!(found.iter().map(|r| r.outcome).collect::<Vec<_>>(), [Outcome::Failed, Outcome::Live]);
    }
}

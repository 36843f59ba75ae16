//! From GitLab's answers to a row. Pure.

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

use super::api::{ApiDeployment, ApiEnvironment, ApiTag};
use crate::model::{Branch, Deployment, Environment, Past, Project, Row, Status, Tier};

/// How much of the past a row keeps.
const PAST: usize = 60;

/// A row from everything that was read of a project.
pub fn full(
    project: &Project,
    branches: Vec<Branch>,
    environments: Vec<ApiEnvironment>,
    newest: &[ApiDeployment],
    deployed: &[ApiDeployment],
    now: Timestamp,
) -> Row {
    let (head, branches) =
        branches.into_iter().partition::<Vec<_>, _>(|branch| Some(&branch.name) == project.default_branch.as_ref());
    let mut environments: Vec<Environment> = environments.into_iter().map(environment).collect();
    environments.sort_by(|a, b| a.tier.cmp(&b.tier).then(a.name.cmp(&b.name)));
    let mark = newest.iter().map(|d| d.updated_at).max();
    let mut row = Row {
        project: project.clone(),
        head: head.into_iter().next(),
        branches,
        environments,
        behind: BTreeMap::new(),
        history: Vec::new(),
        mark,
        read_at: now,
        full_at: now,
        trouble: None,
    };
    for deployment in deployed.iter().chain(newest) {
        take_over(&mut row, deployment);
    }
    row
}

fn environment(from: ApiEnvironment) -> Environment {
    let tier = from.tier.unwrap_or(Tier::Other);
    Environment { id: from.id, name: from.name, tier, url: from.external_url, live: None, attempt: None }
}

/// Takes over deployments that changed. False where one is to an environment that the row does not know, and all must be read.
pub fn changed(row: &mut Row, deployments: &[ApiDeployment]) -> bool {
    for deployment in deployments {
        if !take_over(row, deployment) {
            return false;
        }
        row.mark = row.mark.max(Some(deployment.updated_at));
    }
    true
}

fn take_over(row: &mut Row, from: &ApiDeployment) -> bool {
    let mut deployment = from.keep(&row.project);
    let Some(environment) = row.environments.iter_mut().find(|e| e.id == from.environment.id) else { return false };
    for known in environment.live.iter().chain(&environment.attempt).filter(|known| known.sha == deployment.sha) {
        deployment.tag = deployment.tag.or_else(|| known.tag.clone());
    }
    settle(environment, &deployment);
    remember(&mut row.history, Past { environment: environment.name.clone(), deployment });
    true
}

/// What an environment shows after a deployment changed: the success that ended last, and a later try.
fn settle(environment: &mut Environment, deployment: &Deployment) {
    if environment.attempt.as_ref().is_some_and(|attempt| attempt.id == deployment.id) {
        environment.attempt = None;
    }
    if deployment.status == Status::Success {
        if environment.live.as_ref().is_none_or(|live| (live.at(), live.id) <= (deployment.at(), deployment.id)) {
            environment.live = Some(deployment.clone());
        }
    } else if deployment.status != Status::Skipped
        && environment.attempt.as_ref().is_none_or(|attempt| attempt.id < deployment.id)
    {
        environment.attempt = Some(deployment.clone());
    }
    // A try that was made before the live one ended is over, unless it still runs or waits.
    let live_id = environment.live.as_ref().map(|live| live.id);
    environment.attempt.take_if(|attempt| Some(attempt.id) < live_id && attempt.status != Status::Running);
}

fn remember(history: &mut Vec<Past>, past: Past) {
    history.retain(|known| known.deployment.id != past.deployment.id);
    history.push(past);
    history.sort_by_key(|past| std::cmp::Reverse((past.deployment.at(), past.deployment.id)));
    history.truncate(PAST);
}

/// Gives versions the tags of their commits; of several, the one that comes first.
pub fn tags(row: &mut Row, tags: &[ApiTag]) {
    let mut names: HashMap<&str, &str> = HashMap::new();
    for tag in tags {
        names.entry(&tag.commit.id).or_insert(&tag.name);
    }
    let shown = row.environments.iter_mut().flat_map(|e| e.live.iter_mut().chain(&mut e.attempt));
    for deployment in shown.chain(row.history.iter_mut().map(|past| &mut past.deployment)) {
        if deployment.tag.is_none() {
            deployment.tag = names.get(deployment.sha.as_str()).map(|name| (*name).to_owned());
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test says by a panic what it found")]
mod tests {
    use super::*;

    fn deployment(id: u64, sha: &str, status: &str, minute: u32) -> ApiDeployment {
        let at = format!("2026-05-01T10:{minute:02}:00Z");
        serde_json::from_value(serde_json::json!({
            "id": id, "iid": id, "ref": "main", "sha": sha, "status": status, "created_at": at, "updated_at": at,
            "user": { "username": "ci" }, "environment": { "id": 1, "name": "production", "external_url": null }, "deployable": null
        }))
        .unwrap()
    }

    fn row(deployments: &[ApiDeployment]) -> Row {
        let project =
            Project { id: 1, path: "a/b".into(), name: "b".into(), web_url: "https://x/a/b".into(), default_branch: None };
        let production = ApiEnvironment { id: 1, name: "production".into(), external_url: None, tier: Some(Tier::Production) };
        let mut row = full(&project, Vec::new(), vec![production], &[], &[], Timestamp::UNIX_EPOCH);
        assert!(changed(&mut row, deployments));
        row
    }

    fn shown(deployments: &[ApiDeployment]) -> (String, String) {
        let row = row(deployments);
        let name = |d: &Option<Deployment>| d.as_ref().map_or("-".into(), |d| format!("{} {}", d.sha, d.status.word()));
        (name(&row.environments[0].live), name(&row.environments[0].attempt))
    }

    #[test]
    fn what_was_last_deployed_counts_not_the_newest_commit() {
        let new = || deployment(2, "bbb", "success", 2);
        assert_eq!(shown(&[deployment(1, "aaa", "success", 1), new()]), ("bbb success".into(), "-".into()));
        let back = deployment(3, "aaa", "success", 3);
        assert_eq!(shown(&[deployment(1, "aaa", "success", 1), new(), back]), ("aaa success".into(), "-".into()));
    }

    #[test]
    fn an_older_job_that_ends_later_is_what_runs() {
        assert_eq!(shown(&[deployment(2, "bbb", "success", 2), deployment(1, "aaa", "success", 9)]).0, "aaa success");
    }

    #[test]
    fn a_failed_try_leaves_what_runs() {
        let failed = [deployment(1, "aaa", "success", 1), deployment(2, "bbb", "failed", 2)];
        assert_eq!(shown(&failed), ("aaa success".into(), "bbb failed".into()));
        let repaired =
            [deployment(1, "aaa", "success", 1), deployment(2, "bbb", "failed", 2), deployment(3, "ccc", "success", 3)];
        assert_eq!(shown(&repaired), ("ccc success".into(), "-".into()));
    }

    #[test]
    fn a_running_deployment_becomes_what_runs() {
        let running = [deployment(1, "aaa", "success", 1), deployment(2, "bbb", "running", 2)];
        assert_eq!(shown(&running), ("aaa success".into(), "bbb running".into()));
        let ended = [deployment(1, "aaa", "success", 1), deployment(2, "bbb", "running", 2), deployment(2, "bbb", "success", 3)];
        assert_eq!(shown(&ended), ("bbb success".into(), "-".into()));
    }

    #[test]
    fn the_same_changes_twice_change_nothing() {
        let changes =
            || [deployment(1, "aaa", "success", 1), deployment(2, "bbb", "failed", 2), deployment(3, "aaa", "success", 3)];
        let mut twice = row(&changes());
        assert!(changed(&mut twice, &changes()));
        assert_eq!(twice, row(&changes()));
    }

    #[test]
    fn an_unknown_environment_asks_for_a_full_reading() {
        let mut stranger = deployment(1, "aaa", "success", 1);
        stranger.environment.id = 99;
        assert!(!changed(&mut row(&[]), &[stranger]));
    }
}

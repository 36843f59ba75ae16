//! Key figures of a project, each with what it is computed from.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::model::{Deployment, Past, Row, Status, Tier};

/// One figure.
#[derive(Debug, PartialEq, Serialize)]
pub struct Figure {
    /// What it says.
    pub name: String,
    /// The figure, for people; a dash where there is nothing to compute it from.
    pub value: String,
    /// What it is computed from.
    pub from: String,
}

/// The figures of a row's history.
pub fn figures(row: &Row, now: Timestamp) -> Vec<Figure> {
    let first = row.environments.first().map(|e| e.name.as_str()).unwrap_or_default();
    let last = row.environments.iter().rfind(|e| e.tier == Tier::Production).or(row.environments.last());
    let last = last.map(|e| e.name.as_str()).unwrap_or_default();
    let of =
        |name: &str| row.history.iter().filter(|past| past.environment == name).map(|past| &past.deployment).collect::<Vec<_>>();
    let to_first = of(first)
        .into_iter()
        .filter(|d| d.status == Status::Success)
        .filter_map(|d| Some(d.at().duration_since(d.committed_at?)));
    let jobs = row.history.iter().filter_map(|past| Some(past.deployment.started_at?.duration_since(past.deployment.created_at)));
    vec![
        median(&format!("Commit to {first}"), to_first.collect(), "deployments, from the commit's time to the end of the job"),
        median(&format!("{first} to {last}"), passages(&of(first), &of(last)), "commits that reached both, first time each"),
        median("Job made to started", jobs.collect(), "jobs of any environment; manual ones wait for a person"),
        frequency(last, &of(last), now),
        share("Failed", &row.history, |past, _| past.deployment.status == Status::Failed, "deployments of any environment"),
        share("Rolled back", &row.history, rolled_back, "deployments whose commit had been there before another one"),
    ]
}

fn figure(name: &str, value: String, from: String) -> Figure {
    Figure { name: name.into(), value, from }
}

fn median(name: &str, mut spans: Vec<SignedDuration>, from: &str) -> Figure {
    spans.sort_unstable();
    let value = spans.get(spans.len() / 2).map_or("–".into(), |span| words(*span));
    figure(name, value, format!("median of {} {from}", spans.len()))
}

fn words(span: SignedDuration) -> String {
    match span.as_mins() {
        ..1 => format!("{} s", span.as_secs().max(0)),
        minutes @ 1..120 => format!("{minutes} min"),
        minutes @ 120..2_880 => format!("{} h", minutes / 60),
        minutes => format!("{} d", minutes / 1_440),
    }
}

/// How long each commit took from the first environment to the last.
fn passages(first: &[&Deployment], last: &[&Deployment]) -> Vec<SignedDuration> {
    let earliest = |deployments: &[&Deployment]| {
        let mut times: HashMap<String, Timestamp> = HashMap::new();
        for deployment in deployments.iter().filter(|d| d.status == Status::Success) {
            let entry = times.entry(deployment.sha.clone()).or_insert(deployment.at());
            *entry = (*entry).min(deployment.at());
        }
        times
    };
    let (begins, ends) = (earliest(first), earliest(last));
    ends.iter().filter_map(|(sha, end)| Some(end.duration_since(*begins.get(sha)?))).filter(|span| !span.is_negative()).collect()
}

fn frequency(name: &str, deployments: &[&Deployment], now: Timestamp) -> Figure {
    let done: Vec<Timestamp> = deployments.iter().filter(|d| d.status == Status::Success).map(|d| d.at()).collect();
    let Some(oldest) = done.iter().min() else {
        return figure(&format!("Releases to {name}"), "–".into(), "no deployment in the history".into());
    };
    let days = now.duration_since(*oldest).as_hours().max(24) as f64 / 24.0;
    let value = format!("{:.1} a week", done.len() as f64 * 7.0 / days);
    figure(&format!("Releases to {name}"), value, format!("{} deployments in {days:.0} days", done.len()))
}

fn share(name: &str, history: &[Past], counts: impl Fn(&Past, &[Past]) -> bool, from: &str) -> Figure {
    let ended: Vec<usize> = (0..history.len()).filter(|at| history[*at].deployment.finished_at.is_some()).collect();
    let some = ended.iter().filter(|at| counts(&history[**at], &history[**at + 1..])).count();
    let value = if ended.is_empty() { "–".into() } else { format!("{} %", some * 100 / ended.len()) };
    figure(name, value, format!("{some} of {} {from}", ended.len()))
}

/// Whether a deployment brought back what had been there before the one it replaced. `earlier` is newest first.
fn rolled_back(past: &Past, earlier: &[Past]) -> bool {
    let mut same = earlier.iter().filter(|e| e.environment == past.environment && e.deployment.status == Status::Success);
    let replaced = same.next().map(|e| &e.deployment.sha);
    past.deployment.status == Status::Success
        && replaced.is_some_and(|sha| *sha != past.deployment.sha)
        && same.any(|e| e.deployment.sha == past.deployment.sha)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn past(id: u64, sha: &str, status: Status, hour: i64) -> Past {
        let at = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(hour);
        let deployment = Deployment {
            id,
            sha: sha.into(),
            reference: "main".into(),
            tag: None,
            status,
            by: None,
            created_at: at,
            started_at: None,
            finished_at: Some(at),
            committed_at: None,
            job: None,
        };
        Past { environment: "production".into(), deployment }
    }

    #[test]
    fn bringing_back_an_earlier_commit_is_a_roll_back() {
        let history = [
            past(4, "ccc", Status::Success, 4),
            past(3, "aaa", Status::Success, 3),
            past(2, "bbb", Status::Success, 2),
            past(1, "aaa", Status::Success, 1),
        ];
        let found: Vec<bool> = (0..4).map(|at| rolled_back(&history[at], &history[at + 1..])).collect();
        assert_eq!(found, [false, true, false, false]);
        assert_eq!(share("Rolled back", &history, rolled_back, "x").value, "25 %");
    }

    #[test]
    fn the_same_commit_again_is_no_roll_back() {
        let history = [past(2, "aaa", Status::Success, 2), past(1, "aaa", Status::Success, 1)];
        assert!(!rolled_back(&history[0], &history[1..]));
    }

    #[test]
    fn nothing_to_compute_from_is_a_dash() {
        assert_eq!(median("x", Vec::new(), "y").value, "–");
        assert_eq!(share("x", &[], rolled_back, "y").value, "–");
    }
}

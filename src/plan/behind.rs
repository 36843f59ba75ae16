//! What runs behind a target group, judged from what ECS says of the services that register into it. What is certain is
//! used; where more than one version may serve, nobody chooses one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::labels::Running;
use crate::seen::group::{SERVICE, TargetGroup};
use crate::seen::pair::Pair;
use crate::seen::setup_error::SetupError;
use crate::seen::topology::Topology;

/// One version that a service has behind target groups: a deployment, or a task set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `cluster/service`.
    pub service: String,
    /// The task set, where the service has those: each serves by itself.
    pub set: Option<String>,
    /// The groups that it registers into, each with the container that takes its requests.
    pub groups: BTreeMap<String, String>,
    /// Its task definition.
    pub definition: String,
    /// How far its deployment has come.
    pub state: State,
    /// Whether it has tasks, or is to have some.
    pub runs: bool,
    /// When it began.
    pub began: Option<Timestamp>,
    /// Whether the service has no other version.
    pub alone: bool,
}

/// How far the deployment of a version has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// All of its tasks run.
    Completed,
    /// Its tasks are being started.
    UnderWay,
    /// Its tasks could not be started.
    Failed,
}

/// What ECS says of what runs behind target groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Behind {
    /// What certainly serves, by the group's ARN.
    pub running: BTreeMap<String, Running>,
    /// What may serve, each version with its image, where that is not certain, by the group's ARN.
    pub unclear: BTreeMap<String, Vec<String>>,
    /// What could not be looked at, and what to do about it: sentences.
    pub doubts: Vec<String>,
}

/// Of the versions behind one group, those that may be what serves it: a service without tasks does not count beside one
/// that has some, and of one service what was completed last goes before what was not.
#[must_use]
pub fn candidates(versions: Vec<Version>) -> Vec<Version> {
    let some_run = versions.iter().any(|version| version.runs);
    let mut services: BTreeMap<(String, Option<String>), Vec<Version>> = BTreeMap::new();
    for version in versions.into_iter().filter(|version| version.runs || !some_run) {
        services.entry((version.service.clone(), version.set.clone())).or_default().push(version);
    }
    let of_one = |versions: Vec<Version>| {
        let completed = versions.iter().filter(|version| version.state == State::Completed);
        completed.max_by_key(|version| version.began).cloned().map_or(versions, |last| vec![last])
    };
    services.into_values().flat_map(of_one).collect()
}

impl Behind {
    /// Judges the candidates of one group, with their images: one image is certain, unless its deployment has failed.
    pub fn judge(&mut self, group: &str, candidates: Vec<(State, Running)>) {
        let images: BTreeSet<&String> = candidates.iter().map(|(_, running)| &running.image).collect();
        let failed = candidates.iter().any(|(state, _)| *state == State::Failed);
        if images.len() > 1 || failed {
            let told = candidates.iter().map(|(state, running)| {
                let state = if *state == State::Completed { "" } else { " (its deployment is not completed)" };
                format!("service {} runs {}{state}", running.service, running.image)
            });
            self.unclear.insert(group.to_owned(), told.collect());
        } else if let Some((_, running)) = candidates.into_iter().next() {
            self.running.insert(group.to_owned(), running);
        }
    }

    /// What it means for a pair that one service registers into both of its groups, where one does.
    #[must_use]
    pub fn one_service(&self, topology: &Topology, pair: &Pair) -> Option<SetupError> {
        let both = |group: &String| self.running.get(group).filter(|running| running.groups.contains(pair.other(group)));
        let running = [&pair.first, &pair.second].into_iter().find_map(both)?;
        let groups = [&pair.first, &pair.second].map(|arn| topology.group(arn).map_or(arn, |group| &group.name).clone());
        Some(SetupError::OneService { service: running.service.clone(), groups })
    }
}

/// What it means that a group's `Service` tag leads nowhere.
#[must_use]
pub fn leads_nowhere(group: &TargetGroup, tag: &str, found: &str) -> String {
    format!(
        "the {SERVICE} tag of {} is {tag:?}: {found}; expected cluster/service, or the service's ARN. Correct the tag",
        group.name
    )
}

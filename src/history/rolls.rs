//! Rolling updates, from ECS's service deployments.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::pipeline::{person, time};
use super::{Outcome, Release, Way};
use crate::roll::definition::{TAG_OF, containers, name_of};
use crate::roll::image::reference_of;
use crate::roll::seen::{Definition, short};

/// A service deployment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollout {
    /// Its id.
    pub id: String,
    /// `SUCCESSFUL`, `ROLLBACK_SUCCESSFUL`, `IN_PROGRESS`, …
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// The ARN of the service revision that it brings.
    pub target: String,
    /// When it ended; when it was made where it has not.
    pub at: Timestamp,
}

/// What a service revision brings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brought {
    /// `family:revision`.
    pub definition: String,
    /// The image tags.
    pub version: Option<String>,
    /// Who registered it.
    pub by: Option<String>,
}

impl Rollout {
    /// Reads one of `serviceDeployments`; none without what each one has.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        Some(Self {
            id: short(value["serviceDeploymentArn"].as_str()?).to_owned(),
            status: text(&value["status"])?,
            reason: text(&value["rollback"]["reason"]).or_else(|| text(&value["statusReason"])).filter(|text| !text.is_empty()),
            target: text(&value["targetServiceRevisionArn"]).or_else(|| text(&value["targetServiceRevision"]["arn"]))?,
            at: time(&value["finishedAt"]).or_else(|| time(&value["startedAt"])).or_else(|| time(&value["createdAt"]))?,
        })
    }
}

impl Brought {
    /// What a task definition brings: the tags of its images, those that were pinned by their label.
    #[must_use]
    pub fn of(definition: &Definition) -> Self {
        let labelled = |container: &Value| definition.tags.get(&format!("{TAG_OF}{}", name_of(container))).cloned();
        let own: Vec<String> = containers(&definition.described).filter_map(labelled).collect();
        let first = || reference_of(containers(&definition.described).next()?)?.tag;
        let mut tags: Vec<String> = if own.is_empty() { first().into_iter().collect() } else { own };
        tags.dedup();
        Self {
            definition: definition.name().to_owned(),
            version: (!tags.is_empty()).then(|| tags.join(", ")),
            by: definition.described["registeredBy"].as_str().map(person),
        }
    }
}

/// The releases of a service, `cluster/service`.
#[must_use]
pub fn releases(what: &str, rollouts: &[Rollout], brought: &BTreeMap<String, Brought>) -> Vec<Release> {
    let release = |rollout: &Rollout| {
        let known = brought.get(&rollout.target);
        let outcome = match rollout.status.as_str() {
            "SUCCESSFUL" => Outcome::Live,
            "STOPPED" | "ROLLBACK_SUCCESSFUL" | "ROLLBACK_FAILED" => Outcome::Failed,
            _ => Outcome::UnderWay,
        };
        Release {
            what: what.to_owned(),
            way: Way::Roll,
            version: known.and_then(|known| known.version.clone()),
            replaced: None,
            place: known.map_or_else(|| short(&rollout.target).to_owned(), |known| known.definition.clone()),
            by: known.and_then(|known| known.by.clone()),
            id: rollout.id.clone(),
            at: rollout.at,
            outcome,
            until: None,
            taken_back_by: None,
            reason: rollout.reason.clone().filter(|_| outcome == Outcome::Failed),
        }
    };
    rollouts.iter().map(release).collect()
}

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

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed expectation ends a test")]
mod tests {
    use serde_json::json;

    use super::*;

    fn definition(tags: &[(&str, &str)], images: &[(&str, &str)]) -> Definition {
        let containers: Vec<Value> = images.iter().map(|(name, image)| json!({ "name": name, "image": image })).collect();
        Definition {
            arn: "arn:aws:ecs:r:1:task-definition/web:42".to_owned(),
            active: true,
            described: json!({ "containerDefinitions": containers, "registeredBy": "arn:aws:sts::1:assumed-role/ci/gitlab-7" }),
            tags: tags.iter().map(|(name, tag)| (format!("{TAG_OF}{name}"), (*tag).to_owned())).collect(),
        }
    }

    #[test]
    fn a_pinned_image_is_called_by_its_tag() {
        let pinned = format!("r.example/web@sha256:{}", "0".repeat(64));
        let found = Brought::of(&definition(&[("web", "1.5.0")], &[("agent", "r.example/agent:7"), ("web", &pinned)]));
        assert_eq!(found, Brought { definition: "web:42".into(), version: Some("1.5.0".into()), by: Some("gitlab-7".into()) });
    }

    #[test]
    fn without_labels_the_first_container_tells() {
        let found = Brought::of(&definition(&[], &[("web", "r.example/web:1.5.0"), ("agent", "r.example/agent:7")]));
        assert_eq!(found.version.as_deref(), Some("1.5.0"));
    }

    #[test]
    fn a_deployment_that_was_rolled_back_failed_for_its_reason() {
        let rollout = Rollout::read(&json!({
            "serviceDeploymentArn": "arn:aws:ecs:r:1:service-deployment/main/web/d1", "status": "ROLLBACK_SUCCESSFUL",
            "statusReason": "circuit breaker", "targetServiceRevisionArn": "rev", "createdAt": 10.5, "finishedAt": 20.25,
        }));
        let found = releases("main/web", &[rollout.unwrap()], &BTreeMap::new());
        assert_eq!(
            (found[0].outcome, found[0].reason.as_deref(), found[0].id.as_str()),
            (Outcome::Failed, Some("circuit breaker"), "d1")
        );
        assert_eq!(found[0].at.as_millisecond(), 20_250);
    }
}

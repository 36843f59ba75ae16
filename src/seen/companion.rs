//! Companions: ECS services that are released with a target group's own, and that take no traffic of this load balancer.

use serde::Serialize;

use super::group::{TargetGroup, service_named};

/// Tag that names the services that a group's version needs beside its own: `cluster/service`, separated by spaces, since
/// the value of a load balancer's tag may hold no comma (Elastic Load Balancing API reference, Tag).
pub const COMPANIONS: &str = "Companions";

/// One companion as ECS describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Companion {
    /// There is no such service, or no such cluster.
    Missing,
    /// It is there.
    There {
        /// How many tasks it is to run.
        desired: i32,
        /// How many run.
        running: i32,
        /// Its deployments, without those that are inactive.
        deployments: Vec<Deployment>,
    },
}

/// One deployment of a companion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deployment {
    /// AWS's `rolloutState`; none where the service is not deployed by ECS's rolling update (API reference, Deployment).
    pub rollout: Option<String>,
    /// AWS's reason for that.
    pub reason: Option<String>,
}

impl Companion {
    /// What is wrong with it, where it is not steady: all of its tasks running, and one deployment, completed.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        let Self::There { desired, running, deployments } = self else {
            return Some("does not exist".to_owned());
        };
        let rolls_out = |state: &str| deployments.iter().find(|deployment| deployment.rollout.as_deref() == Some(state));
        if let Some(failed) = rolls_out("FAILED") {
            let reason = failed.reason.as_deref().unwrap_or("ECS gives no reason").trim_end_matches('.');
            return Some(format!("has a deployment that failed ({reason})"));
        }
        if *desired == 0 {
            return Some("is to run no task (desired count 0)".to_owned());
        }
        if deployments.len() > 1 || rolls_out("IN_PROGRESS").is_some() {
            return Some(format!("has a deployment in progress ({running} of {desired} tasks run)"));
        }
        (running < desired).then(|| format!("runs {running} of {desired} tasks"))
    }
}

/// The companions that a group's tag names, as cluster and service; none without the tag.
///
/// # Errors
/// The first word of the tag that names no service.
pub fn named(group: &TargetGroup) -> Result<Vec<(&str, &str)>, &str> {
    let words = group.tag(COMPANIONS).unwrap_or_default().split_whitespace();
    words.map(|word| service_named(word).ok_or(word)).collect()
}

/// What a companion is called in messages, and by what it is found in a topology.
#[must_use]
pub fn called((cluster, service): (&str, &str)) -> String {
    format!("{cluster}/{service}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{COMPANIONS, Companion, Deployment, named};
    use crate::seen::group::TargetGroup;

    fn there(desired: i32, running: i32, rollouts: &[&str]) -> Option<String> {
        let deployment = |state: &&str| Deployment { rollout: Some((*state).to_owned()), reason: Some("no room.".to_owned()) };
        Companion::There { desired, running, deployments: rollouts.iter().map(deployment).collect() }.fault()
    }

    #[test]
    fn only_a_steady_companion_has_no_fault() {
        assert_eq!(there(2, 2, &["COMPLETED"]), None);
        assert_eq!(there(2, 3, &["COMPLETED"]), None, "more than it needs");
        assert_eq!(Companion::There { desired: 1, running: 1, deployments: Vec::new() }.fault(), None, "another deployer's");
        for (fault, expected) in [
            (there(2, 1, &["COMPLETED"]), "runs 1 of 2 tasks"),
            (there(0, 0, &["COMPLETED"]), "is to run no task (desired count 0)"),
            (there(2, 2, &["IN_PROGRESS"]), "has a deployment in progress (2 of 2 tasks run)"),
            (there(2, 2, &["COMPLETED", "COMPLETED"]), "has a deployment in progress (2 of 2 tasks run)"),
            (there(2, 2, &["FAILED"]), "has a deployment that failed (no room)"),
            (Companion::Missing.fault(), "does not exist"),
        ] {
            assert_eq!(fault.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_tag_names_services_by_cluster_or_arn_and_nothing_else() {
        let tagged = |value: &str| TargetGroup {
            arn: String::new(),
            name: "web".to_owned(),
            tags: BTreeMap::from([(COMPANIONS.to_owned(), value.to_owned())]),
            targets: Vec::new(),
            sticky: false,
            health_checks: true,
        };
        assert_eq!(named(&tagged("")), Ok(Vec::new()));
        let arn = "arn:aws:ecs:eu-central-1:111122223333:service/main/mail";
        assert_eq!(named(&tagged(&format!(" main/api  {arn}"))), Ok(vec![("main", "api"), ("main", "mail")]));
        for (tag, word) in [("main/api mail", "mail"), ("main/api,main/mail", "main/api,main/mail"), ("a/b/c", "a/b/c")] {
            assert_eq!(named(&tagged(tag)), Err(word));
        }
    }
}

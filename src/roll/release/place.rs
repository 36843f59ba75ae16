//! Where a member of a release is: with what it ran before, with what is new, or on its way.

use crate::roll::evidence::{failed, limit};
use crate::roll::judge::reason;
use crate::roll::seen::{Deployment, Record, Service, Task, short};

/// Where a member is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// It runs what it ran before, and nothing is under way.
    Old,
    /// The release's deployment is under way.
    Rolling,
    /// It runs what is new.
    New,
    /// The release's deployment is under way, or was successful, and too many of its tasks fail.
    Failing {
        /// Why.
        reason: String,
    },
    /// The release's deployment failed, and what it ran before does not run yet.
    Failed {
        /// Why.
        reason: String,
    },
    /// It goes back.
    Undoing {
        /// Why.
        reason: String,
    },
    /// It is back: what it ran before runs again.
    Undone {
        /// Why.
        reason: String,
    },
    /// It was to go back, and that failed.
    Stuck {
        /// Why.
        reason: String,
    },
    /// Somebody else changed it.
    Foreign {
        /// What it runs now, or what rolls.
        by: String,
    },
}

/// What is known of one service.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The service.
    pub service: &'a Service,
    /// Its service deployments, the newest first, each with the task definition that it brings.
    pub records: &'a [(Record, String)],
    /// The ARN of the revision that the release registered.
    pub own: &'a str,
    /// The number of the service revision that ran before.
    pub before: &'a str,
    /// The task definitions that are what ran before: that revision's own, and copies that an undo registered.
    pub old: &'a [String],
    /// Its stopped tasks.
    pub stopped: &'a [Task],
}

/// Where a service is.
#[must_use]
pub fn service(look: &Look<'_>) -> Place {
    // A deployment that ECS has not recorded yet is the newest of all.
    let unrecorded = look.service.deployments.iter().find(|deployment| is_unrecorded(look, deployment));
    if let Some(deployment) = unrecorded {
        return if deployment.definition == look.own {
            rolling(look, deployment.id.clone())
        } else if look.old.contains(&deployment.definition) && is_begun(look) {
            Place::Undoing { reason: String::new() }
        } else {
            Place::Foreign { by: format!("{} of {}", deployment.id, short(&deployment.definition)) }
        };
    }
    let Some((newest, definition)) = look.records.first() else {
        return by_service(look);
    };
    let own = look.records.iter().position(|(_, definition)| definition == look.own);
    match own {
        None => untouched(look, newest, definition),
        Some(0) => ours(look, newest),
        Some(_) if look.old.contains(definition) => returning(newest),
        Some(_) => Place::Foreign { by: format!("{} ({})", short(definition), newest.status) },
    }
}

/// Whether the release's revision was ever deployed.
#[must_use]
pub fn is_begun(look: &Look<'_>) -> bool {
    let deployed = |deployment: &Deployment| deployment.definition == look.own;
    look.records.iter().any(|(_, definition)| definition == look.own) || look.service.deployments.iter().any(deployed)
}

fn is_unrecorded(look: &Look<'_>, deployment: &Deployment) -> bool {
    let recorded = look.records.iter().any(|(record, _)| short(&record.target) == deployment.number());
    // A rollback has a deployment of its own, and no revision: the record that goes back speaks for it.
    let back = look.records.first().is_some_and(|(record, _)| record.status != "SUCCESSFUL" && record.status != "STOPPED");
    deployment.status == "PRIMARY" && deployment.rollout == "IN_PROGRESS" && !recorded && !back
}

/// No deployment of the last 90 days is known.
fn by_service(look: &Look<'_>) -> Place {
    let primary = look.service.deployments.iter().find(|deployment| deployment.status == "PRIMARY");
    match primary {
        Some(primary) if primary.number() == look.before => Place::Old,
        _ => Place::Foreign { by: short(&look.service.definition).to_owned() },
    }
}

/// The release's revision was never deployed.
fn untouched(look: &Look<'_>, newest: &Record, definition: &str) -> Place {
    let good = look.records.iter().find(|(record, _)| record.status == "SUCCESSFUL");
    let is_before = good.is_some_and(|(record, _)| short(&record.target) == look.before);
    let runs = |arn: &str| look.service.definition == arn;
    match newest.status.as_str() {
        "SUCCESSFUL" | "ROLLBACK_SUCCESSFUL" if is_before => Place::Old,
        // A copy that an undo of this release registered before.
        "SUCCESSFUL" if look.old.iter().any(|old| runs(old)) => Place::Old,
        status => Place::Foreign { by: format!("{} ({status})", short(definition)) },
    }
}

fn ours(look: &Look<'_>, record: &Record) -> Place {
    let reason = reason(record);
    match record.status.as_str() {
        "SUCCESSFUL" => match failures(look, &format!("ecs-svc/{}", short(&record.target))) {
            Some(reason) => Place::Failing { reason },
            None => Place::New,
        },
        "STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" => Place::Undoing { reason },
        "ROLLBACK_SUCCESSFUL" => Place::Undone { reason },
        "STOPPED" | "ROLLBACK_FAILED" => Place::Failed { reason },
        // PENDING, IN_PROGRESS, and whatever comes one day.
        _ => rolling(look, format!("ecs-svc/{}", short(&record.target))),
    }
}

fn rolling(look: &Look<'_>, id: String) -> Place {
    failures(look, &id).map_or(Place::Rolling, |reason| Place::Failing { reason })
}

/// What an undo deployed after the release's own deployment.
fn returning(newest: &Record) -> Place {
    let reason = reason(newest);
    match newest.status.as_str() {
        "SUCCESSFUL" => Place::Undone { reason: String::new() },
        "PENDING" | "IN_PROGRESS" => Place::Undoing { reason: String::new() },
        _ => Place::Stuck { reason },
    }
}

/// Why a deployment fails, by our own count of its stopped tasks.
fn failures(look: &Look<'_>, id: &str) -> Option<String> {
    let number = look.stopped.iter().filter(|task| task.started_by == id && failed(task)).count();
    let limit = limit(look.service.desired, look.service.breaker.enabled);
    (number >= limit).then(|| format!("{number} of its tasks failed, {limit} end a deployment"))
}

/// Where a schedule is, by the task definition that it names.
#[must_use]
pub fn schedule(names: &str, own: &str, before: &str) -> Place {
    match names {
        names if names == own => Place::New,
        names if names == before => Place::Old,
        names => Place::Foreign { by: short(names).to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::{Look, Place, schedule, service};
    use crate::roll::seen::{Deployment, Record, Service, Task};

    const OWN: &str = "arn:d/web:8";
    const OLD: &str = "arn:d/web:7";

    fn record(number: u32, status: &str, definition: &str) -> (Record, String) {
        let target = format!("arn:aws:ecs:r:1:service-revision/main/web/{number}");
        (Record { status: status.to_owned(), target, ..Record::default() }, definition.to_owned())
    }

    fn seen(records: &[(Record, String)], primary: (&str, &str, &str), stopped: usize) -> Place {
        let (id, definition, rollout) = (primary.0.to_owned(), primary.1.to_owned(), primary.2.to_owned());
        let deployment =
            Deployment { id, status: "PRIMARY".to_owned(), definition: definition.clone(), rollout, ..Deployment::default() };
        let service_seen = Service { definition, desired: 2, deployments: vec![deployment], ..Service::default() };
        let task = Task {
            started_by: "ecs-svc/2".to_owned(),
            status: "STOPPED".to_owned(),
            stop_code: "EssentialContainerExited".to_owned(),
            ..Task::default()
        };
        let stopped = vec![task; stopped];
        let old = [OLD.to_owned()];
        service(&Look { service: &service_seen, records, own: OWN, before: "1", old: &old, stopped: &stopped })
    }

    #[test]
    fn before_its_update_a_service_is_old_unless_somebody_changed_it() {
        let first = record(1, "SUCCESSFUL", OLD);
        assert_eq!(seen(std::slice::from_ref(&first), ("ecs-svc/1", OLD, "COMPLETED"), 0), Place::Old);
        let other = [record(2, "SUCCESSFUL", "arn:d/web:9"), first.clone()];
        assert!(matches!(seen(&other, ("ecs-svc/2", "arn:d/web:9", "COMPLETED"), 0), Place::Foreign { .. }));
        let rolled_back = [record(2, "ROLLBACK_SUCCESSFUL", "arn:d/web:9"), first];
        assert_eq!(seen(&rolled_back, ("ecs-svc/3", OLD, "COMPLETED"), 0), Place::Old);
        assert_eq!(seen(&[], ("ecs-svc/1", OLD, "COMPLETED"), 0), Place::Old, "after 90 days");
    }

    #[test]
    fn its_own_deployment_says_where_it_is() {
        let with = |status: &str| [record(2, status, OWN), record(1, "SUCCESSFUL", OLD)];
        let place = |status: &str, rollout: &str| seen(&with(status), ("ecs-svc/2", OWN, rollout), 0);
        assert_eq!(place("IN_PROGRESS", "IN_PROGRESS"), Place::Rolling);
        assert_eq!(place("SUCCESSFUL", "COMPLETED"), Place::New);
        assert!(matches!(place("ROLLBACK_IN_PROGRESS", "IN_PROGRESS"), Place::Undoing { .. }));
        assert!(matches!(place("ROLLBACK_SUCCESSFUL", "COMPLETED"), Place::Undone { .. }));
        assert!(matches!(place("STOPPED", "FAILED"), Place::Failed { .. }));
        assert!(matches!(seen(&with("IN_PROGRESS"), ("ecs-svc/2", OWN, "IN_PROGRESS"), 3), Place::Failing { .. }));
        assert!(matches!(seen(&with("SUCCESSFUL"), ("ecs-svc/2", OWN, "COMPLETED"), 3), Place::Failing { .. }));
    }

    #[test]
    fn a_deployment_that_is_not_recorded_yet_counts() {
        let first = [record(1, "SUCCESSFUL", OLD)];
        assert_eq!(seen(&first, ("ecs-svc/2", OWN, "IN_PROGRESS"), 0), Place::Rolling);
        assert!(matches!(seen(&first, ("ecs-svc/2", "arn:d/web:9", "IN_PROGRESS"), 0), Place::Foreign { .. }));
        let done = [record(2, "SUCCESSFUL", OWN), record(1, "SUCCESSFUL", OLD)];
        assert!(matches!(seen(&done, ("ecs-svc/3", OLD, "IN_PROGRESS"), 0), Place::Undoing { .. }));
    }

    #[test]
    fn the_way_back_is_seen_to_its_end() {
        let with = |status: &str| [record(3, status, OLD), record(2, "SUCCESSFUL", OWN), record(1, "SUCCESSFUL", OLD)];
        assert!(matches!(seen(&with("IN_PROGRESS"), ("ecs-svc/3", OLD, "IN_PROGRESS"), 0), Place::Undoing { .. }));
        assert!(matches!(seen(&with("SUCCESSFUL"), ("ecs-svc/3", OLD, "COMPLETED"), 0), Place::Undone { .. }));
        assert!(matches!(seen(&with("ROLLBACK_SUCCESSFUL"), ("ecs-svc/4", OWN, "COMPLETED"), 0), Place::Stuck { .. }));
        let other = [record(3, "SUCCESSFUL", "arn:d/web:9"), record(2, "SUCCESSFUL", OWN)];
        assert!(matches!(seen(&other, ("ecs-svc/3", "arn:d/web:9", "COMPLETED"), 0), Place::Foreign { .. }));
    }

    #[test]
    fn a_schedule_is_where_it_points_to() {
        assert_eq!((schedule(OWN, OWN, OLD), schedule(OLD, OWN, OLD)), (Place::New, Place::Old));
        assert!(matches!(schedule("arn:d/web:9", OWN, OLD), Place::Foreign { .. }));
    }
}

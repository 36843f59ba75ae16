//! How a deployment fares. SUCCESSFUL of our own deployment is the only green.

use super::evidence::{failed, limit};
use super::seen::{Record, Service, Task};

/// What is known of one deployment at one look.
#[derive(Clone, Debug)]
pub struct Look<'a> {
    /// The deployment: `ecs-svc/N`.
    pub id: &'a str,
    /// The service.
    pub service: &'a Service,
    /// What ECS records of it.
    pub record: Known<'a>,
    /// The stopped tasks of the service.
    pub stopped: &'a [Task],
}

/// What is known of a service deployment.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// It is read.
    Read(&'a Record),
    /// There is none yet: ECS may record it late.
    NotYet,
    /// It may not be read, or never came.
    Never,
}

/// How a deployment fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is under way.
    Rolling,
    /// It is done, and it stands.
    Successful,
    /// It is under way, and too many of its tasks failed: nobody but us ends it.
    Failing {
        /// How many failed.
        failed: usize,
        /// How many may.
        limit: usize,
    },
    /// It is being taken back.
    GoingBack {
        /// Why.
        reason: String,
    },
    /// It was taken back, and what was before runs again.
    RolledBack {
        /// Why.
        reason: String,
    },
    /// It failed, and was not taken back.
    Failed {
        /// Why.
        reason: String,
    },
    /// Another deployment came after it.
    Superseded {
        /// Which one, as far as it is known.
        by: String,
    },
}

/// Judges a deployment.
#[must_use]
pub fn judge(look: &Look<'_>) -> Verdict {
    match look.record {
        Known::Read(record) => by_record(look, record),
        Known::NotYet => {
            let rolling = by_deployments(look);
            // Only what needs no record is believed before there is one.
            if matches!(rolling, Verdict::Successful) { Verdict::Rolling } else { rolling }
        }
        Known::Never => by_deployments(look),
    }
}

fn by_record(look: &Look<'_>, record: &Record) -> Verdict {
    let reason = || reason(record);
    match record.status.as_str() {
        "SUCCESSFUL" => Verdict::Successful,
        "STOP_REQUESTED" | "ROLLBACK_REQUESTED" | "ROLLBACK_IN_PROGRESS" => Verdict::GoingBack { reason: reason() },
        "ROLLBACK_SUCCESSFUL" => Verdict::RolledBack { reason: reason() },
        "STOPPED" if record.reason.as_deref().is_some_and(|reason| reason.contains("Replaced")) => {
            Verdict::Superseded { by: primary(look.service) }
        }
        "STOPPED" | "ROLLBACK_FAILED" => Verdict::Failed { reason: reason() },
        // PENDING, IN_PROGRESS, and whatever comes one day: under way as long as nothing else is known.
        _ => counted(look),
    }
}

/// By the service's own list: it knows no history, so that a deployment which is gone was taken back or replaced.
fn by_deployments(look: &Look<'_>) -> Verdict {
    let Some(own) = look.service.deployments.iter().find(|deployment| deployment.id == look.id) else {
        return Verdict::Superseded { by: primary(look.service) };
    };
    match (own.rollout.as_str(), own.status.as_str()) {
        ("FAILED", _) => {
            let back = look.service.deployments.iter().find(|other| other.status == "PRIMARY" && other.id != own.id);
            match back {
                Some(back) if back.rollout == "COMPLETED" => Verdict::RolledBack { reason: own.reason.clone() },
                Some(_) => Verdict::GoingBack { reason: own.reason.clone() },
                None => Verdict::Failed { reason: own.reason.clone() },
            }
        }
        (_, "ACTIVE" | "INACTIVE") => Verdict::Superseded { by: primary(look.service) },
        ("COMPLETED", _) => Verdict::Successful,
        _ => counted(look),
    }
}

fn counted(look: &Look<'_>) -> Verdict {
    let number = look.stopped.iter().filter(|task| task.started_by == look.id && failed(task)).count();
    let limit = limit(look.service.desired, look.service.breaker.enabled);
    if number >= limit { Verdict::Failing { failed: number, limit } } else { Verdict::Rolling }
}

fn primary(service: &Service) -> String {
    let primary = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY");
    primary.map_or_else(
        || "an unknown deployment".to_owned(),
        |primary| format!("{} of {}", primary.id, super::seen::short(&primary.definition)),
    )
}

/// Why a service deployment ended as it did: everything that ECS says of it.
#[must_use]
pub fn reason(record: &Record) -> String {
    let mut parts: Vec<String> = [&record.reason, &record.rollback].into_iter().flatten().cloned().collect();
    parts.dedup();
    if let Some((failures, threshold)) = record.failures.filter(|(failures, _)| *failures > 0) {
        parts.push(format!("the circuit breaker counted {failures} failed tasks of {threshold} allowed"));
    }
    if !record.alarms.is_empty() {
        parts.push(format!("alarms: {}", record.alarms.join(", ")));
    }
    let parts: Vec<&str> = parts.iter().map(|part| part.trim_end_matches('.')).collect();
    if parts.is_empty() { format!("ECS says {} and no reason", record.status) } else { parts.join("; ") }
}

#[cfg(test)]
mod tests {
    use super::{Known, Look, Verdict, judge};
    use crate::roll::seen::{Breaker, Deployment, Record, Service, Task};

    const OURS: &str = "ecs-svc/2";

    fn service(deployments: &[(&str, &str, &str)]) -> Service {
        let deployment = |(id, status, rollout): &(&str, &str, &str)| Deployment {
            id: (*id).to_owned(),
            status: (*status).to_owned(),
            rollout: (*rollout).to_owned(),
            ..Deployment::default()
        };
        Service {
            cluster: "c".to_owned(),
            name: "s".to_owned(),
            arn: String::new(),
            status: "ACTIVE".to_owned(),
            controller: "ECS".to_owned(),
            strategy: "ROLLING".to_owned(),
            definition: String::new(),
            desired: 2,
            running: 0,
            pending: 0,
            deployments: deployments.iter().map(deployment).collect(),
            current: None,
            breaker: Breaker::default(),
            percent: (100, 200),
            events: Vec::new(),
            tags: std::collections::BTreeMap::new(),
            exec: false,
            launch: serde_json::Value::Null,
        }
    }

    fn recorded(status: &str, reason: &str) -> Verdict {
        let reason = Some(reason.to_owned()).filter(|reason| !reason.is_empty());
        let record = Record { status: status.to_owned(), reason, ..Record::default() };
        let service = service(&[("ecs-svc/3", "PRIMARY", "COMPLETED")]);
        judge(&Look { id: OURS, service: &service, record: Known::Read(&record), stopped: &[] })
    }

    #[test]
    fn successful_of_our_own_deployment_is_the_only_green() {
        assert_eq!(recorded("SUCCESSFUL", ""), Verdict::Successful);
        for status in ["PENDING", "IN_PROGRESS", "SOMETHING_NEW"] {
            assert_eq!(recorded(status, ""), Verdict::Rolling, "a service that is stable, and a deployment that is {status}");
        }
        for status in ["STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"] {
            assert!(matches!(recorded(status, ""), Verdict::GoingBack { .. }), "{status}");
        }
        assert_eq!(recorded("ROLLBACK_SUCCESSFUL", "a."), Verdict::RolledBack { reason: "a".to_owned() });
        assert!(matches!(recorded("ROLLBACK_FAILED", ""), Verdict::Failed { .. }));
        assert!(matches!(recorded("STOPPED", "by a person"), Verdict::Failed { .. }));
    }

    #[test]
    fn a_replaced_deployment_is_superseded_by_the_one_that_is_named() {
        let by = "ecs-svc/3 of ".to_owned();
        assert_eq!(recorded("STOPPED", "Replaced by a new service deployment"), Verdict::Superseded { by });
    }

    #[test]
    fn a_deployment_that_is_not_recorded_yet_is_not_believed_to_be_done() {
        let service = service(&[(OURS, "PRIMARY", "COMPLETED")]);
        let look = |record| judge(&Look { id: OURS, service: &service, record, stopped: &[] });
        assert_eq!((look(Known::NotYet), look(Known::Never)), (Verdict::Rolling, Verdict::Successful));
    }

    #[test]
    fn without_records_a_deployment_that_is_gone_was_not_successful() {
        let gone = service(&[("ecs-svc/1", "PRIMARY", "COMPLETED")]);
        assert!(matches!(
            judge(&Look { id: OURS, service: &gone, record: Known::Never, stopped: &[] }),
            Verdict::Superseded { .. }
        ));
        let failed = service(&[("ecs-svc/1", "PRIMARY", "IN_PROGRESS"), (OURS, "ACTIVE", "FAILED")]);
        assert!(matches!(
            judge(&Look { id: OURS, service: &failed, record: Known::Never, stopped: &[] }),
            Verdict::GoingBack { .. }
        ));
    }

    #[test]
    fn too_many_failed_tasks_of_our_own_end_it_and_those_of_others_do_not() {
        let task = |by: &str| Task {
            status: "STOPPED".to_owned(),
            stop_code: "EssentialContainerExited".to_owned(),
            started_by: by.to_owned(),
            ..Task::default()
        };
        let service = service(&[(OURS, "PRIMARY", "IN_PROGRESS")]);
        let record = Record { status: "IN_PROGRESS".to_owned(), ..Record::default() };
        let by = |tasks: &[Task]| judge(&Look { id: OURS, service: &service, record: Known::Read(&record), stopped: tasks });
        assert_eq!(by(&[task(OURS), task(OURS), task("ecs-svc/1")]), Verdict::Rolling);
        assert_eq!(by(&[task(OURS), task(OURS), task(OURS)]), Verdict::Failing { failed: 3, limit: 3 });
    }
}

//! Where a service goes back to: what was last known to be good.

use super::seen::{Record, Service};

/// What is known of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Good {
    /// The ARN of its service revision, which knows the digests.
    pub revision: Option<String>,
    /// The ARN of its task definition, where the service itself names it.
    pub definition: Option<String>,
}

/// The last revision whose deployment was successful. ECS keeps records for 90 days: without one, what the service runs while
/// nothing rolls was good. None where nothing ever was. `records` are the newest first; none where they may not be read.
#[must_use]
pub fn good(service: &Service, records: Option<&[Record]>) -> Option<Good> {
    let successful = records.unwrap_or_default().iter().find(|record| record.status == "SUCCESSFUL");
    if let Some(record) = successful {
        return Some(Good { revision: Some(record.target.clone()), definition: None });
    }
    let completed = service.deployments.iter().find(|deployment| deployment.rollout == "COMPLETED")?;
    // arn:…:service-revision/CLUSTER/SERVICE/NUMBER
    let revision = format!("{}/{}", service.arn.replacen(":service/", ":service-revision/", 1), completed.number());
    Some(Good { revision: records.map(|_| revision), definition: Some(completed.definition.clone()) })
}

#[cfg(test)]
mod tests {
    use super::{Good, good};
    use crate::roll::seen::{Deployment, Record, Service};

    fn service(rollout: &str) -> Service {
        let deployment = Deployment {
            id: "ecs-svc/7".to_owned(),
            status: "PRIMARY".to_owned(),
            definition: "arn:d/web:3".to_owned(),
            rollout: rollout.to_owned(),
            ..Deployment::default()
        };
        Service { arn: "arn:aws:ecs:r:1:service/main/web".to_owned(), deployments: vec![deployment], ..Service::default() }
    }

    fn record(status: &str, target: &str) -> Record {
        Record { status: status.to_owned(), target: target.to_owned(), ..Record::default() }
    }

    #[test]
    fn the_last_success_is_good_and_not_the_last_deployment() {
        let records = [record("ROLLBACK_SUCCESSFUL", "r/9"), record("SUCCESSFUL", "r/8"), record("SUCCESSFUL", "r/7")];
        let expected = Good { revision: Some("r/8".to_owned()), definition: None };
        assert_eq!(good(&service("COMPLETED"), Some(&records)), Some(expected));
    }

    #[test]
    fn after_90_days_without_a_deployment_what_runs_is_good() {
        let revision = "arn:aws:ecs:r:1:service-revision/main/web/7".to_owned();
        let expected = Good { revision: Some(revision), definition: Some("arn:d/web:3".to_owned()) };
        assert_eq!(good(&service("COMPLETED"), Some(&[])), Some(expected));
        assert_eq!(good(&service("IN_PROGRESS"), Some(&[])), None, "its first deployment");
    }

    #[test]
    fn without_records_the_digests_are_not_known() {
        let expected = Good { revision: None, definition: Some("arn:d/web:3".to_owned()) };
        assert_eq!(good(&service("COMPLETED"), None), Some(expected));
    }
}

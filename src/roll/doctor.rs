//! What would make a roll fail, or lie: each with the command that fixes it.

use serde::Serialize;
use serde_json::Value;

use super::definition::{containers, name_of};
use super::seen::{Definition, Service};

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// A roll fails, or never ends.
    Blocks,
    /// A roll works, but less well.
    Hinders,
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub weight: Weight,
    /// What is wrong.
    pub what: String,
    /// What to do: a command where there is one.
    pub fix: String,
}

/// What is known of the place where the deployer runs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Environment {
    /// `AWS_ACCESS_KEY_ID` is set.
    pub static_keys: bool,
    /// `AWS_WEB_IDENTITY_TOKEN_FILE` is set.
    pub web_identity: bool,
}

/// What only other services know of a definition.
#[derive(Clone, Debug, Default)]
pub struct Around {
    /// Images that their registry does not have any more.
    pub missing: Vec<String>,
    /// Roles of the definition that the caller may not pass, with who that is.
    pub not_passed: Vec<(String, String)>,
}

/// Looks at a service and what it runs.
#[must_use]
pub fn examine(service: &Service, definition: &Definition, around: &Around, environment: Environment) -> Vec<Finding> {
    let mut found = Vec::new();
    let place = format!("--cluster {} --service {}", service.cluster, service.name);
    let update = |rest: &str| format!("aws ecs update-service {place} {rest}");
    let mut add = |weight, what: String, fix: String| found.push(Finding { weight, what, fix });
    if service.status != "ACTIVE" {
        add(Weight::Blocks, format!("the service is {}, expected ACTIVE", service.status), "create it again".to_owned());
    }
    if service.controller != "ECS" {
        let fix = format!("deploy it with {}, or create it anew with the deployment controller ECS", service.controller);
        add(Weight::Blocks, format!("{} deploys it, and ECS then refuses a new task definition", service.controller), fix);
    }
    if service.strategy != "ROLLING" {
        let what = format!("its strategy is {}: bake time and hooks may take hours", service.strategy);
        add(Weight::Hinders, what, "give deploy a longer --timeout".to_owned());
    }
    if let Some(what) = stuck(service) {
        add(Weight::Blocks, what, update("--deployment-configuration minimumHealthyPercent=100,maximumPercent=200"));
    }
    if !service.breaker.enabled {
        let what = "it has no circuit breaker: where the deployer is cancelled, nobody ends a failing deployment".to_owned();
        add(Weight::Hinders, what, update("--deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true}'"));
    } else if !service.breaker.rollback {
        let what = "its circuit breaker does not roll back".to_owned();
        add(Weight::Hinders, what, update("--deployment-configuration 'deploymentCircuitBreaker={enable=true,rollback=true}'"));
    }
    if !definition.active {
        let what = format!("{} is deregistered: ECS cannot deploy it again", definition.name());
        add(Weight::Hinders, what, format!("deployer roll deploy {place} --force registers a copy"));
    }
    for image in &around.missing {
        let what = format!("{image} is not in its registry any more: a task that is replaced cannot start");
        add(Weight::Blocks, what, "push it again, or deploy another image".to_owned());
    }
    for (principal, role) in &around.not_passed {
        let what = format!("{principal} may not pass {role} to ECS: a revision with it is refused");
        let fix = format!("allow {principal} iam:PassRole on {role}, where iam:PassedToService is ecs-tasks.amazonaws.com");
        add(Weight::Blocks, what, fix);
    }
    for (container, name) in empty_secrets(&definition.described) {
        let what = format!("container {container}: the secret {name} names no key or parameter");
        add(Weight::Blocks, what, "put the ARN of a secret or parameter in its valueFrom".to_owned());
    }
    if !service.exec {
        let what = "shells are off: deployer roll exec is refused".to_owned();
        add(Weight::Hinders, what, update("--enable-execute-command --force-new-deployment"));
    }
    if environment.static_keys && environment.web_identity {
        let what =
            "AWS_ACCESS_KEY_ID is set, and the SDK takes it before the token of AWS_WEB_IDENTITY_TOKEN_FILE: OIDC is not used";
        add(
            Weight::Hinders,
            what.to_owned(),
            "remove AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY from the CI system's variables".to_owned(),
        );
    }
    found
}

/// Whether neither a new task may be started nor an old one stopped.
fn stuck(service: &Service) -> Option<String> {
    let (least, most) = service.percent;
    let desired = u64::from(service.desired);
    let may_run = desired * u64::from(most) / 100;
    let must_run = (desired * u64::from(least)).div_ceil(100);
    (desired > 0 && may_run <= desired && must_run >= desired).then(|| {
        format!(
            "with {least} to {most} percent of {desired} tasks, at most {may_run} may run and at least {must_run} must: no task can be replaced"
        )
    })
}

/// Secrets without a source, by container.
fn empty_secrets(document: &Value) -> Vec<(String, String)> {
    let of = |container: &Value| -> Vec<(String, String)> {
        let secrets = container["secrets"].as_array().into_iter().flatten();
        let empty = secrets.filter(|secret| secret["valueFrom"].as_str().is_none_or(|from| from.trim().is_empty()));
        empty.map(|secret| (name_of(container).to_owned(), secret["name"].as_str().unwrap_or_default().to_owned())).collect()
    };
    containers(document).flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::{Around, Environment, Weight, examine};
    use crate::roll::seen::{Breaker, Definition, Service};

    fn sound() -> (Service, Definition) {
        let service = Service {
            cluster: "c".to_owned(),
            name: "s".to_owned(),
            arn: String::new(),
            status: "ACTIVE".to_owned(),
            controller: "ECS".to_owned(),
            strategy: "ROLLING".to_owned(),
            definition: String::new(),
            desired: 1,
            running: 1,
            pending: 0,
            deployments: Vec::new(),
            current: None,
            breaker: Breaker { enabled: true, rollback: true },
            percent: (100, 200),
            events: Vec::new(),
            tags: BTreeMap::new(),
            exec: true,
            launch: Value::Null,
        };
        let described =
            json!({ "containerDefinitions": [{ "name": "web", "secrets": [{ "name": "KEY", "valueFrom": "arn:x" }] }] });
        (service, Definition { arn: "a/s:1".to_owned(), active: true, described, tags: BTreeMap::new() })
    }

    #[test]
    fn nothing_is_wrong_with_a_sound_service() {
        let (service, definition) = sound();
        assert_eq!(examine(&service, &definition, &Around::default(), Environment::default()), []);
    }

    #[test]
    fn percentages_that_let_no_task_be_replaced_block() {
        let (mut service, definition) = sound();
        service.percent = (100, 100);
        let found = examine(&service, &definition, &Around::default(), Environment::default());
        assert_eq!((found.len(), found[0].weight), (1, Weight::Blocks));
        assert!(found[0].what.contains("at most 1 may run and at least 1 must"), "{found:?}");
        service.percent = (50, 100);
        service.desired = 2;
        assert_eq!(examine(&service, &definition, &Around::default(), Environment::default()), []);
    }

    #[test]
    fn every_fault_is_found_with_its_fix() {
        let (mut service, mut definition) = sound();
        service.controller = "EXTERNAL".to_owned();
        service.strategy = "CANARY".to_owned();
        service.breaker = Breaker::default();
        service.exec = false;
        definition.active = false;
        definition.described["containerDefinitions"][0]["secrets"][0]["valueFrom"] = json!("");
        let environment = Environment { static_keys: true, web_identity: true };
        let not_passed = vec![("role/ci".to_owned(), "role/web".to_owned())];
        let around = Around { missing: vec!["r:1".to_owned()], not_passed };
        let found = examine(&service, &definition, &around, environment);
        assert_eq!(found.len(), 9, "{found:#?}");
        assert!(found.iter().all(|finding| !finding.fix.is_empty()));
    }
}

//! What a deploy writes, decided from what was seen. The plan is a value: printed, it is `roll plan`; applied, it is the roll.

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::changes::{Change, changes};
use super::definition::{TAG_OF, containers, name_of, same};
use super::image::reference_of;
use super::seen::{Definition, Deployment, Record, Service, short};

/// What is asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// The task definition, with pinned images.
    pub document: Value,
    /// Deploy even where nothing changes.
    pub force: bool,
}

/// What was seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The service.
    pub service: Service,
    /// What it is to run now.
    pub running: Definition,
    /// The newest active revision of the family that is asked for, where there is one.
    pub latest: Option<Definition>,
    /// The service deployments, the newest first; none where they may not be read.
    pub records: Option<Vec<Record>>,
}

/// Why a service cannot be rolled. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Blocked {
    /// Deleted, or being deleted.
    #[error("service {service} is {status}, expected ACTIVE; create it, or check --cluster and --service")]
    Inactive {
        /// The service.
        service: String,
        /// What it is.
        status: String,
    },
    /// Another one deploys it.
    #[error(
        "service {service} is deployed by {controller}, expected ECS; ECS refuses a new task definition there. Deploy it with {controller}"
    )]
    Controller {
        /// The service.
        service: String,
        /// Who deploys it.
        controller: String,
    },
}

/// Which revision the service is to run.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// One that is there.
    Existing(String),
    /// One that is registered first.
    New(Value),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Plan {
    /// It runs already: no write.
    Nothing,
    /// It is being rolled out already, by an earlier run: no write, wait for this deployment.
    Follow(Deployment),
    /// An earlier run's deployment of it is being taken back: no write, wait for the end of that.
    GoingBack(Record),
    /// Register where needed, then update the service.
    Roll {
        /// The revision.
        target: Target,
        /// Whether ECS is asked for new tasks although the revision stays.
        force: bool,
        /// The deployment that this one replaces before it has ended.
        replaces: Option<Deployment>,
    },
}

/// Decides.
///
/// # Errors
/// Why it cannot be done.
pub fn plan(asked: &Asked, seen: &Seen) -> Result<Plan, Blocked> {
    let service = &seen.service;
    let name = || format!("{}/{}", service.cluster, service.name);
    if service.status != "ACTIVE" {
        return Err(Blocked::Inactive { service: name(), status: service.status.clone() });
    }
    if service.controller != "ECS" {
        return Err(Blocked::Controller { service: name(), controller: service.controller.clone() });
    }
    let primary = service.deployments.iter().find(|deployment| deployment.status == "PRIMARY");
    let rolling = primary.filter(|primary| primary.rollout == "IN_PROGRESS");
    let runs = same(&asked.document, &seen.running.registrable()) && seen.running.active;
    if let Some(record) = going_back(seen, asked) {
        return Ok(Plan::GoingBack(record.clone()));
    }
    if runs && !asked.force {
        return Ok(match rolling {
            Some(rolling) => Plan::Follow(rolling.clone()),
            None if primary.is_none_or(|primary| primary.rollout == "FAILED") => roll(seen.running.arn.clone(), true, None),
            None => Plan::Nothing,
        });
    }
    let reusable = |definition: &&Definition| definition.active && same(&asked.document, &definition.registrable());
    let target = [Some(&seen.running), seen.latest.as_ref()].into_iter().flatten().find(reusable);
    Ok(match target {
        Some(there) => roll(there.arn.clone(), asked.force, rolling.cloned()),
        None => Plan::Roll { target: Target::New(asked.document.clone()), force: asked.force, replaces: rolling.cloned() },
    })
}

fn roll(arn: String, force: bool, replaces: Option<Deployment>) -> Plan {
    Plan::Roll { target: Target::Existing(arn), force, replaces }
}

/// The service deployment of what is asked for, where it is being taken back right now.
fn going_back<'a>(seen: &'a Seen, asked: &Asked) -> Option<&'a Record> {
    let record = seen.records.as_ref()?.first()?;
    let back = ["STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"].contains(&record.status.as_str());
    // What is taken back is the newest revision; what it goes back to is what the service says that it runs.
    let taken = seen.latest.as_ref().is_some_and(|latest| same(&asked.document, &latest.registrable()));
    (back && taken && !same(&asked.document, &seen.running.registrable())).then_some(record)
}

/// A container's image, before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ImageChange {
    /// The container.
    pub container: String,
    /// What it runs: tag and digest as far as they are known.
    pub from: String,
    /// What it will run.
    pub to: String,
}

/// The plan for people and machines.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Preview {
    /// `cluster/service`.
    pub service: String,
    /// `nothing`, `follow`, `going-back` or `roll`.
    pub action: &'static str,
    /// `family:revision` that runs.
    pub from: String,
    /// `family:revision`, or `family:(new)`.
    pub to: String,
    /// What changes.
    pub changes: Vec<Change>,
    /// Every container's image.
    pub images: Vec<ImageChange>,
    /// What a person should know before.
    pub warnings: Vec<String>,
}

/// What a plan would do.
#[must_use]
pub fn preview(plan: &Plan, asked: &Asked, seen: &Seen) -> Preview {
    let running = seen.running.registrable();
    let family = asked.document["family"].as_str().unwrap_or_default();
    let (action, to) = match plan {
        Plan::Nothing => ("nothing", seen.running.name().to_owned()),
        Plan::Follow(deployment) => ("follow", short(&deployment.definition).to_owned()),
        Plan::GoingBack(_) => ("going-back", seen.latest.as_ref().map_or(family, Definition::name).to_owned()),
        Plan::Roll { target: Target::Existing(arn), .. } => ("roll", short(arn).to_owned()),
        Plan::Roll { target: Target::New(_), .. } => ("roll", format!("{family}:(new)")),
    };
    let changes = match plan {
        Plan::Nothing | Plan::Follow(_) => Vec::new(),
        _ => changes(&running, &asked.document),
    };
    let mut warnings = owners(seen);
    if let Plan::Roll { replaces: Some(deployment), .. } = plan {
        warnings.push(format!("{} of {} is still rolling and will be replaced", deployment.id, short(&deployment.definition)));
    }
    Preview {
        service: format!("{}/{}", seen.service.cluster, seen.service.name),
        action,
        from: seen.running.name().to_owned(),
        to,
        changes,
        images: images(&running, &asked.document),
        warnings,
    }
}

/// Every container's image before and after.
#[must_use]
pub fn images(from: &Value, to: &Value) -> Vec<ImageChange> {
    let described = |document: &Value, name: &str| {
        let container = containers(document).find(|container| name_of(container) == name)?;
        let tags = super::definition::tags(document);
        let mut text = container["image"].as_str()?.to_owned();
        if let (Some(image), Some(tag)) = (reference_of(container), tags.get(&format!("{TAG_OF}{name}")))
            && image.digest.is_some()
        {
            text = format!("{} ({tag})", text);
        }
        Some(text)
    };
    containers(to)
        .map(|container| {
            let name = name_of(container);
            let none = || "-".to_owned();
            ImageChange {
                container: name.to_owned(),
                from: described(from, name).unwrap_or_else(none),
                to: described(to, name).unwrap_or_else(none),
            }
        })
        .collect()
}

/// Who else sets the revision, and would set it back.
#[must_use]
pub fn owners(seen: &Seen) -> Vec<String> {
    let mut found = Vec::new();
    let stack = |tags: &std::collections::BTreeMap<String, String>| tags.get("aws:cloudformation:stack-name").cloned();
    if let Some(stack) = stack(&seen.service.tags) {
        found.push(format!(
            "CloudFormation stack {stack} made this service; its next update sets its own revision again. Keep the image in a parameter of the stack, or update the stack"
        ));
    } else if let Some(stack) = stack(&seen.running.tags) {
        found.push(format!(
            "CloudFormation stack {stack} made {}; its next update sets its own revision again",
            seen.running.name()
        ));
    }
    let by = seen.running.described["registeredBy"].as_str().unwrap_or_default().to_lowercase();
    let tagged = seen
        .service
        .tags
        .iter()
        .chain(&seen.running.tags)
        .any(|(key, value)| format!("{key}={value}").to_lowercase().contains("terraform"));
    if by.contains("terraform") || tagged {
        found.push(
            "Terraform seems to own this service; its next apply sets its own revision again, unless the service has lifecycle { ignore_changes = [task_definition] }"
                .to_owned(),
        );
    }
    found
}

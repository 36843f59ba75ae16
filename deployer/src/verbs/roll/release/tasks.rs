//! The one-off tasks of a release, when every service is new and no old task is left.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use blue_green::aws::ecs::RunAsked;
use blue_green::aws::failure::Class;
use blue_green::roll::release::journal::{RAN, Ran};
use blue_green::roll::seen::{Service, Task, short};
use serde_json::json;

use super::file::Member;
use super::observe::Observed;
use super::steer::Steering;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::verbs::roll::failure::RollFailure;
use crate::verbs::roll::run::{container, finish, result};

/// How often it is looked whether old tasks are gone.
const PAUSE: Duration = Duration::from_secs(1);

/// A task that did not end well.
pub struct Failed {
    /// Its name.
    pub name: String,
    /// Why.
    pub failure: Failure,
    /// Whether the services go back.
    pub undo: bool,
}

/// Waits until no task of what was before is left: ECS calls a deployment successful while they still stop. Whether time was left.
///
/// # Errors
/// A call that failed.
pub async fn old_ones_are_gone(steering: &Steering<'_>) -> Result<bool, Failure> {
    let mut said = 0;
    loop {
        let mut left = 0;
        for member in &steering.members {
            let Some(seen) = &member.observed.service else { continue };
            left += tasks_before(steering.session, &seen.service, &member.own).await?;
        }
        if left == 0 {
            return Ok(true);
        }
        if left != said {
            output::step(&format!("waiting until {left} old tasks are gone"));
            said = left;
        }
        if Instant::now() >= steering.until {
            return Ok(false);
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// How many tasks of a service are of another revision and have not stopped.
async fn tasks_before(session: &Session, service: &Service, own: &str) -> Result<usize, Failure> {
    let reader = session.services();
    let mut arns = reader.task_arns(service, "RUNNING").await?;
    arns.extend(reader.task_arns(service, "STOPPED").await?);
    let tasks = reader.tasks(&service.cluster, &arns).await?;
    Ok(tasks.iter().filter(|task| task.status != "STOPPED" && task.definition != own).count())
}

/// Runs the tasks in their order, those that ended well before left out; at the first that fails it ends.
///
/// # Errors
/// The task that failed.
pub async fn run(steering: &Steering<'_>, seen: &[Observed], release: &str) -> Result<(), Box<Failed>> {
    for observed in seen.iter().filter(|observed| observed.service.is_none() && observed.schedule.is_none()) {
        let Member { name, undo, .. } = &observed.member;
        if let Err(failure) = run_one(steering, observed, release).await {
            return Err(Box::new(Failed { name: name.clone(), failure, undo: *undo }));
        }
    }
    Ok(())
}

async fn run_one(steering: &Steering<'_>, observed: &Observed, release: &str) -> Result<(), Failure> {
    let (session, cluster) = (steering.session, steering.cluster);
    let Some((own, entry)) = &observed.own else { return Ok(()) };
    let Member { name, like, command, container: named, .. } = &observed.member;
    if entry.ran.as_ref().is_some_and(|ran| ran.code == Some(0)) {
        output::step(&format!("task {name} ran already"));
        return Ok(());
    }
    let counted = container(own, named.as_deref())?;
    let like = session.services().service(cluster, like).await?;
    let run = entry.ran.as_ref().map_or(0, |ran| ran.run) + 1;
    let overrides = match command.is_empty() {
        true => json!({}),
        false => json!({ "containerOverrides": [{ "name": counted, "command": command }] }),
    };
    let asked = RunAsked {
        cluster: cluster.to_owned(),
        definition: own.arn.clone(),
        launch: like.launch,
        overrides,
        started_by: started_by(release),
        // The same for every try of this run: ECS runs it once (a token holds for 24 hours).
        token: format!("{}-{run}", token(&own.arn)),
    };
    let task = session.roller().run(&asked).await.map_err(|failure| match failure.class {
        // ECS says why it places none: the task failed.
        Class::Permanent => Failure::Roll(RollFailure::Task(format!("task {name}: {}", failure.what()))),
        _ => Failure::Aws(failure),
    })?;
    output::step(&format!("task {name}: {} of {} started; its result is the exit code of {counted}", task.id(), own.name()));
    let Some(ended) = finish(session, cluster, &task, steering.until).await? else {
        return Err(RollFailure::StillRuns(format!("time is up, and task {name} ({}) still runs", task.id())).into());
    };
    note(session, &own.arn, &ended, &counted, run).await;
    match result(session, own, &ended, &counted).await {
        Ok(Exit::Done) => Ok(()),
        Ok(_) => Err(RollFailure::Task(format!("task {name} failed")).into()),
        Err(failure) => Err(failure),
    }
}

/// Writes down how a run ended. Where it cannot be written, the same release asks ECS for the same run again, and gets this one.
async fn note(session: &Session, own: &str, ended: &Task, counted: &str, run: u32) {
    let code = ended.containers.iter().find(|container| container.name == counted).and_then(|container| container.exit_code);
    let ran = Ran { run, task: ended.id().to_owned(), code };
    if let Err(failure) = session.roller().tag(own, &BTreeMap::from([(RAN.to_owned(), ran.text())])).await {
        output::warn(&format!("{}; that the task ran is not written down", failure.what()));
    }
}

/// At most 128 characters, of those that ECS takes.
fn started_by(release: &str) -> String {
    let legal = |c: char| if c.is_ascii_alphanumeric() || "-_/".contains(c) { c } else { '_' };
    format!("release/{release}").chars().map(legal).take(128).collect()
}

/// At most 62 characters that say which revision it is.
fn token(arn: &str) -> String {
    let name = short(arn).replace(':', "-");
    let start = name.len().saturating_sub(60);
    name.chars().filter(char::is_ascii).skip(start).collect()
}

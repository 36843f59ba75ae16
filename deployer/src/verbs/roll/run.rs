//! `roll run`: a one-off task. The exit code of its container is the result.

use std::time::{Duration, Instant};

use blue_green::aws::ecs::RunAsked;
use blue_green::roll::definition::{containers, name_of};
use blue_green::roll::evidence::why;
use blue_green::roll::seen::{Definition, Task, short};
use serde_json::{Value, json};

use super::args::RunArgs;
use super::failure::RollFailure;
use super::outcome::Outcome;
use super::prepare::service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

/// How often a task is looked at.
const PAUSE: Duration = Duration::from_secs(1);
/// How many of its last lines are shown.
const LINES: u32 = 50;
/// The largest overrides (API reference, TaskOverride).
const OVERRIDES: usize = 8192;

pub async fn run(args: &RunArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let (cluster, name) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let mut interrupts = Interrupts::listen()?;
    let like = service(&session, &cluster, &name).await?;
    let wanted = args.family.as_deref().filter(|family| !family.is_empty()).unwrap_or(&like.definition);
    let definition = session.services().definition(wanted).await?;
    let container = container(&definition, args.container.as_deref())?;
    let overrides = match args.command.is_empty() {
        true => json!({}),
        false => json!({ "containerOverrides": [{ "name": container, "command": args.command }] }),
    };
    if overrides.to_string().len() > OVERRIDES {
        return Err(Failure::Usage(format!("the command is too long; ECS takes {OVERRIDES} characters at most")));
    }
    let token = format!("{:032x}", fastrand::u128(..));
    let started_by = "deployer-roll-run".to_owned();
    let asked = RunAsked {
        cluster: cluster.clone(),
        definition: definition.arn.clone(),
        launch: like.launch.clone(),
        overrides,
        started_by,
        token,
    };
    let task = session.roller().run(&asked).await?;
    output::step(&format!("task {} of {} started; its result is the exit code of {container}", task.id(), definition.name()));
    let until = Instant::now() + args.timeout;
    let ended = interrupts.unless(finish(&session, &cluster, &task, until)).await;
    let done = match ended {
        Ok(Some(task)) => result(&session, &definition, &task, &container).await,
        Ok(None) => Err(RollFailure::StillRuns(format!(
            "time is up after {} s, and task {} still runs; see it with: aws ecs describe-tasks --cluster {cluster} --tasks {}, stop it with: aws ecs stop-task --cluster {cluster} --task {}",
            args.timeout.as_secs(), task.id(), task.id(), task.id()
        ))
        .into()),
        Err(Failure::Interrupted) => Err(Failure::System(format!(
            "interrupted: task {} goes on. To stop it: aws ecs stop-task --cluster {cluster} --task {}",
            task.id(), task.id()
        ))),
        Err(failure) => Err(failure),
    };
    let mut outcome = Outcome::of(format!("{cluster}/{name}"), String::new(), definition.name().to_owned(), Vec::new());
    outcome.outcome = "ran";
    task.id().clone_into(&mut outcome.deployment);
    outcome.end(&done, began.elapsed());
    outcome.write(&args.results)?;
    done
}

/// The container whose exit code counts: the one named, else the only essential one.
///
/// # Errors
/// A name that is not there, or several to choose from.
pub fn container(definition: &Definition, named: Option<&str>) -> Result<String, Failure> {
    let essential = |container: &&Value| container["essential"] != false;
    let all: Vec<&str> = containers(&definition.described).map(name_of).collect();
    let mains: Vec<&str> = containers(&definition.described).filter(essential).map(name_of).collect();
    match (named, &mains[..]) {
        (Some(named), _) if all.contains(&named) => Ok(named.to_owned()),
        (Some(named), _) => {
            Err(Failure::Usage(format!("{} has no container {named}; it has {}", definition.name(), all.join(", "))))
        }
        (None, [one]) => Ok((*one).to_owned()),
        (None, _) => Err(Failure::Usage(format!(
            "{} has several essential containers ({}); say with --container whose exit code is the result",
            definition.name(),
            mains.join(", ")
        ))),
    }
}

/// The task when it has stopped; none where time is up.
///
/// # Errors
/// A call that failed, or a task that ECS has forgotten.
pub async fn finish(session: &Session, cluster: &str, task: &Task, until: Instant) -> Result<Option<Task>, Failure> {
    let arns = [task.arn.clone()];
    let mut status = String::new();
    loop {
        let now = session.services().tasks(cluster, &arns).await?.into_iter().next();
        let now = now.ok_or_else(|| {
            RollFailure::Task(format!("task {} is not there any more; ECS forgets stopped tasks after an hour", task.id()))
        })?;
        if now.status == "STOPPED" {
            return Ok(Some(now));
        }
        if now.status != status {
            output::step(&format!("task {} is {}", task.id(), now.status));
            status = now.status;
        }
        if Instant::now() >= until {
            return Ok(None);
        }
        tokio::time::sleep(PAUSE.min(until.saturating_duration_since(Instant::now()))).await;
    }
}

/// Shows the last lines, and judges the exit code. None at all is a failure.
///
/// # Errors
/// How it failed.
pub async fn result(session: &Session, definition: &Definition, task: &Task, container: &str) -> Result<Exit, Failure> {
    match session.services().log_tail(&definition.described, container, &task.arn, LINES).await {
        Ok(lines) => output::print(&lines.iter().map(|line| format!("{line}\n")).collect::<String>())?,
        Err(failure) => output::warn(&format!("the task's log cannot be read: {}", failure.what())),
    }
    let code = task.containers.iter().find(|found| found.name == container).and_then(|found| found.exit_code);
    if code == Some(0) {
        output::step(&format!("task {} of {}: {container} ended with exit code 0", task.id(), short(&task.definition)));
        return Ok(Exit::Done);
    }
    let (why, _) = why(task);
    let said = match code {
        Some(code) => format!("{container} ended with exit code {code}"),
        None => format!("{container} has no exit code"),
    };
    let again = if task.stop_code == "SpotInterruption" { " Fargate Spot took its capacity back; run it again" } else { "" };
    Err(RollFailure::Task(format!(
        "task {} of {} failed: {said} ({}{}).{again}",
        task.id(),
        short(&task.definition),
        stop(task),
        why
    ))
    .into())
}

fn stop(task: &Task) -> String {
    if task.stop_code.is_empty() { String::new() } else { format!("{}: ", task.stop_code) }
}

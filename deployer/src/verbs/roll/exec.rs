//! `roll exec`: a shell in a running container, through AWS's session-manager-plugin.

use std::io::IsTerminal;
use std::process::Stdio;

use blue_green::aws::ecs::Shell;
use blue_green::roll::definition::{containers, name_of};
use blue_green::roll::seen::{Container, Task};
use dialoguer::Select;
use serde_json::json;

use super::args::ExecArgs;
use super::failure::RollFailure;
use super::prepare::service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::session::Session;

const PLUGIN: &str = "session-manager-plugin";
/// The variable that holds the session: newer plugins take its name as their first argument, so that the token is on no command line.
const RESPONSE: &str = "AWS_SSM_START_SESSION_RESPONSE";
/// The last plugin that takes the session itself only.
const OLD: [u32; 4] = [1, 2, 497, 0];
/// bash, else sh.
const SHELL: &str = "/bin/sh -c 'command -v bash >/dev/null && exec bash || exec sh'";

pub async fn run(args: &ExecArgs) -> Result<Exit, Failure> {
    able().await?;
    let cluster = args.place.cluster()?;
    let session = Session::open(super::CALLS).await?;
    let reader = session.services();
    let arns = match (args.place.service(), args.family.as_deref().filter(|family| !family.is_empty())) {
        (Some(name), _) => reader.task_arns(&service(&session, &cluster, &name).await?, "RUNNING").await?,
        (None, Some(family)) => reader.family_arns(&cluster, family).await?,
        (None, None) => return Err(Failure::Usage("name a service with --service, or a family with --family".to_owned())),
    };
    let mut tasks = reader.tasks(&cluster, &arns).await?;
    tasks.retain(|task| task.status == "RUNNING" && args.task.as_ref().is_none_or(|id| task.id() == id));
    let task = pick("task", tasks, |task| format!("{} ({})", task.id(), blue_green::roll::seen::short(&task.definition)))?;
    if !task.exec {
        return Err(refused(format!(
            "task {} was started without shells; set enableExecuteCommand on the service, then deploy with --force so that new tasks start",
            task.id()
        )));
    }
    let containers =
        task.containers.iter().filter(|c| args.container.as_ref().is_none_or(|name| c.name == *name)).cloned().collect();
    let container: Container = pick("container", containers, |container| container.name.clone())?;
    if !container.exec_agent {
        return Err(refused(without_agent(&session, &task, &container).await?));
    }
    open(&session, &cluster, &task, &container, args.command.as_deref().unwrap_or(SHELL)).await
}

/// Why there is no agent for shells, as far as the task definition tells it.
async fn without_agent(session: &Session, task: &Task, container: &Container) -> Result<String, Failure> {
    let definition = session.services().definition(&task.definition).await?;
    let read_only = containers(&definition.described)
        .any(|other| name_of(other) == container.name && other["readonlyRootFilesystem"] == true);
    let why = if read_only {
        "its root file system is read-only, which the agent does not support; take readonlyRootFilesystem off, or use `deployer roll run`"
    } else {
        "wait until it has started, and check that the task role allows ssmmessages:*"
    };
    Ok(format!("the agent for shells does not run in container {} of task {}: {why}", container.name, task.id()))
}

fn refused(message: String) -> Failure {
    RollFailure::Refused(message).into()
}

/// Whether a shell can be opened from here at all: said before anything is called.
async fn able() -> Result<(), Failure> {
    if !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        return Err(Failure::Usage(
            "exec needs a terminal, and its exit code would prove nothing; in CI, use `deployer roll run -- COMMAND`".to_owned(),
        ));
    }
    if version().await?.is_none_or(|version| version <= OLD) {
        return Err(Failure::Usage(format!(
            "{PLUGIN} is missing, or not newer than 1.2.497.0; install it: https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
        )));
    }
    Ok(())
}

async fn version() -> Result<Option<[u32; 4]>, Failure> {
    let told = tokio::process::Command::new(PLUGIN).arg("--version").stdin(Stdio::null()).output().await;
    match told {
        Ok(told) => {
            let text = String::from_utf8_lossy(&told.stdout);
            let numbers: Vec<u32> = text.trim().split('.').filter_map(|number| number.parse().ok()).collect();
            Ok(numbers.try_into().ok())
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Failure::System(format!("{PLUGIN} cannot be started ({error})"))),
    }
}

/// The only one, or the one that a person picks.
fn pick<T>(what: &str, mut all: Vec<T>, name: impl Fn(&T) -> String) -> Result<T, Failure> {
    match all.len() {
        0 => Err(refused(format!(
            "there is no running {what} to open a shell in; check --cluster, --service, --task and --container"
        ))),
        1 => Ok(all.remove(0)),
        _ => {
            let items: Vec<String> = all.iter().map(name).collect();
            let picked = Select::new().with_prompt(format!("which {what}?")).items(&items).default(0).interact_opt();
            let picked = picked.map_err(|error| Failure::System(format!("the terminal cannot be read ({error})")))?;
            picked.map(|index| all.remove(index)).ok_or(Failure::Interrupted)
        }
    }
}

async fn open(session: &Session, cluster: &str, task: &Task, container: &Container, command: &str) -> Result<Exit, Failure> {
    let Shell { session: opened, region, endpoint } =
        session.roller().execute(cluster, &task.arn, &container.name, command).await?;
    let runtime = container.runtime_id.as_deref().unwrap_or_default();
    let target = json!({ "Target": format!("ecs:{cluster}_{}_{runtime}", task.id()) });
    let profile = std::env::var("AWS_PROFILE").unwrap_or_default();
    let mut plugin = tokio::process::Command::new(PLUGIN);
    plugin.args([RESPONSE, &region, "StartSession", &profile, &target.to_string(), &endpoint]).env(RESPONSE, opened);
    let status = plugin.status().await.map_err(|error| Failure::System(format!("{PLUGIN} cannot be started ({error})")))?;
    if status.success() { Ok(Exit::Done) } else { Err(Failure::System(format!("{PLUGIN} ended with {status}"))) }
}

//! One container: a page where it takes traffic, and the process of its image.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use aws_sdk_ecs::types::ContainerDefinition;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::images::Program;
use super::logs::Stream;
use super::wire::{SECRETS, Wire};
use crate::app::{App, colour_of};

/// How long a process has to end by itself, once it is asked to.
const STOP_TIMEOUT: Duration = Duration::from_secs(2);
/// The exit code of a container that had no process of its own and was asked to end (128 + SIGTERM).
const TERMINATED: i64 = 143;

/// A container that runs.
pub(super) struct Container {
    pub name: String,
    pub essential: bool,
    pub app: Option<App>,
    process: Option<Process>,
}

struct Process {
    child: Child,
    group: Pid,
    output: Vec<tokio::task::JoinHandle<()>>,
}

impl Container {
    /// Starts it.
    ///
    /// # Errors
    /// No port is free, or its program cannot be started; the second in the words of a container runtime.
    pub async fn start(
        wire: &Arc<Wire>,
        definition: &ContainerDefinition,
        program: &Program,
        serves: bool,
        task: &str,
    ) -> Result<Self> {
        let app = if serves { Some(App::start(&program.version, &colour_of(&program.version)).await?) } else { None };
        if let Some(app) = &app {
            app.set_healthy(!program.sick);
        }
        let command = program.process(definition.entry_point(), definition.command());
        let process = match command.as_deref().and_then(|command| command.split_first()) {
            Some((first, rest)) => {
                let variables = variables(wire, definition, program).await?;
                Some(Process::start(wire, definition, (first, rest), variables, task).await?)
            }
            None => None,
        };
        let name = definition.name().unwrap_or_default().to_owned();
        Ok(Self { name, essential: definition.essential().unwrap_or(true), app, process })
    }

    /// Waits until its process has ended, and says its exit code; for ever, where it has none.
    pub async fn ended(&mut self) -> i64 {
        match &mut self.process {
            Some(process) => process.ended().await,
            None => std::future::pending().await,
        }
    }

    /// Ends it: its exit code.
    pub async fn stop(self) -> i64 {
        if let Some(app) = self.app {
            // It answers what it has in hand; nobody waits for that.
            tokio::spawn(app.stop());
        }
        match self.process {
            Some(mut process) => process.stop().await,
            None => TERMINATED,
        }
    }
}

impl Process {
    async fn start(
        wire: &Arc<Wire>,
        definition: &ContainerDefinition,
        (program, arguments): (&str, &[String]),
        variables: Vec<(String, String)>,
        task: &str,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments).env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).envs(variables);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).kill_on_drop(true);
        let stream = Stream::open(wire, definition, task).await?;
        let mut child = command.spawn().with_context(|| {
            format!("CannotStartContainerError: failed to create task for container: exec: \"{program}\": executable file not found in $PATH")
        })?;
        let group = Pid::from_raw(i32::try_from(child.id().context("a process without id")?)?);
        let output = [
            child.stdout.take().map(|out| tokio::spawn(forward(Arc::clone(wire), stream.clone(), out))),
            child.stderr.take().map(|err| tokio::spawn(forward(Arc::clone(wire), stream, err))),
        ];
        Ok(Self { child, group, output: output.into_iter().flatten().collect() })
    }

    /// Its exit code, once all that it printed is in CloudWatch Logs.
    async fn ended(&mut self) -> i64 {
        use std::os::unix::process::ExitStatusExt;
        let code = match self.child.wait().await {
            Ok(status) => status.code().map_or_else(|| 128 + i64::from(status.signal().unwrap_or(0)), i64::from),
            Err(_) => 255,
        };
        // What it started and left behind ends with it, and holds its output open no longer.
        let _ = killpg(self.group, Signal::SIGKILL);
        for output in self.output.drain(..) {
            let _ = output.await;
        }
        code
    }

    async fn stop(&mut self) -> i64 {
        let _ = killpg(self.group, Signal::SIGTERM);
        if let Ok(code) = timeout(STOP_TIMEOUT, self.ended()).await {
            return code;
        }
        let _ = killpg(self.group, Signal::SIGKILL);
        self.ended().await
    }
}

/// The variables of a container: the image's, then its definition's, then those from Secrets Manager.
///
/// # Errors
/// A secret that is not there, in the words of ECS.
async fn variables(wire: &Wire, definition: &ContainerDefinition, program: &Program) -> Result<Vec<(String, String)>> {
    let pair = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
    let mut variables: Vec<_> = program.environment.iter().filter_map(|text| text.split_once('=').map(pair)).collect();
    let own = definition.environment().iter();
    variables.extend(own.map(|one| pair((one.name().unwrap_or_default(), one.value().unwrap_or_default()))));
    for secret in definition.secrets() {
        variables.push((secret.name().to_owned(), secret_value(wire, secret.value_from()).await?));
    }
    Ok(variables)
}

/// What `valueFrom` names: `ARN`, or `ARN:KEY:STAGE:VERSION` (ECS developer guide, "Secrets Manager secrets").
async fn secret_value(wire: &Wire, from: &str) -> Result<String> {
    let parts: Vec<&str> = from.split(':').collect();
    let (arn, key) = (parts.iter().take(7).copied().collect::<Vec<_>>().join(":"), parts.get(7).copied().unwrap_or_default());
    let answer = wire.call(&SECRETS, "GetSecretValue", &json!({ "SecretId": arn })).await?;
    let text = answer["SecretString"].as_str().with_context(|| {
        format!("ResourceInitializationError: unable to pull secrets or registry auth: secret {arn}: {}", answer["__type"])
    })?;
    if key.is_empty() {
        return Ok(text.to_owned());
    }
    let values: Value = serde_json::from_str(text).unwrap_or_default();
    let value = values[key].as_str().map(str::to_owned);
    value.with_context(|| {
        format!("ResourceInitializationError: unable to pull secrets or registry auth: retrieved secret from Secrets Manager did not contain json key {key}")
    })
}

async fn forward(wire: Arc<Wire>, stream: Option<Stream>, output: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        if let Some(stream) = &stream {
            // Where the API is gone, so is everybody who would read it.
            let _ = stream.write(&wire, &line).await;
        }
    }
}

/// Waits until an essential one of several containers has ended by itself: which one, and its exit code.
pub(super) async fn first_to_end(containers: &mut [Container], stop: &CancellationToken) -> Option<(usize, i64)> {
    let ends = containers.iter_mut().enumerate().filter(|(_, c)| c.essential);
    let ends: Vec<_> = ends.map(|(index, container)| Box::pin(async move { (index, container.ended().await) })).collect();
    if ends.is_empty() {
        stop.cancelled().await;
        return None;
    }
    tokio::select! {
        (ended, ..) = futures::future::select_all(ends) => Some(ended),
        () = stop.cancelled() => None,
    }
}

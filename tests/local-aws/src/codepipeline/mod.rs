//! CodePipeline, playing the pipelines that the account's stacks define: their `AWS::CodePipeline::Pipeline` resources are read
//! as they were installed, so that what is tested is what the template says.
//!
//! A source is an object or a pushed repository, a build runs its buildspec in a shell, a deployment updates a stack of the
//! local AWS, an approval waits for PutApprovalResult, an invocation is a job of the real function. An action or a feature that
//! is not known fails.

mod actions;
mod api;
mod artifacts;
mod aws;
mod buildspec;
mod definition;
mod invoke;
mod stacks;
mod starts;
mod state;
mod xml;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use futures::future::join_all;
use tempfile::TempDir;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::time::timeout;
use uuid::Uuid;

pub use artifacts::{files, pack};
pub use definition::Definition;
pub use invoke::Invoked;
pub use stacks::{Asked as StackAsked, Event, Stack, Stacks};
pub use state::Status;

use crate::gateway::{Gateway, lock};
use crate::jobs::Jobs;
use crate::lambda::Lambda;
use crate::pipeline::Execution as Variables;
use crate::world::World;
pub use aws::Account;
use definition::Action;
use state::{ActionState, Execution, Pipeline};

/// What CodePipeline makes of CloudFormation's "No updates are to be performed": said to be a success, and nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoUpdates {
    /// The action succeeds.
    Succeed,
    /// The action fails with CloudFormation's error.
    Fail,
}

/// An approval that waits.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The execution that waits.
    pub execution: String,
    /// The stage.
    pub stage: String,
    /// The action.
    pub action: String,
    /// What the approver reads.
    pub text: String,
    /// Where the approver looks.
    pub link: Option<String>,
    token: String,
}

/// The CodePipeline of one account. Clones are the same one; with the last it ends.
#[derive(Clone)]
pub struct CodePipeline(Arc<Inner>);

/// What the API needs of it, without keeping it.
pub(crate) type Held = Weak<Inner>;

pub(crate) struct Inner {
    account: Account,
    stacks: Stacks,
    /// Holds a build's calls against its role's policies. It keeps this only weakly.
    gateway: Gateway,
    jobs: Jobs,
    lambda: Lambda,
    /// The function takes one event at a time: its reserved concurrency.
    busy: AsyncMutex<()>,
    /// The environment of a build, and its PATH before the machine's own.
    build_env: Mutex<HashMap<String, String>>,
    build_path: PathBuf,
    /// A build machine's docker, for all builds.
    home: TempDir,
    builds: Mutex<BTreeMap<String, u32>>,
    no_updates: Mutex<NoUpdates>,
    /// What was pushed, by repository and branch: a zip file.
    pushed: Mutex<BTreeMap<(String, String), Vec<u8>>>,
    pipelines: Mutex<BTreeMap<String, Pipeline>>,
    /// The jobs of the function, in order.
    invoked: Mutex<Vec<Invoked>>,
    changed: watch::Sender<u64>,
}

impl CodePipeline {
    /// Plays the pipelines of an account. `tools` is a folder with the AWS command line.
    ///
    /// # Errors
    /// Where the function was not built.
    pub fn start(world: &World, lambda: Lambda, tools: PathBuf) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let docker = home.path().join("docker");
        std::fs::write(&docker, include_str!("docker"))?;
        std::fs::set_permissions(&docker, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let account = Account::new(world.endpoint(), world.account().to_owned());
        let pipelines = Self(Arc::new(Inner {
            stacks: Stacks::new(account.clone()),
            account,
            gateway: world.gateway.clone(),
            jobs: world.jobs.clone(),
            lambda,
            busy: AsyncMutex::default(),
            build_env: Mutex::new(build_env(world)),
            build_path: tools,
            home,
            builds: Mutex::default(),
            no_updates: Mutex::new(NoUpdates::Succeed),
            pushed: Mutex::default(),
            pipelines: Mutex::default(),
            invoked: Mutex::default(),
            changed: watch::Sender::new(0),
        }));
        world.jobs.play_pipelines(Arc::downgrade(&pipelines.0));
        Ok(pipelines)
    }

    pub(crate) fn held(held: &Held) -> Option<Self> {
        held.upgrade().map(Self)
    }

    /// Gives builds a variable, instead of the value that it had.
    pub fn set_build_variable(&self, name: &str, value: &str) {
        lock(&self.0.build_env).insert(name.to_owned(), value.to_owned());
    }

    /// Says what an update without any change ends in.
    pub fn set_no_updates(&self, ending: NoUpdates) {
        *lock(&self.0.no_updates) = ending;
    }

    /// The jobs that the function was given, in order.
    pub fn invoked(&self) -> Vec<Invoked> {
        lock(&self.0.invoked).clone()
    }

    /// How an execution is; none where there is none.
    pub fn status(&self, pipeline: &str, id: &str) -> Option<Status> {
        lock(&self.0.pipelines).get_mut(pipeline)?.execution(id).map(|execution| execution.status)
    }

    /// The ids of a pipeline's executions, the newest last.
    pub fn executions(&self, pipeline: &str) -> Vec<String> {
        let pipelines = lock(&self.0.pipelines);
        pipelines.get(pipeline).map(|p| p.executions.iter().map(|execution| execution.id.clone()).collect()).unwrap_or_default()
    }

    /// What an action said last; none where it never ran.
    pub fn said(&self, pipeline: &str, stage: &str, action: &str) -> Option<(Status, String)> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(pipeline)?;
        let state = pipeline.stages.get(pipeline.definition.stage(stage).ok()?)?.actions.get(action)?;
        Some((state.status, state.summary.clone()))
    }

    /// A variable that an execution has.
    pub fn variable(&self, pipeline: &str, id: &str, name: &str) -> Option<String> {
        lock(&self.0.pipelines).get_mut(pipeline)?.execution(id)?.variables.variable(name).map(str::to_owned)
    }

    /// Waits until something is so.
    ///
    /// # Errors
    /// Where it is not within `within`: how everything is then.
    pub async fn wait(&self, within: Duration, what: &str, mut so: impl FnMut(&Self) -> bool) -> Result<()> {
        let mut changed = self.0.changed.subscribe();
        let waited = timeout(within, async {
            while !so(self) {
                // The sender lives as long as this.
                let _ = changed.changed().await;
            }
        });
        if waited.await.is_err() {
            bail!("{what}: not so after {within:?}; {}", self.told());
        }
        Ok(())
    }

    /// Every pipeline with what its actions said, for errors.
    pub fn told(&self) -> String {
        let pipelines = lock(&self.0.pipelines);
        let mut told = Vec::new();
        for (name, pipeline) in pipelines.iter() {
            told.push(format!("{name}: {:?}", pipeline.executions.iter().map(|e| (e.id.as_str(), e.status)).collect::<Vec<_>>()));
            for action in pipeline.stages.iter().flat_map(|stage| &stage.actions) {
                told.push(format!("  {} {:?} {}", action.0, action.1.status, action.1.summary));
            }
        }
        told.join("\n")
    }

    /// The account's API.
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    /// The approval that waits in a pipeline; none where none does.
    pub fn approval(&self, pipeline: &str) -> Option<Asked> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(pipeline)?;
        let stages = pipeline.definition.stages.iter().zip(&pipeline.stages);
        stages.into_iter().find_map(|(defined, stage)| {
            let (action, state) = stage.actions.iter().find(|(_, state)| state.token.is_some())?;
            Some(Asked {
                execution: stage.inside.clone()?,
                stage: defined.name.clone(),
                action: action.clone(),
                text: state.summary.clone(),
                link: state.link.clone(),
                token: state.token.clone()?,
            })
        })
    }

    /// The execution that waits before a stage; none where none does.
    pub fn waits(&self, pipeline: &str, stage: &str) -> Option<String> {
        let pipelines = lock(&self.0.pipelines);
        let pipeline = pipelines.get(pipeline)?;
        pipeline.stages.get(pipeline.definition.stage(stage).ok()?)?.waiting.clone()
    }

    /// Answers the approval that waits in a pipeline.
    ///
    /// # Errors
    /// Where none waits.
    pub fn answer_approval(&self, pipeline: &str, approved: bool) -> Result<()> {
        let asked = self.approval(pipeline).with_context(|| format!("no approval waits in {pipeline}"))?;
        let status = if approved { "Approved" } else { "Rejected" };
        let body = serde_json::json!({
            "pipelineName": pipeline, "stageName": asked.stage, "actionName": asked.action, "token": asked.token,
            "result": { "status": status, "summary": "by a test" },
        });
        match self.answer("PutApprovalResult", &body) {
            Some(Ok(_)) => Ok(()),
            other => bail!("the approval was not taken: {other:?}"),
        }
    }

    fn changed(&self) {
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Starts an execution.
    ///
    /// # Errors
    /// Where there is no such pipeline, or a variable that it does not have.
    pub fn start_execution(&self, pipeline: &str, given: &BTreeMap<String, String>) -> Result<String> {
        let mut pipelines = lock(&self.0.pipelines);
        let state = pipelines.get_mut(pipeline).with_context(|| format!("there is no pipeline {pipeline}"))?;
        let mut variables = Variables::begin();
        for variable in &state.definition.variables {
            let value = given.get(&variable.name).or(variable.default_value.as_ref());
            let value = value.with_context(|| format!("the variable {} is not given and has no default", variable.name))?;
            variables.export("variables", [(variable.name.as_str(), value.clone())]);
        }
        let known = |name: &String| state.definition.variables.iter().any(|variable| variable.name == *name);
        if let Some(unknown) = given.keys().find(|name| !known(name)) {
            bail!("pipeline {pipeline} has no variable {unknown}");
        }
        let id = variables.id().to_owned();
        let execution = Execution {
            id: id.clone(),
            status: Status::InProgress,
            variables,
            artifacts: Default::default(),
            revision: String::new(),
        };
        state.executions.push(execution);
        if state.enter(0, &id) {
            self.spawn(pipeline, 0, &id, false);
        }
        drop(pipelines);
        self.changed();
        Ok(id)
    }

    /// Runs a stage again that failed: its failed actions, or all.
    ///
    /// # Errors
    /// Where the stage has not failed with this execution.
    pub fn retry_stage(&self, pipeline: &str, stage: &str, id: &str, all: bool) -> Result<()> {
        let mut pipelines = lock(&self.0.pipelines);
        let state = pipelines.get_mut(pipeline).with_context(|| format!("there is no pipeline {pipeline}"))?;
        let index = state.definition.stage(stage)?;
        let at = &mut state.stages[index];
        if at.inside.is_some() || at.last != Some((id.to_owned(), Status::Failed)) {
            bail!("the stage {stage} of {pipeline} has not failed with execution {id}");
        }
        at.inside = Some(id.to_owned());
        if let Some(execution) = state.execution(id) {
            execution.status = Status::InProgress;
        }
        self.spawn(pipeline, index, id, !all);
        drop(pipelines);
        self.changed();
        Ok(())
    }

    fn spawn(&self, pipeline: &str, stage: usize, id: &str, only_failed: bool) {
        let (held, pipeline, id) = (Arc::downgrade(&self.0), pipeline.to_owned(), id.to_owned());
        tokio::spawn(async move {
            if let Some(this) = Self::held(&held) {
                this.run_stage(&pipeline, stage, &id, only_failed).await;
            }
        });
    }

    async fn run_stage(&self, pipeline: &str, stage: usize, id: &str, only_failed: bool) {
        let Some(actions) = self.actions(pipeline, stage) else { return };
        let mut status = Status::Succeeded;
        let orders: std::collections::BTreeSet<u32> = actions.iter().map(|action| action.run_order).collect();
        for order in orders {
            let due = actions.iter().filter(|action| action.run_order == order);
            let due = due.filter(|action| !(only_failed && self.has_succeeded(pipeline, stage, &action.name)));
            let ran = join_all(due.map(|action| self.run_action(pipeline, stage, id, action))).await;
            if ran.contains(&false) {
                status = Status::Failed;
                break;
            }
        }
        let next = lock(&self.0.pipelines).get_mut(pipeline).map(|state| state.leave(stage, id, status)).unwrap_or_default();
        for (stage, id) in next {
            self.spawn(pipeline, stage, &id, false);
        }
        self.changed();
    }

    fn actions(&self, pipeline: &str, stage: usize) -> Option<Vec<Action>> {
        lock(&self.0.pipelines).get(pipeline)?.definition.stages.get(stage).map(|stage| stage.actions.clone())
    }

    fn has_succeeded(&self, pipeline: &str, stage: usize, action: &str) -> bool {
        let pipelines = lock(&self.0.pipelines);
        let state = pipelines.get(pipeline).and_then(|pipeline| pipeline.stages.get(stage)?.actions.get(action));
        state.is_some_and(|state| state.status == Status::Succeeded)
    }

    /// Runs an action to its end; whether it succeeded.
    async fn run_action(&self, pipeline: &str, stage: usize, id: &str, action: &Action) -> bool {
        let begun = ActionState {
            id: Uuid::new_v4().to_string(),
            status: Status::InProgress,
            summary: String::new(),
            external_id: String::new(),
            token: None,
            link: None,
        };
        self.note(pipeline, stage, &action.name, |state| *state = begun.clone(), Some(begun.clone()));
        let done = match self.at(pipeline, stage, id) {
            Some(at) => self.act(&at, action).await,
            None => return false,
        };
        let succeeded = done.is_ok();
        let (status, summary, external_id) = match done {
            Ok(done) => {
                let mut pipelines = lock(&self.0.pipelines);
                let execution = pipelines.get_mut(pipeline).and_then(|pipeline| pipeline.execution(id));
                if let (Some(execution), Some(namespace)) = (execution, &action.namespace) {
                    execution.variables.export(namespace, done.variables);
                }
                (Status::Succeeded, done.summary, done.external_id)
            }
            Err(error) => (Status::Failed, format!("{error:#}"), String::new()),
        };
        let over = |state: &mut ActionState| (state.status, state.summary, state.external_id) = (status, summary, external_id);
        self.note(pipeline, stage, &action.name, over, None);
        succeeded
    }

    fn note(&self, pipeline: &str, stage: usize, action: &str, change: impl FnOnce(&mut ActionState), new: Option<ActionState>) {
        if let Some(stage) = lock(&self.0.pipelines).get_mut(pipeline).and_then(|pipeline| pipeline.stages.get_mut(stage)) {
            if let Some(new) = new {
                stage.actions.insert(action.to_owned(), new);
            }
            if let Some(state) = stage.actions.get_mut(action) {
                change(state);
            }
        }
        self.changed();
    }
}

/// The environment of builds. Each has the name of its project's role as session token.
fn build_env(world: &World) -> HashMap<String, String> {
    let mut env = world.env_as("codebuild");
    // Nothing else flips here while a side is given away: builds need not wait 20 seconds for it.
    env.insert("SETTLE_SECONDS".to_owned(), "1".to_owned());
    env
}

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
mod run;
mod seen;
mod stacks;
mod starts;
mod state;

mod xml;

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, Weak};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;
use tokio::sync::{Mutex as AsyncMutex, watch};

pub use artifacts::{files, pack};
pub use definition::Definition;
pub use invoke::Invoked;
pub use seen::Asked;
pub use stacks::{Asked as StackAsked, Event, Stack, Stacks};
pub use state::Status;

use crate::gateway::{Gateway, lock};
use crate::jobs::Jobs;
use crate::lambda::Lambda;
use crate::pipeline::Execution as Variables;
use crate::world::World;
pub use aws::Account;
use state::{ActionState, Execution, Pipeline};

/// What CodePipeline makes of CloudFormation's "No updates are to be performed": said to be a success, and nobody knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoUpdates {
    /// The action succeeds.
    Succeed,
    /// The action fails with CloudFormation's error.
    Fail,
}

/// Why an execution begins, as ListPipelineExecutions says it: `triggerType` and `triggerDetail`.
pub(crate) type Trigger<'a> = (&'static str, &'a str);

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

    /// The account's API.
    pub fn account(&self) -> &Account {
        &self.0.account
    }

    fn changed(&self) {
        self.0.changed.send_modify(|count| *count += 1);
    }

    /// Starts an execution, as an operator.
    ///
    /// # Errors
    /// Where there is no such pipeline, or a variable that it does not have.
    pub fn start_execution(&self, pipeline: &str, given: &BTreeMap<String, String>) -> Result<String> {
        self.begin(pipeline, given, ("StartPipelineExecution", &self.arn_of("operators/operator")))
    }

    fn begin(&self, pipeline: &str, given: &BTreeMap<String, String>, trigger: Trigger<'_>) -> Result<String> {
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
            trigger: serde_json::json!({ "triggerType": trigger.0, "triggerDetail": trigger.1 }),
        };
        state.executions.push(execution);
        if state.enter(0, &id) {
            self.spawn(pipeline, 0, &id, false);
        }
        drop(pipelines);
        self.changed();
        Ok(id)
    }
}

/// The environment of builds. Each has the name of its project's role as session token.
fn build_env(world: &World) -> HashMap<String, String> {
    let mut env = world.env_as("codebuild");
    // Nothing else flips here while a side is given away: builds need not wait 20 seconds for it.
    env.insert("SETTLE_SECONDS".to_owned(), "1".to_owned());
    env
}

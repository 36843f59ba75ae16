//! CodePipeline, as far as a release needs it: executions, variables that flow from action to action, and the actions
//! themselves. Building runs the real deployer, deploying installs and updates the real templates, checking and flipping
//! are jobs of the real Lambda. Approving is left to whoever drives it.

mod build;
mod execution;
mod invoke;
mod past;
mod stack;

use std::time::Duration;

use anyhow::Result;
use tempfile::TempDir;

pub use build::Images;
pub use execution::Execution;
pub use invoke::{Action, CHECK, CHECK_BUILD, CHECK_ROLL_BACK, FLIP_BUILD, FLIP_CHECKED, Invoked, ROLL_BACK};
pub use past::{Over, PIPELINE, Past};
pub(crate) use past::{now, page};
pub use stack::{CLUSTER, LOAD_BALANCER, Side, Stack};

use crate::lambda::Lambda;
use crate::load_balancer::PortPolicy;
use crate::world::{World, WorldOptions};

/// The function's time-out, as its stack sets it.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(60);

/// A pipeline in an account of its own. It ends when it is dropped, with everything it started.
pub struct Pipeline {
    /// The account.
    pub world: World,
    /// The function that checks and flips.
    pub lambda: Lambda,
    /// What the first deployment made; nothing before it.
    stack: Option<Stack>,
    /// Where the build's file lies.
    folder: TempDir,
}

impl Pipeline {
    /// An empty account with a pipeline. `progress` is told what takes long.
    ///
    /// # Errors
    /// Where the account cannot be started, and where the function was not built.
    pub async fn start(ports: PortPolicy, progress: impl Fn(&str) + Send + 'static) -> Result<Self> {
        let options = WorldOptions { ports, progress: Box::new(progress) };
        let world = World::start(options).await?;
        let lambda = world.lambda(FUNCTION_TIMEOUT)?;
        Ok(Self { world, lambda, stack: None, folder: tempfile::tempdir()? })
    }

    /// What runs; nothing before the first deployment.
    pub fn stack(&self) -> Option<&Stack> {
        self.stack.as_ref()
    }

    /// Notes that a person approved what comes next in this execution.
    pub fn approve(&self, execution: &Execution, person: &str) {
        let by = format!("arn:aws:sts::{}:assumed-role/approvers/{person}", self.world.account());
        self.note(
            execution,
            Past::begins(),
            Over { category: "Approval", name: "Manual", status: "Succeeded", by: &by, ..Over::default() },
        );
    }

    fn note(&self, execution: &Execution, began: f64, over: Over<'_>) {
        self.world.jobs.past().note(self.world.account(), execution.id(), began, over);
    }

    /// The Deploy stage: the first time it makes the stack, later it updates what differs. Returns the sides that were
    /// rolled out.
    ///
    /// # Errors
    /// The API's, and tasks that do not become healthy.
    pub async fn deploy(&mut self, images: &Images) -> Result<Vec<Side>> {
        match &mut self.stack {
            Some(stack) => stack.update(images).await,
            none => {
                *none = Some(Stack::create(&self.world, images).await?);
                Ok(Side::BOTH.to_vec())
            }
        }
    }
}

//! Actions that invoke the Lambda: a job is made from the action's UserParameters, delivered to the real function as an
//! asynchronous event, and its output variables are exported.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use serde_json::json;

use super::{Execution, Over, Past, Pipeline};
use crate::gateway::Call;
use crate::jobs::JobState;
use crate::lambda::Invocation;
use crate::world::LAMBDA_ROLE;

/// An action that invokes the function, as a pipeline's definition holds it.
#[derive(Clone, Copy, Debug)]
pub struct Action {
    /// The namespace of its output variables.
    pub namespace: &'static str,
    /// The UserParameters, with variables to fill in.
    pub user_parameters: &'static str,
}

/// Says what a flip would do, after a build: the image of that build must be on the test side.
pub const CHECK_BUILD: Action = Action {
    namespace: "Check",
    user_parameters: concat!(
        r##"{"ElbName":"shop","Action":"check","PromoteImage":"#{Build.TAG}","##,
        r##""Execution":"#{codepipeline.PipelineExecutionId}"}"##
    ),
};

/// Makes the build of this execution production.
pub const FLIP_BUILD: Action = Action {
    namespace: "Flip",
    user_parameters: concat!(
        r##"{"ElbName":"shop","PromoteImage":"#{Build.TAG}","##,
        r##""Execution":"#{codepipeline.PipelineExecutionId}"}"##
    ),
};

/// Takes the flip of this execution back: what it sent to the test side becomes live again.
pub const ROLL_BACK: Action = Action {
    namespace: "Rollback",
    user_parameters: concat!(
        r##"{"ElbName":"shop","PromoteTo":"#{Flip.Test}","##,
        r##""Execution":"#{codepipeline.PipelineExecutionId}"}"##
    ),
};

/// Says what taking the flip of this execution back would do.
pub const CHECK_ROLL_BACK: Action = Action {
    namespace: "RollbackCheck",
    user_parameters: concat!(
        r##"{"ElbName":"shop","Action":"check","PromoteTo":"#{Flip.Test}","##,
        r##""Execution":"#{codepipeline.PipelineExecutionId}"}"##
    ),
};

/// Says what a flip would do, in an execution that builds nothing.
pub const CHECK: Action = Action {
    namespace: "Check",
    user_parameters: r##"{"ElbName":"shop","Action":"check","Execution":"#{codepipeline.PipelineExecutionId}"}"##,
};

/// Makes production what the check of this execution found on the test side.
pub const FLIP_CHECKED: Action = Action {
    namespace: "Flip",
    user_parameters: concat!(
        r##"{"ElbName":"shop","PromoteTo":"#{Check.Test}","PromoteImage":"#{Check.TestImage}","##,
        r##""Execution":"#{codepipeline.PipelineExecutionId}"}"##
    ),
};

/// An action that is over.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// The job as CodePipeline knows it.
    pub state: JobState,
    /// The deliveries of its event: more than one where the function died.
    pub deliveries: Vec<Invocation>,
    /// The AWS calls that the function made.
    pub calls: Vec<Call>,
    /// When the event was sent.
    pub began: Instant,
    /// When the last delivery was over.
    pub ended: Instant,
}

impl Invoked {
    /// The output variables of a job that succeeded.
    ///
    /// # Errors
    /// The failure's message, or that there was no answer.
    pub fn variables(&self) -> Result<&BTreeMap<String, String>> {
        match &self.state {
            JobState::Succeeded { output_variables, .. } => Ok(output_variables),
            JobState::Failed { r#type, message, .. } => anyhow::bail!("the job failed with {type}: {message}"),
            JobState::InProgress => {
                let outcomes: Vec<_> = self.deliveries.iter().map(|delivery| &delivery.outcome).collect();
                anyhow::bail!("the job has no result; its deliveries ended with {outcomes:?}")
            }
        }
    }

    /// How long the function worked, without the start of its process.
    pub fn worked(&self) -> Duration {
        self.deliveries.iter().map(|delivery| delivery.duration).sum()
    }

    /// How long its process took to start; none where it was warm.
    pub fn cold_start(&self) -> Option<Duration> {
        self.deliveries.iter().filter_map(|delivery| delivery.cold_start).reduce(|one, other| one + other)
    }
}

impl Pipeline {
    /// Runs an action to its end. What it exports is known to the execution from then on.
    ///
    /// # Errors
    /// Where a variable was exported by nobody, the parameters are too long, or the function cannot be started. A job that fails is no error here.
    pub async fn invoke(&self, execution: &mut Execution, action: &Action) -> Result<Invoked> {
        self.invoke_again_after(execution, action, async || {}).await
    }

    /// [`Pipeline::invoke`], with a wait before Lambda delivers the job's event again.
    ///
    /// # Errors
    /// Those of [`Pipeline::invoke`].
    pub async fn invoke_again_after(
        &self,
        execution: &mut Execution,
        action: &Action,
        wait: impl AsyncFnMut(),
    ) -> Result<Invoked> {
        let parameters = execution.resolve(action.user_parameters)?;
        let length = parameters.chars().count();
        ensure!((1..=1000).contains(&length), "UserParameters take 1 to 1,000 characters, not {length}: {parameters}");
        let job = self.world.jobs.create_job(&parameters);
        let event = self.world.jobs.event(&job).to_string();
        self.world.gateway.reset_calls();
        let (began, since) = (Instant::now(), Past::begins());
        let deliveries = self.lambda.deliver_again_after(event.as_bytes(), wait).await?;
        let ended = Instant::now();
        let state = self.world.jobs.state(&job).context("the job is gone")?;
        // Whoever looks at the account meanwhile makes calls too.
        let calls = self.world.gateway.calls().into_iter().filter(|call| call.caller.role == LAMBDA_ROLE).collect();
        let invoked = Invoked { state, deliveries, calls, began, ended };
        let (status, output) = match &invoked.state {
            JobState::Succeeded { output_variables, external_execution_id, summary, .. } => {
                let result = json!({ "externalExecutionId": external_execution_id, "externalExecutionSummary": summary });
                ("Succeeded", json!({ "executionResult": result, "outputVariables": output_variables }))
            }
            JobState::Failed { r#type, message, external_execution_id } => {
                let error = json!({ "code": r#type, "message": message });
                ("Failed", json!({ "executionResult": { "externalExecutionId": external_execution_id, "errorDetails": error } }))
            }
            JobState::InProgress => ("InProgress", json!({})),
        };
        let configuration = json!({ "FunctionName": "blue-green-flip", "UserParameters": parameters });
        self.note(execution, since, Over { category: "Invoke", name: "Lambda", status, by: "", configuration, output });
        if let Ok(variables) = invoked.variables() {
            execution.export(action.namespace, variables.clone());
        }
        Ok(invoked)
    }
}

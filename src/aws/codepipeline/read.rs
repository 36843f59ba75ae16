//! Executions and their actions, the newest first.

use serde_json::{Value, json};

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;
use crate::aws::json::{CODEPIPELINE, Json};
use crate::history::pipeline::{Action, Execution};

/// The largest page of either list (API reference).
const PAGE: usize = 100;

/// Reads CodePipeline.
#[derive(Clone, Debug)]
pub struct Reader {
    json: Json,
    caller: Caller,
}

impl Reader {
    /// A reader, until the caller's deadline.
    #[must_use]
    pub fn new(json: Json, caller: Caller) -> Self {
        Self { json, caller }
    }

    /// The actions of a pipeline, at least the last `most`.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn actions(&self, pipeline: &str, most: usize) -> Result<Vec<Action>, AwsFailure> {
        let action = "codepipeline:ListActionExecutions";
        let list = self.all(action, pipeline, "actionExecutionDetails", most).await?;
        let read = list.iter().map(Action::read).collect::<Option<_>>();
        read.ok_or_else(|| AwsFailure::incomplete(action, pipeline, "execution, category or status of an action"))
    }

    /// The executions of a pipeline, at least the last `most`.
    ///
    /// # Errors
    /// An [`AwsFailure`].
    pub async fn executions(&self, pipeline: &str, most: usize) -> Result<Vec<Execution>, AwsFailure> {
        let action = "codepipeline:ListPipelineExecutions";
        let list = self.all(action, pipeline, "pipelineExecutionSummaries", most).await?;
        let read = list.iter().map(Execution::read).collect::<Option<_>>();
        read.ok_or_else(|| AwsFailure::incomplete(action, pipeline, "id of an execution"))
    }

    async fn all(&self, action: &'static str, pipeline: &str, list: &str, most: usize) -> Result<Vec<Value>, AwsFailure> {
        let mut parameters = json!({ "pipelineName": pipeline, "maxResults": PAGE });
        let mut all = Vec::new();
        loop {
            let mut answer = self.json.call(&self.caller, &CODEPIPELINE, action, pipeline, &parameters).await?;
            let items = answer[list].as_array_mut().ok_or_else(|| AwsFailure::incomplete(action, pipeline, list))?;
            all.append(items);
            match answer["nextToken"].as_str().filter(|token| !token.is_empty() && all.len() < most) {
                Some(token) => parameters["nextToken"] = token.into(),
                None => return Ok(all),
            }
        }
    }
}

//! Actions and calls that invoke the function.

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use serde_json::Value;

use super::CodePipeline;
use super::actions::{At, Done};
use super::definition::Action;
use crate::gateway::lock;
use crate::jobs::JobState;
use crate::lambda::{Invocation, Outcome};

/// A job that the function was given.
#[derive(Clone, Debug)]
pub struct Invoked {
    /// The action.
    pub action: String,
    /// What it was given.
    pub user_parameters: String,
    /// The event, as it may be delivered again.
    pub event: Value,
    /// How CodePipeline knows it.
    pub state: JobState,
    /// The deliveries of its event.
    pub deliveries: Vec<Invocation>,
}

impl CodePipeline {
    pub(super) async fn call_function(&self, at: &At, action: &Action) -> Result<Done> {
        let parameters = at.configured(action, "UserParameters")?.unwrap_or_default();
        let job = self.0.jobs.create_job(&parameters);
        let event = self.0.jobs.event(&job);
        let _busy = self.0.busy.lock().await;
        let deliveries = self.0.lambda.deliver(event.to_string().as_bytes()).await?;
        let state = self.0.jobs.state(&job).context("the job is gone")?;
        lock(&self.0.invoked).push(Invoked {
            action: action.name.clone(),
            user_parameters: parameters,
            event,
            state: state.clone(),
            deliveries: deliveries.clone(),
        });
        match state {
            JobState::Succeeded { output_variables, summary, external_execution_id, continuation_token: None, .. } => Ok(Done {
                variables: output_variables,
                summary: summary.unwrap_or_default(),
                external_id: external_execution_id.unwrap_or_default(),
            }),
            JobState::Succeeded { .. } => bail!("a continuation token is not known here"),
            JobState::Failed { r#type, message, .. } => bail!("{type}: {message}"),
            JobState::InProgress => {
                let outcomes: Vec<&Outcome> = deliveries.iter().map(|delivery| &delivery.outcome).collect();
                bail!("the action did not complete in time: its deliveries ended with {outcomes:?}")
            }
        }
    }

    /// A synchronous invocation. None where the function is busy: its reserved concurrency is 1.
    ///
    /// # Errors
    /// Where the process cannot be started.
    pub async fn invoke_directly(&self, payload: &Bytes) -> Result<Option<Invocation>> {
        let Ok(_busy) = self.0.busy.try_lock() else { return Ok(None) };
        self.0.lambda.invoke(payload).await.map(Some)
    }

    /// Keeps the function busy until the answer is dropped.
    pub async fn occupy(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.busy.lock().await
    }
}

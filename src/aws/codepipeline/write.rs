//! Answers a CodePipeline job.

use std::collections::BTreeMap;

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{ExecutionDetails, FailureDetails, FailureType};

use crate::aws::call::Caller;
use crate::aws::failure::AwsFailure;
use crate::aws::nothing::nothing;

/// The job that is answered.
#[derive(Clone, Copy, Debug)]
pub struct Job<'a> {
    /// The client of the job's Region.
    pub client: &'a Client,
    /// How the call is tried.
    pub caller: &'a Caller,
    /// The job's id.
    pub id: &'a str,
    /// The external execution id that CodePipeline shows; empty for none.
    pub execution: &'a str,
}

/// Opens the connection that an answer uses: the client keeps it.
pub async fn open(client: &Client) {
    // Any operation will do: it is not asked for. Whatever comes back is an answer.
    let _ = client.put_job_success_result().job_id("none").customize().mutate_request(nothing).send().await;
}

impl Job<'_> {
    /// Answers that the job succeeded, with a summary (at most 2,048 characters) and output variables.
    ///
    /// # Errors
    /// An [`AwsFailure`] where the answer could not be delivered.
    pub async fn succeeded(&self, summary: &str, variables: &BTreeMap<&str, String>) -> Result<(), AwsFailure> {
        let details =
            ExecutionDetails::builder().summary(summary).external_execution_id(self.execution).percent_complete(100).build();
        let call = || {
            let mut request = self.client.put_job_success_result().job_id(self.id).execution_details(details.clone());
            for (name, value) in variables {
                request = request.output_variables(*name, value);
            }
            request.send()
        };
        unless_ended(self.caller.call("codepipeline:PutJobSuccessResult", self.id, call).await.map(drop))
    }

    /// Answers that the job failed, with a message (at most 5,000 characters).
    ///
    /// # Errors
    /// An [`AwsFailure`] where the answer could not be delivered.
    pub async fn failed(&self, kind: FailureType, message: &str) -> Result<(), AwsFailure> {
        let details = FailureDetails::builder()
            .r#type(kind)
            .message(message)
            .set_external_execution_id((!self.execution.is_empty()).then(|| self.execution.to_owned()))
            .build()
            .map_err(|_| AwsFailure::incomplete("codepipeline:PutJobFailureResult", self.id, "type or message"))?;
        let call = || self.client.put_job_failure_result().job_id(self.id).failure_details(details.clone()).send();
        unless_ended(self.caller.call("codepipeline:PutJobFailureResult", self.id, call).await.map(drop))
    }
}

/// A job that is already over counts as answered: an earlier delivery did it. Which of the two codes AWS uses for that
/// is not documented, so both are taken.
fn unless_ended(sent: Result<(), AwsFailure>) -> Result<(), AwsFailure> {
    match sent {
        Err(error) if matches!(error.code.as_deref(), Some("InvalidJobStateException" | "JobNotFoundException")) => {
            tracing::warn!(
                code = error.code.as_deref(),
                "the job was over: an earlier delivery answered it, or CodePipeline gave it up"
            );
            Ok(())
        }
        sent => sent,
    }
}

//! The answer to a CodePipeline job.

use aws_sdk_codepipeline::Client;
use aws_sdk_codepipeline::types::{ExecutionDetails, FailureDetails};
use blue_green::aws::call::Caller;
use blue_green::aws::failure::AwsFailure;
use blue_green::report::{MESSAGE_LIMIT, Report, clip};

use crate::failure::Failure;

/// Answers a job. A job that is already over counts as answered: an earlier delivery did it. Which of the two codes
/// AWS uses for that is not documented, so both are taken.
///
/// # Errors
/// An [`AwsFailure`] where the answer could not be delivered; then the invocation must fail, so that Lambda delivers
/// the event again.
pub async fn answer(
    client: &Client,
    caller: &Caller,
    job: &str,
    flip: &str,
    result: &Result<Report, Failure>,
) -> Result<(), AwsFailure> {
    let sent = match result {
        Ok(report) => succeed(client, caller, job, flip, report).await,
        Err(failure) => fail(client, caller, job, flip, failure).await,
    };
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

async fn succeed(client: &Client, caller: &Caller, job: &str, flip: &str, report: &Report) -> Result<(), AwsFailure> {
    let details = ExecutionDetails::builder().summary(&report.summary).external_execution_id(flip).percent_complete(100).build();
    let call = || {
        let mut request = client.put_job_success_result().job_id(job).execution_details(details.clone());
        for (name, value) in report.variables() {
            request = request.output_variables(name, value);
        }
        request.send()
    };
    caller.call("codepipeline:PutJobSuccessResult", job, call).await.map(drop)
}

async fn fail(client: &Client, caller: &Caller, job: &str, flip: &str, failure: &Failure) -> Result<(), AwsFailure> {
    let details = FailureDetails::builder()
        .r#type(failure.kind())
        .message(clip(&failure.to_string(), MESSAGE_LIMIT))
        .set_external_execution_id((!flip.is_empty()).then(|| flip.to_owned()))
        .build()
        .map_err(|_| AwsFailure::incomplete("codepipeline:PutJobFailureResult", job, "type or message"))?;
    let call = || client.put_job_failure_result().job_id(job).failure_details(details.clone()).send();
    caller.call("codepipeline:PutJobFailureResult", job, call).await.map(drop)
}

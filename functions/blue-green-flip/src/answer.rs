//! The answer to a CodePipeline job, from what the flip ended with.

use blue_green::aws::codepipeline::write::Job;
use blue_green::aws::failure::AwsFailure;
use blue_green::report::{MESSAGE_LIMIT, Report, clip};

use crate::failure::Failure;

/// Answers a job.
///
/// # Errors
/// An [`AwsFailure`] where the answer could not be delivered; then the invocation must fail, so that Lambda delivers
/// the event again.
pub async fn answer(job: Job<'_>, result: &Result<Report, Failure>) -> Result<(), AwsFailure> {
    match result {
        Ok(report) => job.succeeded(&report.summary, &report.variables()).await,
        Err(failure) => job.failed(failure.kind(), &clip(&failure.to_string(), MESSAGE_LIMIT)).await,
    }
}

//! CodePipeline: what it keeps of a pipeline's past, the approvals that wait, and the answer to a job.

pub mod approvals;
pub mod read;
#[cfg(feature = "codepipeline")]
pub mod write;

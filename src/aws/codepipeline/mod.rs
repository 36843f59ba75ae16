//! CodePipeline: the answer to a job, and the approvals that wait.

pub mod approvals;
#[cfg(feature = "codepipeline")]
pub mod write;

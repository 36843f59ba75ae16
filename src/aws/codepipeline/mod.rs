//! CodePipeline: what it keeps of a pipeline's past, and the answer to a job.

pub mod read;
#[cfg(feature = "codepipeline")]
pub mod write;

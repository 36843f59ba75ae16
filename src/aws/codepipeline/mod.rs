//! CodePipeline: the answer to a job.

pub mod write;

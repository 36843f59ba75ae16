//! Who released what when, how long it was live, and who took it back: flips and rolling updates as one list, from what AWS
//! still knows of them. It decides nothing.
//!
//! - a pipeline's executions and actions (CodePipeline keeps 12 months): flips, and who approved them
//! - the records on target groups: the last flips, those of direct calls among them
//! - ECS's service deployments (90 days), and who registered their task definitions

pub mod flips;
pub mod pipeline;
pub mod release;
pub mod rolls;
pub mod sequence;
mod words;

pub use words::span;

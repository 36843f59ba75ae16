//! The local AWS: everything the tests and the demo need to run the real binaries on a machine without an AWS account.
//!
//! [`world::World`] is the front door. Behind it: [`ministack`] is the AWS API, [`gateway`] stands in front of it and is the
//! only endpoint the product sees, [`load_balancer`] serves real HTTP by what the API holds, [`ecs`] rolls services out,
//! [`lambda`] runs the real function binary, [`load`] is the clients, and [`jobs`] plays CodePipeline's side of a job. [`pipeline`]
//! runs a release through all of them, and [`demo`] tells it to a person.

pub mod app;
pub mod codepipeline;
mod connections;
pub mod demo;
pub mod ecs;
pub mod gateway;
pub mod installation;
pub mod jobs;
pub mod lambda;
pub mod load;
pub mod load_balancer;
pub mod ministack;
pub mod pipeline;
pub mod soak;
pub mod world;

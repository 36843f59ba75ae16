//! `roll`: rolling updates of ECS services. One file a verb; this file is wiring.

mod apply;
pub mod args;
mod back;
mod commands;
mod deploy;
mod doctor;
mod exec;
pub mod failure;
mod follow;
mod outcome;
mod plan;
mod prepare;
mod pull;
mod release;
mod render;
mod run;
mod scale;
mod show;
mod status;
mod wait;

use std::time::Duration;

use self::args::{RollArgs, RollVerb};
use crate::exit::Exit;
use crate::failure::Failure;

/// How long one AWS call is tried.
const CALLS: Duration = Duration::from_secs(60);

pub async fn run(args: &RollArgs) -> Result<Exit, Failure> {
    match &args.verb {
        RollVerb::Pull(args) => pull::run(args).await,
        RollVerb::Render(args) => render::run(args),
        RollVerb::Plan(args) => plan::run(args).await,
        RollVerb::Deploy(args) => deploy::run(args).await,
        RollVerb::Release(args) => release::run(args).await,
        RollVerb::Wait(args) => wait::run(args).await,
        RollVerb::Status(args) => status::run(args).await,
        RollVerb::Back(args) => back::run(args).await,
        RollVerb::Scale(args) => scale::run(args).await,
        RollVerb::Run(args) => run::run(args).await,
        RollVerb::Exec(args) => exec::run(args).await,
        RollVerb::Doctor(args) => doctor::run(args).await,
    }
}

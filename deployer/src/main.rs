//! The deployer: the build step's build.json, and what a person wants to know before and after a flip.
//!
//! This file is wiring: arguments, the verb, the exit code.

#![expect(clippy::result_large_err, reason = "an error is made once in a run, and ends it")]

mod approval;
mod args;
mod build_json;
mod close_flip;
mod codes;
mod doctor;
mod exit;
mod fence;
mod hold;
mod interrupts;
mod mend;
mod options;
mod output;
mod plan;
mod progress;
mod refused;
mod replace;
mod security_groups;
mod session;
mod sides;
mod stacks;
mod status;
mod unfence;

use std::process::ExitCode;

use approval::Decision;
use args::{Asked, Verb};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asked = args::read();
    output::log();
    let done = match &asked {
        Asked::Build(args) => build_json::run(args).await,
        Asked::Verb(Verb::Status(args)) => status::run(args).await,
        Asked::Verb(Verb::Plan(args)) => plan::run(args).await,
        Asked::Verb(Verb::Doctor(args)) => doctor::run(args).await,
        Asked::Verb(Verb::Unfence(args)) => unfence::run(args).await,
        Asked::Verb(Verb::Approve(args)) => approval::run(args, Decision::Approve).await,
        Asked::Verb(Verb::Reject(args)) => approval::run(args, Decision::Reject).await,
        Asked::Verb(Verb::CloseFlip(args)) => close_flip::run(args).await,
    };
    let exit = done.unwrap_or_else(|failure| {
        output::error(&failure.to_string());
        failure.exit()
    });
    exit.into()
}

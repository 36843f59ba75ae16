//! The deployer: the build step's build.json, and what a person wants to know before and after a flip.
//!
//! This file is wiring: arguments, the verb, the exit code.

#![expect(clippy::result_large_err, reason = "an error is made once in a run, and ends it")]

mod args;
mod exit;
mod failure;
mod fence;
mod fix;
mod help;
mod interrupts;
mod output;
mod progress;
mod refused;
mod session;
mod verbs;

use std::process::ExitCode;

use args::{Asked, Verb};
use verbs::approval::{self, Decision};
use verbs::{build, close_flip, completions, doctor, history, init, notify, plan, roll, status, unfence};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let asked = args::read();
    output::log();
    let done = match &asked {
        Asked::Build(args) => build::run(args).await,
        Asked::Verb(Verb::Status(args)) => status::run(args).await,
        Asked::Verb(Verb::History(args)) => history::run(args).await,
        Asked::Verb(Verb::Plan(args)) => plan::run(args).await,
        Asked::Verb(Verb::Doctor(args)) => doctor::run(args).await,
        Asked::Verb(Verb::Unfence(args)) => unfence::run(args).await,
        Asked::Verb(Verb::Approve(args)) => approval::run(args, Decision::Approve).await,
        Asked::Verb(Verb::Reject(args)) => approval::run(args, Decision::Reject).await,
        Asked::Verb(Verb::CloseFlip(args)) => close_flip::run(args).await,
        Asked::Verb(Verb::Roll(args)) => roll::run(args).await,
        Asked::Verb(Verb::Notify(args)) => notify::run(args).await,
        Asked::Verb(Verb::Init(args)) => init::run(args),
        Asked::Verb(Verb::Completions(args)) => completions::run(args),
    };
    let exit = done.unwrap_or_else(|failure| {
        output::error(&failure.to_string());
        failure.exit()
    });
    exit.into()
}

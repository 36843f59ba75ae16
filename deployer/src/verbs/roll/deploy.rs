//! `roll deploy`: register, update, wait, judge, undo.

use std::time::Instant;

use blue_green::roll::plan::{plan, preview};

use super::apply::{Before, Roll};
use super::args::DeployArgs;
use super::failure::RollFailure;
use super::outcome::Outcome;
use super::plan::table;
use super::prepare::prepare;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

pub async fn run(args: &DeployArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let (cluster, service) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let mut interrupts = Interrupts::listen()?;
    let (asked, seen) = interrupts.unless(prepare(&session, (&cluster, &service), &args.source, args.force)).await?;
    let decided = plan(&asked, &seen).map_err(RollFailure::from)?;
    let shown = preview(&decided, &asked, &seen);
    output::step(&table(&shown));
    shown.warnings.iter().for_each(|warning| output::warn(warning));
    let before = Before::read(&session, &seen.service, seen.records.as_deref()).await?;
    let mut outcome = Outcome::of(shown.service, shown.from, shown.to, shown.images);
    let on_failure = args.waiting.on_failure;
    let roll =
        Roll { session: &session, cluster: &cluster, service: &service, timeout: args.waiting.timeout, on_failure, before };
    let done = roll.make(decided, &mut outcome, &mut interrupts).await;
    outcome.end(&done, began.elapsed());
    outcome.write(&args.waiting.results)?;
    let exit = done?;
    let Outcome { service, to, seconds, .. } = &outcome;
    let said = match outcome.outcome {
        "nothing" => format!("{service} runs {to} already; nothing to do\n"),
        _ => format!("{service} runs {to}, {seconds} s after it was asked for\n"),
    };
    output::print(&said)?;
    Ok(exit)
}

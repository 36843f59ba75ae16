//! `roll wait`: goes on waiting for a deployment. That nothing rolls is never a success.

use std::time::Instant;

use blue_green::roll::seen::short;

use super::apply::{Before, Roll, primary};
use super::args::WaitArgs;
use super::commands::show;
use super::failure::RollFailure;
use super::outcome::Outcome;
use super::prepare::service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

/// What a service deployment that is under way can be.
const UNDER_WAY: [&str; 5] = ["PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"];

pub async fn run(args: &WaitArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let (cluster, name) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let mut interrupts = Interrupts::listen()?;
    let seen = service(&session, &cluster, &name).await?;
    let records = session.services().records(&seen).await?;
    let newest = records.as_ref().and_then(|records| records.first());
    let under_way = match newest {
        Some(record) if UNDER_WAY.contains(&record.status.as_str()) => Some(format!("ecs-svc/{}", short(&record.target))),
        Some(_) => None,
        None => seen.deployments.iter().find(|d| d.status == "PRIMARY" && d.rollout == "IN_PROGRESS").map(|d| d.id.clone()),
    };
    let Some(id) = args.deployment.clone().or(under_way) else {
        let last = newest.map_or_else(String::new, |record| format!(" The last deployment ended {}.", record.status));
        let message =
            format!("nothing rolls in {cluster}/{name}, so there is nothing to wait for.{last} See {}", show(&cluster, &name));
        return Err(RollFailure::Refused(message).into());
    };
    let before = Before::read(&session, &seen, records.as_deref()).await?;
    let to = seen.deployments.iter().find(|d| d.id == id).map_or(&seen.definition, |d| &d.definition);
    let mut outcome = Outcome::of(format!("{cluster}/{name}"), String::new(), short(to).to_owned(), Vec::new());
    outcome.deployment.clone_from(&id);
    let on_failure = args.waiting.on_failure;
    let roll = Roll { session: &session, cluster: &cluster, service: &name, timeout: args.waiting.timeout, on_failure, before };
    let waited = interrupts.unless(async { Ok::<_, Failure>(roll.wait(&id, id != primary(&seen)).await) }).await;
    let done = match waited {
        Ok(done) => done,
        Err(Failure::Interrupted) => Err(roll.left(Some(&id))),
        Err(failure) => Err(failure),
    };
    outcome.end(&done, began.elapsed());
    outcome.write(&args.waiting.results)?;
    let exit = done?;
    output::print(&format_args!("{cluster}/{name}: {id} was successful\n"))?;
    Ok(exit)
}

//! `roll scale`: sets the number of tasks, and waits for them.

use std::time::{Duration, Instant};

use blue_green::aws::scaling::bounds;

use super::args::ScaleArgs;
use super::commands::show;
use super::failure::RollFailure;
use super::prepare::service;
use super::show::Show;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

const PAUSE: Duration = Duration::from_secs(1);

pub async fn run(args: &ScaleArgs) -> Result<Exit, Failure> {
    let (cluster, name) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let mut interrupts = Interrupts::listen()?;
    let seen = service(&session, &cluster, &name).await?;
    if seen.status != "ACTIVE" {
        return Err(RollFailure::Refused(format!("service {cluster}/{name} is {}, expected ACTIVE", seen.status)).into());
    }
    if let Some((least, most)) = bounds(&session.json(), &session.caller_for(super::CALLS), &cluster, &name).await? {
        if !(least..=most).contains(&args.to) {
            return Err(RollFailure::Refused(format!(
                "{cluster}/{name} is scaled by Application Auto Scaling between {least} and {most} tasks, which would set {} back; choose a number between them, or change the bounds",
                args.to
            ))
            .into());
        }
        output::warn(&format!("Application Auto Scaling may set another number between {least} and {most} at any time"));
    }
    if seen.desired != args.to {
        session.roller().scale(&cluster, &name, args.to).await?;
    }
    let until = Instant::now() + args.timeout;
    let waited = interrupts.unless(reached(&session, (&cluster, &name), args, until)).await;
    match waited {
        Ok(()) => {
            output::print(&format_args!("{cluster}/{name} runs {} tasks\n", args.to))?;
            Ok(Exit::Done)
        }
        Err(Failure::Interrupted) => {
            let see = show(&cluster, &name);
            Err(RollFailure::Left { service: format!("{cluster}/{name}"), go_on: see.clone(), undo: see }.into())
        }
        Err(failure) => Err(failure),
    }
}

/// Waits until as many tasks run as there are to be, all of one deployment.
async fn reached(session: &Session, (cluster, name): (&str, &str), args: &ScaleArgs, until: Instant) -> Result<(), Failure> {
    let mut show: Option<Show> = None;
    loop {
        let seen = session.services().service(cluster, name).await?;
        let show = show.get_or_insert_with(|| Show::begin(&seen));
        let primary = super::apply::primary(&seen);
        show.look(&seen, &primary, "scaling");
        if seen.desired != args.to {
            show.end();
            let message = format!("{cluster}/{name}: somebody set the number of tasks to {} meanwhile", seen.desired);
            return Err(RollFailure::Mixed {
                service: format!("{cluster}/{name}"),
                reason: message,
                evidence: String::new(),
                next: super::commands::show(cluster, name),
            }
            .into());
        }
        if seen.running == args.to && seen.pending == 0 && seen.deployments.len() <= 1 {
            show.end();
            return Ok(());
        }
        if Instant::now() >= until {
            show.end();
            let see = super::commands::show(cluster, name);
            let service = format!("{cluster}/{name}");
            return Err(RollFailure::Rolling { service, seconds: args.timeout.as_secs(), go_on: see.clone(), undo: see }.into());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

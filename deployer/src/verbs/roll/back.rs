//! `roll back`: to the last deployment that succeeded before the present one, or to a revision.

use std::time::Instant;

use blue_green::aws::failure::AwsFailure;
use blue_green::roll::plan::{Plan, Target};
use blue_green::roll::seen::{Record, Revision, Service, short};

use super::apply::{Before, Roll};
use super::args::BackArgs;
use super::failure::RollFailure;
use super::outcome::Outcome;
use super::prepare::service;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

/// How many service revisions one call describes.
const REVISIONS: usize = 20;

pub async fn run(args: &BackArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let (cluster, name) = args.place.names()?;
    let session = Session::open(super::CALLS).await?;
    let mut interrupts = Interrupts::listen()?;
    let seen = service(&session, &cluster, &name).await?;
    let records = session.services().records(&seen).await?;
    let before = Before::read(&session, &seen, records.as_deref()).await?;
    let (timeout, on_failure) = (args.waiting.timeout, args.waiting.on_failure);
    let roll = Roll { session: &session, cluster: &cluster, service: &name, timeout, on_failure, before };
    let mut outcome = Outcome::of(roll.name(), short(&seen.definition).to_owned(), String::new(), Vec::new());
    let under_way =
        records.as_ref().and_then(|records| records.first()).filter(|r| r.status == "IN_PROGRESS" || r.status == "PENDING");
    let done = match (under_way, &args.to) {
        (Some(record), None) => stop(&roll, record, &mut outcome, &mut interrupts).await,
        _ => {
            let to = target(&session, &seen, records.as_deref(), args.to.as_deref()).await?;
            let arn = roll.again(&to).await?;
            output::step(&format!("{}: {} → {}", roll.name(), short(&seen.definition), short(&arn)));
            let force = arn == seen.definition;
            roll.make(Plan::Roll { target: Target::Existing(arn), force, replaces: None }, &mut outcome, &mut interrupts).await
        }
    };
    outcome.end(&done, began.elapsed());
    outcome.write(&args.waiting.results)?;
    let exit = done?;
    output::print(&format_args!("{} runs {} again\n", outcome.service, outcome.to))?;
    Ok(exit)
}

/// Takes back what is under way.
async fn stop(roll: &Roll<'_>, record: &Record, outcome: &mut Outcome, interrupts: &mut Interrupts) -> Result<Exit, Failure> {
    let id = format!("ecs-svc/{}", short(&record.target));
    outcome.deployment.clone_from(&id);
    output::step(&format!("{}: {id} is under way; taking it back", roll.name()));
    let taken = interrupts.unless(async { Ok::<_, Failure>(roll.take_back(&id, Some(record)).await) }).await;
    match taken {
        Ok(Ok(())) => {
            let now = roll.session.services().service(roll.cluster, roll.service).await?;
            short(&now.definition).clone_into(&mut outcome.to);
            Ok(Exit::Done)
        }
        Ok(Err(why)) => Err(roll.mixed(format!("{id} was not taken back: {why}"), String::new())),
        Err(Failure::Interrupted) => Err(roll.left(Some(&id))),
        Err(failure) => Err(failure),
    }
}

/// What to go back to. Never "revision − 1": that one may never have run.
async fn target(session: &Session, seen: &Service, records: Option<&[Record]>, to: Option<&str>) -> Result<Revision, Failure> {
    let refused = |message: String| Failure::Roll(RollFailure::Refused(message));
    let revisions = successful(session, records.unwrap_or_default()).await?;
    if let Some(to) = to {
        let definition = session.services().definition(to).await?;
        // With the digests that it ran with, where it ran.
        let ran = revisions.into_iter().find(|revision| revision.definition == definition.arn);
        return Ok(ran.unwrap_or(Revision { definition: definition.arn, ..Revision::default() }));
    }
    if records.is_none() {
        return Err(refused("service deployments may not be read, so what succeeded before is not known; allow ecs:ListServiceDeployments, or name a revision with --to".to_owned()));
    }
    let present = revisions.iter().position(|revision| revision.definition == seen.definition);
    let older = &revisions[present.map_or(0, |present| present + 1)..];
    let now = present.map(|present| &revisions[present]);
    let differs =
        |revision: &&Revision| now.is_none_or(|now| (&revision.definition, &revision.digests) != (&now.definition, &now.digests));
    older.iter().find(differs).cloned().ok_or_else(|| {
        refused(format!(
            "no deployment of {}/{} that succeeded before {} is known (ECS keeps them for 90 days); name a revision with --to",
            seen.cluster,
            seen.name,
            short(&seen.definition)
        ))
    })
}

/// What the successful deployments brought, the newest first.
async fn successful(session: &Session, records: &[Record]) -> Result<Vec<Revision>, AwsFailure> {
    let good: Vec<String> =
        records.iter().filter(|record| record.status == "SUCCESSFUL").map(|record| record.target.clone()).collect();
    let mut revisions = Vec::new();
    for arns in good.chunks(REVISIONS) {
        let found = session.services().revisions(arns).await?;
        // In the order asked, whatever ECS's is.
        revisions.extend(arns.iter().filter_map(|arn| found.iter().find(|revision| revision.arn == *arn).cloned()));
    }
    Ok(revisions)
}

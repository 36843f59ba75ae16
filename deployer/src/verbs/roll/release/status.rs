//! `roll status --release`: where a release is.

use blue_green::roll::release::journal::{End, Kind};
use blue_green::roll::release::place::Place;

use super::file;
use super::observe::observe;
use super::report::{Report, Row};
use super::steer::Steering;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;
use crate::verbs::roll::args::StatusArgs;
use crate::verbs::roll::failure::RollFailure;

/// Shows where a release is.
///
/// # Errors
/// A file that cannot be read, a release that is not known, or a call that failed.
pub async fn run(args: &StatusArgs, id: &str) -> Result<Exit, Failure> {
    let release = file::read(&args.file, None)?;
    let session = Session::open(crate::verbs::roll::CALLS).await?;
    let seen = observe(&session, &release, &release.rules.names, id).await?;
    if seen.iter().all(|observed| observed.own.is_none()) {
        let message = format!("release {id} has registered nothing for the members of {}", args.file.display());
        return Err(RollFailure::Refused(message).into());
    }
    let ended = seen.iter().find_map(|observed| observed.own.as_ref()?.1.ended);
    let mut steering = Steering::new(&session, &release.cluster, &seen, std::time::Instant::now());
    steering.look().await?;
    let mut report = Report::of(id, &release.cluster);
    report.members = steering.members.iter().map(Row::of).collect();
    report.members.extend(seen.iter().filter(|observed| observed.member.kind == Kind::Task).map(Row::of_task));
    let places: Vec<&Place> = steering.members.iter().map(|member| &member.place).collect();
    report.outcome = outcome(ended, &places);
    if args.json {
        output::json(&report)?;
        return Ok(Exit::Done);
    }
    output::print(&format_args!("release {id}: {}\n{}\n", report.outcome, report.table()))?;
    Ok(Exit::Done)
}

fn outcome(ended: Option<End>, places: &[&Place]) -> &'static str {
    let all = |wanted: fn(&Place) -> bool| places.iter().all(|place| wanted(place));
    match ended {
        Some(End::Done) => "released",
        Some(End::Undone) => "undone",
        Some(End::TaskFailed) => "a task failed",
        None if all(|place| *place == Place::Old) => "registered, nothing changed yet",
        None if all(|place| *place == Place::New) => "all is new, and it has not ended",
        None if all(|place| matches!(place, Place::Old | Place::Rolling | Place::New)) => "rolling",
        None => "going back, or failed",
    }
}

//! `roll release`: several services as one release, all new or all as before.

mod begin;
mod file;
mod member;
mod observe;
mod report;
pub mod status;
mod steer;
mod tasks;

use std::time::Instant;

use blue_green::roll::release::course::{Course, course};
use blue_green::roll::release::journal::{End, Kind};
use blue_green::roll::release::parts::chosen;
use blue_green::roll::release::place::Place;

use self::begin::{end, prepare, refused, register, warn_of_loose_schedules};
use self::file::{Member, Release};
use self::observe::{Observed, observe};
use self::report::{Report, Row};
use self::steer::{Ended, Steering};
use super::args::ReleaseArgs;
use super::failure::RollFailure;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::interrupts::Interrupts;
use crate::output;
use crate::session::Session;

pub async fn run(args: &ReleaseArgs) -> Result<Exit, Failure> {
    let began = Instant::now();
    let release = file::read(&args.file, Some(&args.set))?;
    let names = chosen(&release.rules, &args.only).map_err(|half| RollFailure::Refused(half.to_string()))?;
    let session = Session::open(super::CALLS).await?;
    let mut interrupts = Interrupts::listen()?;
    let mut report = Report::of(&args.release, &release.cluster);
    let making = Making { args, release: &release, names: &names, session: &session };
    let mut begun = false;
    let done = interrupts.unless(making.make(&mut report, &mut begun)).await;
    let done = match done {
        Err(Failure::Interrupted) if begun => Err(RollFailure::ReleaseLeft { release: args.release.clone() }.into()),
        done => done,
    };
    if args.undo && done.is_ok() {
        report.outcome = "undone";
    }
    report.end(&done, began.elapsed());
    report.write(&args.results)?;
    if !report.members.is_empty() {
        output::print(&format_args!("{}\n", report.table()))?;
    }
    let exit = done?;
    let Report { outcome, seconds, .. } = &report;
    let said = match *outcome {
        "nothing" => format!("release {}: nothing to do\n", args.release),
        "undone" => format!("release {} is undone: everything is as before\n", args.release),
        "planned" => format!("release {} would do this; nothing was written\n", args.release),
        _ => format!("release {} is made, {seconds} s after it was asked for\n", args.release),
    };
    output::print(&said)?;
    Ok(exit)
}

/// One invocation.
struct Making<'a> {
    args: &'a ReleaseArgs,
    release: &'a Release,
    names: &'a [String],
    session: &'a Session,
}

impl Making<'_> {
    async fn make(&self, report: &mut Report, begun: &mut bool) -> Result<Exit, Failure> {
        let Self { args, release, session, .. } = self;
        let seen = observe(session, release, self.names, &args.release).await?;
        let members: Vec<_> = seen.iter().map(|observed| observed.for_course(&args.release)).collect();
        let given_up = args.give_up.as_deref();
        let seen = match course(&args.release, &members, args.undo, given_up).map_err(|why| refused(&why))? {
            Course::Made => {
                self.close_rest(&seen).await?;
                report.outcome = "nothing";
                return Ok(Exit::Done);
            }
            Course::GoOn => {
                output::step(&format!("release {} goes on from where it is", args.release));
                seen
            }
            Course::Begin => {
                warn_of_loose_schedules(&seen);
                let prepared = prepare(session, release, &args.only, seen).await?;
                report.members = prepared.iter().map(|prepared| Row::planned(&prepared.observed, prepared.same)).collect();
                if args.dry_run {
                    report.outcome = "planned";
                    return Ok(Exit::Done);
                }
                if prepared.iter().all(|prepared| prepared.same) {
                    report.outcome = "nothing";
                    return Ok(Exit::Done);
                }
                register(session, release, (&args.release, given_up), prepared).await?
            }
        };
        if args.dry_run {
            report.outcome = "planned";
            let mut steering = Steering::new(session, &release.cluster, &seen, Instant::now());
            steering.look().await?;
            report.members = steering.members.iter().map(Row::of).collect();
            return Ok(Exit::Done);
        }
        *begun = true;
        self.steer(seen, report).await
    }

    async fn steer(&self, seen: Vec<Observed>, report: &mut Report) -> Result<Exit, Failure> {
        let Self { args, release, session, .. } = self;
        let until = Instant::now() + args.timeout;
        let mut steering = Steering::new(session, &release.cluster, &seen, until);
        steering.moving = release.moving;
        if args.undo {
            steering.turn_back("as asked for".to_owned());
        }
        let ended = steering.finish().await;
        let done = match ended {
            Ok(Ended::New) => self.tasks(&mut steering, &seen).await,
            Ok(ended) => self.ended(&steering, ended).await,
            Err(failure) => {
                // Nothing was changed: nobody has to wait for this one.
                if steering.members.iter().all(member::Member::is_untouched) {
                    self.close(&steering, End::Undone).await;
                }
                Err(failure)
            }
        };
        report.members = steering.members.iter().map(Row::of).collect();
        let observed = seen.iter().filter(|observed| observed.member.kind == Kind::Task);
        for task in observed {
            let mut task = task.clone();
            // What was written down about it, as far as it can be read.
            if let Some((own, entry)) = &mut task.own
                && let Ok(now) = session.services().definition(&own.arn).await
            {
                *entry = blue_green::roll::release::journal::Entry::read(&now.tags).unwrap_or_else(|| entry.clone());
            }
            report.members.push(Row::of_task(&task));
        }
        if let Some(why) = &steering.back {
            report.reason.clone_from(why);
        }
        done
    }

    /// All is new: the one-off tasks run.
    async fn tasks(&self, steering: &mut Steering<'_>, seen: &[Observed]) -> Result<Exit, Failure> {
        let release = &self.args.release;
        if !tasks::old_ones_are_gone(steering).await? {
            return self.ended(steering, Ended::Late).await;
        }
        match tasks::run(steering, seen, release).await {
            Ok(()) => {
                self.close(steering, End::Done).await;
                Ok(Exit::Done)
            }
            Err(failed) if failed.undo && failed.failure.exit() == Exit::Task => {
                steering.turn_back(format!("task {}: {}", failed.name, failed.failure));
                let ended = steering.finish().await?;
                self.ended(steering, ended).await
            }
            Err(failed) => {
                if failed.failure.exit() == Exit::Task {
                    self.close(steering, End::TaskFailed).await;
                }
                Err(failed.failure)
            }
        }
    }

    /// It did not become new.
    async fn ended(&self, steering: &Steering<'_>, ended: Ended) -> Result<Exit, Failure> {
        let release = self.args.release.clone();
        let reason = steering.back.clone().unwrap_or_default();
        match ended {
            Ended::Old => {
                self.close(steering, End::Undone).await;
                if self.args.undo {
                    return Ok(Exit::Done);
                }
                Err(RollFailure::ReleaseUndone { release, reason }.into())
            }
            Ended::Late if steering.back.is_none() => {
                Err(RollFailure::ReleaseRolling { release, seconds: self.args.timeout.as_secs() }.into())
            }
            Ended::New | Ended::Late | Ended::Mixed => {
                let commands =
                    steering.members.iter().filter(|member| !matches!(member.place, Place::Old | Place::Undone { .. }));
                let commands = commands.map(|member| {
                    let Member { kind, name, group, .. } = &member.observed.member;
                    let command = match kind {
                        Kind::Schedule => super::commands::show_schedule(group, name),
                        Kind::Service | Kind::Task => super::commands::undo(steering.cluster, name),
                    };
                    format!("\n  {name}: {command}")
                });
                Err(RollFailure::ReleaseMixed { release, reason, commands: commands.collect() }.into())
            }
        }
    }

    /// Says on every revision how the release ended.
    async fn close(&self, steering: &Steering<'_>, how: End) {
        let services = steering.members.iter().map(|member| &member.own);
        for own in services.chain(&steering.tasks) {
            if let Err(failure) = end(self.session, own, how).await {
                output::warn(&format!(
                    "{}; that release {} has ended is not written down: the same command again does it",
                    failure.what(),
                    self.args.release
                ));
                return;
            }
        }
    }

    /// A release that was made, and whose end is not written on every revision.
    async fn close_rest(&self, seen: &[Observed]) -> Result<(), Failure> {
        for (own, entry) in seen.iter().filter_map(|observed| observed.own.as_ref()) {
            if entry.ended.is_none() {
                end(self.session, &own.arn, End::Done).await?;
            }
        }
        Ok(())
    }
}

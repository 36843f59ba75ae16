//! Steers a release: looks at every member in one poll, decides, writes, looks again, until all is new or all is as before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use blue_green::aws::failure::Class;
use blue_green::roll::evidence::failures;
use blue_green::roll::release::decide::{Next, Seen, Way, decide, way, why};
use blue_green::roll::release::journal::Kind;
use blue_green::roll::release::place::Place;
use blue_green::roll::seen::{Task, short};

use super::member::{Member, describe, look_at_schedule, look_at_service, undo};
use super::observe::Observed;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// The first pause between two looks, and the longest.
const FIRST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(5);
/// How long there may be nothing to say.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The least time that an undo has, however little is left.
const UNDO: Duration = Duration::from_secs(600);
/// How long an acknowledged write may not be seen yet.
const SEEN: Duration = Duration::from_secs(30);

/// A release on its way.
pub struct Steering<'a> {
    pub session: &'a Session,
    pub cluster: &'a str,
    /// Services and schedules.
    pub members: Vec<Member>,
    /// The revisions of its one-off tasks.
    pub tasks: Vec<String>,
    /// Whether ECS is to read tags again.
    pub moving: bool,
    /// When time is up.
    pub until: Instant,
    /// Why it goes back, where no member shows it.
    pub back: Option<String>,
    began: Instant,
    said: Instant,
    last: String,
    told: BTreeMap<String, usize>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// All is new.
    New,
    /// All is as before.
    Old,
    /// Neither.
    Mixed,
    /// Time is up.
    Late,
}

impl<'a> Steering<'a> {
    /// Of members that have their own revisions; one-off tasks are left out.
    #[must_use]
    pub fn new(session: &'a Session, cluster: &'a str, seen: &[Observed], until: Instant) -> Self {
        let (tasks, others): (Vec<&Observed>, Vec<&Observed>) =
            seen.iter().partition(|observed| observed.member.kind == Kind::Task);
        let tasks = tasks.into_iter().filter_map(|observed| observed.own.as_ref().map(|(own, _)| own.arn.clone())).collect();
        let members = others.into_iter().filter_map(Member::new).collect();
        let now = Instant::now();
        let (last, told) = (String::new(), BTreeMap::new());
        Self { session, cluster, members, tasks, moving: false, until, back: None, began: now, said: now, last, told }
    }

    /// Until nothing is left to do.
    ///
    /// # Errors
    /// A call that failed for good before anything was changed, or while nothing can be seen any more.
    pub async fn finish(&mut self) -> Result<Ended, Failure> {
        let mut pause = FIRST;
        let mut blind_since = None;
        loop {
            match self.look().await {
                Ok(()) => blind_since = None,
                Err(Failure::Aws(failure)) if failure.class == Class::Transient && Instant::now() < self.until => {
                    blind_since.get_or_insert_with(Instant::now);
                    output::warn(&format!("{}; looking again", failure.what()));
                    tokio::time::sleep(LONGEST).await;
                    continue;
                }
                Err(failure) => return Err(failure),
            }
            let seen = self.seen();
            let going = way(&seen, self.back.is_some());
            if going == Way::Undo && self.back.is_none() {
                self.turn_back(why(&seen).unwrap_or_else(|| "it was going back already".to_owned()));
            }
            let changed = self.show(going).await;
            pause = if changed { FIRST } else { (pause * 3 / 2).min(LONGEST) };
            match decide(&seen, self.back.is_some()) {
                Next::New => return Ok(Ended::New),
                Next::Old => return Ok(Ended::Old),
                Next::Mixed => return Ok(Ended::Mixed),
                _ if Instant::now() >= self.until => return Ok(Ended::Late),
                Next::Wait => {}
                Next::Update(members) => self.update(&members).await?,
                Next::TakeBack(members) => self.take_back(&members).await,
            }
            tokio::time::sleep(pause.min(self.until.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// From now on everything goes back, and has the time that this takes.
    pub fn turn_back(&mut self, why: String) {
        output::step(&format!("going back: {why}"));
        self.back = Some(why);
        self.until = self.until.max(Instant::now() + UNDO);
    }

    fn seen(&self) -> Vec<Seen> {
        let seen = |member: &Member| {
            let Observed { member: named, .. } = &member.observed;
            // A write that is acknowledged and not seen yet is not made again.
            let unseen = member.wrote.as_ref().filter(|(at, place)| at.elapsed() < SEEN && *place == member.place);
            let place = match unseen {
                None => member.place.clone(),
                Some(_) if self.back.is_some() => Place::Undoing { reason: String::new() },
                Some(_) => Place::Rolling,
            };
            Seen { kind: named.kind, name: named.name.clone(), place, asked_back: member.asked_back }
        };
        self.members.iter().map(seen).collect()
    }

    /// Looks at every member.
    ///
    /// # Errors
    /// A call that failed.
    pub async fn look(&mut self) -> Result<(), Failure> {
        let names: Vec<String> =
            self.members.iter().filter(|m| m.observed.service.is_some()).map(|m| m.observed.member.name.clone()).collect();
        let services = self.session.services().services(self.cluster, &names).await?.there;
        for member in &mut self.members {
            match services.iter().find(|service| service.name == member.observed.member.name) {
                Some(service) if member.observed.service.is_some() => {
                    look_at_service(self.session, member, service).await?;
                }
                _ => look_at_schedule(self.session, member).await?,
            }
        }
        Ok(())
    }

    /// Gives members what is new.
    async fn update(&mut self, members: &[usize]) -> Result<(), Failure> {
        let untouched = self.members.iter().all(Member::is_untouched);
        for (number, index) in members.iter().enumerate() {
            let (session, cluster, moving) = (self.session, self.cluster, self.moving);
            let member = &mut self.members[*index];
            let name = member.observed.member.name.clone();
            let done = match &member.observed.schedule {
                Some(schedule) => session.schedules().point(schedule, &member.own).await,
                None => session.roller().update(cluster, &name, &member.own, moving).await.map(drop),
            };
            match done {
                Ok(()) => {
                    output::step(&format!("{name}: {}", short(&member.own)));
                    member.wrote = Some((Instant::now(), member.place.clone()));
                }
                // Whether it was made is not known: the next look says it.
                Err(failure) if failure.class == Class::Transient => {
                    output::warn(&format!("{}; looking again", failure.what()));
                    return Ok(());
                }
                Err(failure) if untouched && number == 0 => return Err(Failure::Aws(failure)),
                Err(failure) => {
                    self.turn_back(format!("{name}: {}", failure.what()));
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes members back.
    async fn take_back(&mut self, members: &[usize]) {
        for index in members {
            let (session, cluster) = (self.session, self.cluster);
            let member = &mut self.members[*index];
            let name = member.observed.member.name.clone();
            match undo(session, cluster, member).await {
                Ok(to) => {
                    output::step(&format!("{name}: back to {to}"));
                    member.asked_back += 1;
                    member.wrote = Some((Instant::now(), member.place.clone()));
                }
                Err(failure) if failure.class == Class::Transient => output::warn(&format!("{}; again", failure.what())),
                Err(failure) => {
                    output::warn(&format!("{name} does not go back: {}", failure.what()));
                    member.asked_back += 1;
                }
            }
        }
    }

    /// Shows where it is, where that changed or nothing was said for long. Whether it changed.
    async fn show(&mut self, way: Way) -> bool {
        let word = if way == Way::Undo { "going back" } else { "rolling" };
        let places: Vec<String> = self.members.iter().map(describe).collect();
        let line = format!("{word}: {}", places.join(", "));
        let changed = line != self.last;
        if changed || self.said.elapsed() >= HEARTBEAT {
            output::step(&format!("[{:>4} s] {line}", self.began.elapsed().as_secs()));
            self.said = Instant::now();
            self.last = line;
        }
        self.tell_reasons().await;
        changed
    }

    /// Tells why tasks of the release stopped: each reason once, with its last lines, and again where its number grew.
    async fn tell_reasons(&mut self) {
        for member in &self.members {
            let own: Vec<Task> = member.stopped.values().filter(|task| task.definition == member.own).cloned().collect();
            for reason in failures(&own) {
                let key = format!("{}: {}", member.observed.member.name, reason.what);
                let before = self.told.insert(key.clone(), reason.tasks);
                if before == Some(reason.tasks) {
                    continue;
                }
                let tasks = if reason.tasks == 1 { "task" } else { "tasks" };
                output::step(&format!("{} {tasks} failed, {key}", reason.tasks));
                if before.is_none() {
                    let lines = crate::verbs::roll::follow::last_lines(self.session, &reason).await;
                    lines.iter().for_each(|line| output::step(&format!("    | {line}")));
                }
            }
        }
    }
}

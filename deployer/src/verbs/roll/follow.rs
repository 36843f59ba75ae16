//! Follows one deployment to its end: looks, shows, judges.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use blue_green::aws::failure::{AwsFailure, Class};
use blue_green::roll::evidence::{Failure as Reason, failures};
use blue_green::roll::judge::{Known, Look, Verdict, judge};
use blue_green::roll::seen::{Record, Service, Task};

use super::show::Show;
use crate::output;
use crate::session::Session;

/// The first pause between two looks, and the longest.
const FIRST: Duration = Duration::from_millis(300);
const LONGEST: Duration = Duration::from_secs(5);
/// How late the record of a deployment may come.
const LATE: Duration = Duration::from_secs(60);
/// How many of a container's last lines are shown.
const LINES: u32 = 10;

/// Follows one deployment.
pub struct Follow<'a> {
    pub session: &'a Session,
    pub cluster: &'a str,
    pub service: &'a str,
    /// `ecs-svc/N`.
    pub id: String,
    /// When time is up.
    pub until: Instant,
}

/// How it ended, and what is known then.
pub struct Ended {
    /// None where time is up.
    pub verdict: Option<Verdict>,
    /// Its record, where it was read.
    pub record: Option<Record>,
    /// Why its tasks stopped.
    pub reasons: Vec<Reason>,
    /// The last lines of one task of each reason.
    pub lines: Vec<String>,
}

/// What is known from look to look.
struct Memory {
    began: Instant,
    record: Option<String>,
    /// Whether records may be read.
    allowed: bool,
    tasks: BTreeMap<String, Task>,
    told: BTreeMap<String, usize>,
    lines: Vec<String>,
}

impl Memory {
    /// Records may not be read: from now on the service's own list decides.
    fn may_not(&mut self) {
        (self.allowed, self.record) = (false, None);
        output::warn(
            "service deployments may not be read (allow ecs:ListServiceDeployments and ecs:DescribeServiceDeployments); judged by the \
             service's own list, which knows no reasons",
        );
    }
}

impl Follow<'_> {
    /// Looks until the deployment has ended, or time is up. Where `even_failing`, too many failed tasks are no end: it is being
    /// taken back already.
    ///
    /// # Errors
    /// A call that is not allowed, or whose failure lasts until time is up.
    pub async fn finish(&self, even_failing: bool) -> Result<Ended, AwsFailure> {
        let mut memory = Memory {
            began: Instant::now(),
            record: None,
            allowed: true,
            tasks: BTreeMap::new(),
            told: BTreeMap::new(),
            lines: Vec::new(),
        };
        let (mut show, mut pause, mut last) = (None::<Show>, FIRST, String::new());
        loop {
            let looked = self.look(&mut memory).await;
            let (service, record) = match looked {
                Ok(looked) => looked,
                Err(failure) if failure.class == Class::Transient && Instant::now() < self.until => {
                    output::warn(&format!("{}; looking again", failure.what()));
                    tokio::time::sleep(LONGEST).await;
                    continue;
                }
                Err(failure) => return Err(failure),
            };
            let show = show.get_or_insert_with(|| Show::begin(&service));
            let stopped: Vec<Task> = memory.tasks.values().cloned().collect();
            let known = match &record {
                Some(record) => Known::Read(record),
                None if memory.allowed && memory.began.elapsed() < LATE => Known::NotYet,
                None => Known::Never,
            };
            let verdict = judge(&Look { id: &self.id, service: &service, record: known, stopped: &stopped });
            let (state, goes_on) = state(&verdict, even_failing);
            show.look(&service, &self.id, state);
            // Of one that is being taken back, they were told when it failed.
            if !even_failing {
                self.tell_reasons(&mut memory, &stopped, show).await;
            }
            let up = Instant::now() >= self.until;
            if !goes_on || up {
                show.end();
                let verdict = (!goes_on).then_some(verdict);
                return Ok(Ended { verdict, record, reasons: failures(&self.own(&stopped)), lines: memory.lines });
            }
            let now = format!("{state} {:?}", service.deployments);
            pause = if now == last { (pause * 3 / 2).min(LONGEST) } else { FIRST };
            last = now;
            tokio::time::sleep(pause.min(self.until.saturating_duration_since(Instant::now()))).await;
        }
    }

    /// The tasks of this deployment.
    fn own(&self, tasks: &[Task]) -> Vec<Task> {
        tasks.iter().filter(|task| task.started_by == self.id).cloned().collect()
    }

    async fn look(&self, memory: &mut Memory) -> Result<(Service, Option<Record>), AwsFailure> {
        let reader = self.session.services();
        let service = reader.service(self.cluster, self.service).await?;
        if memory.record.is_none() && memory.allowed {
            let end = format!("/{}", self.id.rsplit('/').next().unwrap_or(&self.id));
            match reader.records(&service).await? {
                Some(rows) => memory.record = rows.into_iter().find(|row| row.target.ends_with(&end)).map(|row| row.arn),
                None => memory.may_not(),
            }
        }
        let record = match &memory.record {
            Some(arn) => match reader.described(std::slice::from_ref(arn)).await? {
                Some(records) => records.into_iter().next(),
                None => {
                    memory.may_not();
                    None
                }
            },
            None => None,
        };
        let arns = reader.task_arns(&service, "STOPPED").await?;
        let new: Vec<String> =
            arns.into_iter().filter(|arn| memory.tasks.get(arn).is_none_or(|task| task.status != "STOPPED")).collect();
        memory.tasks.extend(reader.tasks(self.cluster, &new).await?.into_iter().map(|task| (task.arn.clone(), task)));
        Ok((service, record))
    }

    /// Tells each new reason once, with the last lines of one task, and again where its number grew.
    async fn tell_reasons(&self, memory: &mut Memory, stopped: &[Task], show: &mut Show) {
        for reason in failures(&self.own(stopped)) {
            let before = memory.told.insert(reason.what.clone(), reason.tasks);
            if before == Some(reason.tasks) {
                continue;
            }
            let tasks = if reason.tasks == 1 { "task" } else { "tasks" };
            show.say(&format!("{} {tasks} failed: {}", reason.tasks, reason.what));
            if before.is_none() {
                let lines = last_lines(self.session, &reason).await;
                lines.iter().for_each(|line| show.say(&format!("    | {line}")));
                memory.lines.extend(lines);
            }
        }
    }
}

/// The last lines of a task that failed. That they cannot be read is told in their place.
pub async fn last_lines(session: &Session, reason: &Reason) -> Vec<String> {
    let Some(container) = &reason.container else { return Vec::new() };
    let reader = session.services();
    let lines = async {
        let definition = reader.definition(&reason.example.definition).await?;
        reader.log_tail(&definition.described, container, &reason.example.arn, LINES).await
    };
    lines.await.unwrap_or_else(|failure| vec![format!("(its log cannot be read: {})", failure.what())])
}

/// What is said of a verdict, and whether the deployment is still under way.
fn state(verdict: &Verdict, even_failing: bool) -> (&'static str, bool) {
    match verdict {
        Verdict::Rolling => ("rolling", true),
        Verdict::GoingBack { .. } => ("going back", true),
        Verdict::Failing { .. } => ("failing", even_failing),
        Verdict::Successful => ("successful", false),
        Verdict::RolledBack { .. } => ("rolled back", false),
        Verdict::Failed { .. } => ("failed", false),
        Verdict::Superseded { .. } => ("superseded", false),
    }
}

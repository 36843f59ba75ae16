//! A flip: one loop. Each turn looks at what is there, decides, and does that. Whether it worked is what the next turn sees.

use std::time::{Duration, Instant};

use blue_green::aws::elb::read::ReadError;
use blue_green::aws::failure::Class;
use blue_green::plan::look::{Looked, look};
use blue_green::plan::{Plan, compose};
use blue_green::release::decide::{Memory, Row, Turn, Why};
use blue_green::release::id::Digest;
use blue_green::release::journal::Journal;
use blue_green::release::several::{Decision, Member, decide_all};
use blue_green::report::Report;
use blue_green::report::not_made::NotMade;
use blue_green::seen::survey::{Survey, survey};
use blue_green::seen::topology::Topology;
use jiff::{SignedDuration, Timestamp};

use crate::apply::{self, Applied};
use crate::ends::{self, End};
use crate::failure::{Cause, Failure};
use crate::request::{Reading, Request};
use crate::state::Flip;

/// How often tags may be denied before that counts: IAM takes changes over with a delay.
const DENIALS: u8 = 2;

/// What a turn of the loop leads to.
enum Next {
    /// Look again, after a pause.
    Look(Duration),
    /// The job is answered.
    End(Result<Report, Failure>),
}

/// Makes the flip that is asked for.
///
/// # Errors
/// A [`Failure`] that says what was found, what was expected and how the rules are now.
pub async fn flip(request: &Request) -> (Result<Report, Failure>, Option<Topology>) {
    let mut flip = Flip::new(request);
    let result = loop {
        let reading = match request.look(flip.seen.as_ref()).await {
            Ok(reading) => reading,
            Err(error) => break Err(flip.unreadable(error).await),
        };
        match flip.turn(reading).await {
            Next::Look(pause) => tokio::time::sleep(pause.min(request.left())).await,
            Next::End(result) => break result,
        }
        if request.left().is_zero() {
            let cause = flip.failure.clone().map_or(Cause::Time, Cause::Aws);
            break Err(flip.stopped(cause).await);
        }
    };
    (result, flip.seen)
}

impl Flip<'_> {
    /// One turn: what is seen is decided on, and that is done.
    async fn turn(&mut self, mut reading: Reading) -> Next {
        self.invocation.complete(&mut reading.topology);
        loop {
            let Reading { topology, until, has_health } = &reading;
            let found = match survey(topology, &self.request.asked.ports) {
                Ok(found) => found,
                Err(setup_error) => return Next::End(Err(ends::setup(self, topology, setup_error))),
            };
            let looked = look(topology, &found, &self.request.asked, &self.request.asker, Timestamp::now());
            let looked = match looked {
                Ok(looked) => looked,
                Err(setup_error) => return Next::End(Err(ends::setup(self, topology, setup_error))),
            };
            for looked in &looked {
                self.invocation.look(&looked.pair, &looked.member.view, Instant::now());
            }
            let decision = self.decide(&looked);
            if let Decision::Wait = decision
                && self.need_not_wait(&looked)
            {
                continue;
            }
            if needs_guard(&decision) && !has_health {
                let health = match self.request.reader.health(topology.clone()).await {
                    Ok(health) => health,
                    Err(failure) => return Next::End(Err(self.unreadable(failure.into()).await)),
                };
                reading = Reading { topology: health, until: *until, has_health: true };
                continue;
            }
            self.seen = Some(topology.clone());
            return self.act(topology, &found, &looked, decision, *until).await;
        }
    }

    fn decide(&mut self, looked: &[Looked]) -> Decision {
        let members: Vec<Member> = looked.iter().map(|looked| looked.member.clone()).collect();
        let memory: Vec<Memory> = looked.iter().map(|looked| self.invocation.of(&looked.pair)).collect();
        let decision = decide_all(&members, &memory);
        tracing::info!(decision = %ends::describe(&decision), "decided");
        decision
    }

    /// How long other jobs' plans may still be applied; nothing where no other job wrote a record lately.
    fn need_not_wait(&mut self, looked: &[Looked]) -> bool {
        looked.iter().for_each(|looked| self.invocation.waited(&looked.pair));
        self.wait(looked).is_zero()
    }

    fn wait(&self, looked: &[Looked]) -> Duration {
        let job = Digest::of(&self.request.asker.job);
        let last = looked.iter().filter_map(|looked| looked.member.view.journal.last_of_others(&job)).max();
        let Some(last) = last else { return Duration::ZERO };
        let wait = SignedDuration::try_from(self.request.wait).unwrap_or_default();
        let left = wait - Timestamp::now().duration_since(last);
        Duration::try_from(left).unwrap_or_default().min(self.request.wait)
    }

    async fn act(
        &mut self,
        topology: &Topology,
        found: &Survey<'_>,
        looked: &[Looked],
        decision: Decision,
        until: Instant,
    ) -> Next {
        match decision {
            Decision::Wait => {
                let wait = self.wait(looked);
                tracing::info!(seconds = wait.as_secs(), "waiting for other jobs' plans to end");
                Next::Look(wait)
            }
            Decision::Answer(turns) => {
                Next::End(ends::end(self, &End { topology, survey: found, looked, turns: &turns, recorded: true }))
            }
            Decision::Apply { turns, ends } => {
                self.note_cause(looked, &turns);
                let plan = compose(topology, found, looked, &turns, self.labels);
                let (plan, doubted) = apply::without_doubts(plan, looked, &self.invocation);
                if plan.is_empty() && doubted {
                    return self.doubt();
                }
                self.doubts = 0;
                self.keep_notes(&plan);
                let applied = apply::apply(self, topology, looked, &plan, until).await;
                let recorded = matches!(applied, Applied::Done);
                let closes = ends.as_ref().map(|turns| End { topology, survey: found, looked, turns, recorded });
                self.after(applied, closes).await
            }
        }
    }

    /// What a look shows may only be late: looks again soon, at growing distances.
    fn doubt(&mut self) -> Next {
        self.doubts += 1;
        Next::Look(Duration::from_millis(50) * 2_u32.pow(self.doubts.min(4)))
    }

    /// What comes after the writes: the answer, another look, or the end.
    async fn after(&mut self, applied: Applied, closes: Option<End<'_>>) -> Next {
        match (applied, closes) {
            (Applied::Done, Some(end)) => Next::End(ends::end(self, &end)),
            (Applied::Done, None) => {
                self.denials = 0;
                Next::Look(Duration::ZERO)
            }
            (Applied::Rule(failure), _) => {
                self.failure = Some(failure);
                Next::Look(Duration::ZERO)
            }
            (Applied::Tags(failure), closes) => {
                let for_good = matches!(failure.class, Class::NotFound | Class::Permanent);
                self.denials += u8::from(failure.class == Class::Permission);
                self.failure = Some(failure.clone());
                if !for_good && self.denials < DENIALS {
                    return Next::Look(Duration::ZERO);
                }
                // A job that fails anyway fails with its reason, also where that could not be recorded.
                match closes.filter(|end| ends::fails(end.turns)) {
                    Some(end) => Next::End(ends::end(self, &end)),
                    None => Next::End(Err(self.stopped(Cause::Aws(failure)).await)),
                }
            }
        }
    }

    /// Why a flip is taken back is known when that begins, and told when it ends. Of several pairs that are taken back
    /// together, one has the reason.
    fn note_cause(&mut self, looked: &[Looked], turns: &[(usize, Turn)]) {
        if self.cause.is_some() {
            return;
        }
        let undone = turns.iter().filter(|(_, turn)| matches!(turn, Turn::Set { row: Row::R3c, .. }));
        let mut causes: Vec<Cause> = undone.filter_map(|(index, _)| Some(self.cause_of(looked.get(*index)?))).collect();
        causes.sort_by_key(|cause| matches!(cause, Cause::Earlier));
        self.cause = causes.into_iter().next();
    }

    fn cause_of(&self, looked: &Looked) -> Cause {
        let (view, memory) = (&looked.member.view, self.invocation.of(&looked.pair));
        let refusals = || {
            let (on, _) = view.journal.newest()?;
            let own = |execution: &str| looked.member.ask.execution.as_deref() == Some(execution);
            Some(view.shared.clone().into_iter().chain(view.refusals(on, own)).collect::<Vec<_>>()).filter(|all| !all.is_empty())
        };
        match (&self.failure, &view.setup) {
            _ if memory.conflict => Cause::Conflict,
            (Some(failure), _) if memory.cannot_write => Cause::Aws(failure.clone()),
            (_, Some(setup_error)) => Cause::Setup(setup_error.clone()),
            _ => refusals().map_or(Cause::Earlier, Cause::Refused),
        }
    }

    fn keep_notes(&mut self, plan: &Plan) {
        for note in &plan.notes {
            if !self.notes.contains(note) {
                self.notes.push(note.clone());
            }
        }
    }

    /// The load balancer cannot be read any more.
    async fn unreadable(&mut self, error: ReadError) -> Failure {
        match error {
            ReadError::Setup(setup_error) => match self.seen.take() {
                Some(topology) => ends::setup(self, &topology, setup_error),
                None => Failure::NotMade { why: NotMade::Setup(setup_error), split: Vec::new(), recorded: false },
            },
            ReadError::Aws(failure) => {
                // Where the time ended while a write was tried, that is the reason, and not the look that had no time left.
                let earlier = self.failure.clone().filter(|_| failure.class == Class::Transient);
                self.stopped(Cause::Aws(earlier.unwrap_or(failure))).await
            }
        }
    }

    /// It ends here: with the rules, where this flip may have moved some.
    async fn stopped(&mut self, cause: Cause) -> Failure {
        if let Some(seen) = &self.seen {
            match self.request.late_reader.again(seen).await {
                Ok(now) => self.seen = Some(now),
                Err(failure) => {
                    tracing::error!(reason = %failure, "could not look again: the rules are as they were seen before");
                    self.unread = true;
                }
            }
        }
        match ends::states_in_progress(self) {
            Some(states) => Failure::Unfinished { cause, states },
            None => Failure::Stopped { cause, recorded: self.seen.as_ref().is_some_and(|seen| self.is_closed(seen)) },
        }
    }

    /// Whether this job is closed already: then a late copy of its event moves nothing.
    pub fn is_closed(&self, seen: &Topology) -> bool {
        Journal::closes(seen, &Digest::of(&self.request.asker.job))
    }
}

/// Whether live rules would be moved, which the guard must allow.
fn needs_guard(decision: &Decision) -> bool {
    match decision {
        Decision::Apply { turns, .. } => turns.iter().any(|(_, turn)| match turn {
            Turn::Set { row, .. } => !matches!(row, Row::R3d),
            Turn::Close { why, .. } => matches!(why, Some(Why::Refused(_))),
            Turn::Wait | Turn::Answered(_) | Turn::Stuck => false,
        }),
        Decision::Wait | Decision::Answer(_) => false,
    }
}

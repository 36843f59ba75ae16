//! A flip: one loop. Each turn looks at what is there, decides, and does that. Whether it worked is what the next turn sees.

use std::time::{Duration, Instant};

use blue_green::aws::elb::read::ReadError;
use blue_green::aws::failure::Class;
use blue_green::plan::compose;
use blue_green::plan::look::{Looked, look};
use blue_green::release::decide::Memory;
use blue_green::release::id::Digest;
use blue_green::release::several::{Decision, Member, decide_all};
use blue_green::release::turn::{Row, Turn};
use blue_green::release::why::Why;
use blue_green::report::Report;
use blue_green::seen::pair::Pair;
use blue_green::seen::setup_error::SetupError;
use blue_green::seen::survey::survey;
use blue_green::seen::topology::Topology;
use jiff::{SignedDuration, Timestamp};

use crate::apply::{self, Applied};
use crate::ends::{self, End};
use crate::failure::{Cause, Failure};
use crate::request::{Reading, Request};
use crate::state::{Flip, Seen};

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
pub async fn flip(request: &Request) -> (Result<Report, Failure>, Option<(Topology, Vec<Pair>)>) {
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
    (result, flip.seen.map(|seen| (seen, flip.pairs)))
}

impl Flip<'_> {
    /// One turn: what is seen is decided on, and that is done.
    async fn turn(&mut self, mut reading: Reading) -> Next {
        self.invocation.complete(&mut reading.topology);
        let mut is_compared = false;
        loop {
            let seen = match self.look(&reading.topology) {
                Ok(seen) => seen,
                Err(setup_error) => {
                    self.seen = Some(reading.topology.clone());
                    return Next::End(Err(self.stopped(Cause::Setup(setup_error)).await));
                }
            };
            if !std::mem::replace(&mut is_compared, true) {
                let compare = |looked: &Looked| self.invocation.look(&looked.pair, &looked.member.view, Instant::now());
                seen.looked.iter().for_each(compare);
            }
            let decision = self.decide(&seen.looked);
            if !needs_guard(&decision) || reading.has_health {
                self.seen = Some(reading.topology.clone());
                self.pairs = seen.looked.iter().map(|looked| looked.pair.clone()).collect();
                return self.act(&seen, decision, reading.until).await;
            }
            match self.request.health(&reading.topology).await {
                Ok(topology) => reading = Reading { topology, has_health: true, ..reading },
                Err(error) => return Next::End(Err(self.unreadable(error).await)),
            }
        }
    }

    fn look<'t>(&self, topology: &'t Topology) -> Result<Seen<'t>, SetupError> {
        let Request { asked, asker, .. } = self.request;
        let survey = survey(topology, &asked.ports)?;
        let looked = look(topology, &survey, asked, asker, Timestamp::now())?;
        Ok(Seen { topology, survey, looked })
    }

    fn decide(&self, looked: &[Looked]) -> Decision {
        let members: Vec<Member> = looked.iter().map(|looked| looked.member.clone()).collect();
        let nothing_to_wait_for = self.wait(looked).is_zero();
        let memory = |Looked { pair, .. }: &Looked| {
            let memory = self.invocation.of(pair);
            Memory { waited: memory.waited || nothing_to_wait_for, ..memory }
        };
        let decision = decide_all(&members, &looked.iter().map(memory).collect::<Vec<_>>());
        tracing::info!(%decision, "decided");
        decision
    }

    /// How long other jobs' plans may still be applied; nothing where no other job wrote a record lately.
    fn wait(&self, looked: &[Looked]) -> Duration {
        let job = Digest::of(&self.request.asker.job);
        let last = looked.iter().filter_map(|looked| looked.member.view.journal.latest_of_other_jobs(&job)).max();
        let Some(last) = last else { return Duration::ZERO };
        let wait = SignedDuration::try_from(self.request.wait).unwrap_or_default();
        let left = wait - Timestamp::now().duration_since(last);
        Duration::try_from(left).unwrap_or_default().min(self.request.wait)
    }

    async fn act(&mut self, seen: &Seen<'_>, decision: Decision, until: Instant) -> Next {
        match decision {
            Decision::Wait => {
                let wait = self.wait(&seen.looked);
                seen.looked.iter().for_each(|looked| self.invocation.waited(&looked.pair));
                tracing::info!(seconds = wait.as_secs(), "waiting for other jobs' plans to end");
                Next::Look(wait)
            }
            Decision::Answer(turns) => Next::End(ends::end(self, &End { seen, turns: &turns, recorded: true })),
            Decision::Apply { turns, ends } => {
                self.note_cause(&seen.looked, &turns);
                let plan = compose(seen.topology, &seen.survey, &seen.looked, &turns, self.labels);
                let (plan, doubted) = apply::without_doubts(plan, &seen.looked, &self.invocation);
                if plan.is_empty() && doubted {
                    return self.doubt();
                }
                self.doubts = 0;
                let new = plan.notes.iter().filter(|note| !self.notes.contains(note)).cloned();
                self.notes.extend(new.collect::<Vec<_>>());
                let applied = apply::apply(self, seen, &plan, until).await;
                let recorded = matches!(applied, Applied::Done);
                self.after(applied, ends.as_ref().map(|turns| End { seen, turns, recorded })).await
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

    /// Why a flip is taken back is known when that begins, and said when it ends. Of several pairs that are taken back
    /// together, one has the reason.
    fn note_cause(&mut self, looked: &[Looked], turns: &[(usize, Turn)]) {
        let causes = turns.iter().filter_map(|(index, turn)| match turn {
            Turn::Set { why: Some(why), .. } => Some(self.cause_of(looked.get(*index)?, why)),
            _ => None,
        });
        let cause = causes.min_by_key(|cause| matches!(cause, Cause::Earlier));
        self.cause = self.cause.take().or(cause);
    }

    fn cause_of(&self, looked: &Looked, why: &Why) -> Cause {
        match (why, &self.failure) {
            (Why::Conflict, _) => Cause::Conflict,
            (Why::Setup(setup_error), _) => Cause::Setup(setup_error.clone()),
            (Why::Refused(refusals), _) => Cause::Refused(refusals.clone()),
            (_, Some(failure)) if self.invocation.of(&looked.pair).cannot_write => Cause::Aws(failure.clone()),
            _ => Cause::Earlier,
        }
    }

    /// The load balancer cannot be read any more.
    async fn unreadable(&mut self, error: ReadError) -> Failure {
        let cause = match error {
            ReadError::Setup(setup_error) => Cause::Setup(setup_error),
            ReadError::Aws(failure) => {
                // Where the time ended while a write was tried, that is the reason, and not the look that had no time left.
                let earlier = self.failure.clone().filter(|_| failure.class == Class::Transient);
                Cause::Aws(earlier.unwrap_or(failure))
            }
        };
        self.stopped(cause).await
    }

    /// It ends here: with the rules, where this flip may have moved some.
    async fn stopped(&mut self, cause: Cause) -> Failure {
        if let (Some(seen), false) = (&self.seen, matches!(cause, Cause::Setup(_))) {
            match self.request.late_reader.again(seen).await {
                Ok(now) => self.seen = Some(now),
                Err(failure) => {
                    tracing::error!(reason = %failure, "could not look again: the rules are as they were seen before");
                    self.unread = true;
                }
            }
        }
        ends::stopped(self, cause)
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

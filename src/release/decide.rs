//! The table: what is done about one pair, from what was seen of it. Pure. The rows are numbered as in the README's
//! "How a flip works"; the first that fits counts.

use jiff::Timestamp;

use super::id::{Asker, Digest};
use super::record::{Closing, Flip, Phase, Reason, Record, stamp};
use super::refusal::Refusal;
use super::turn::{Row, Turn};
use super::view::{View, says};
use super::why::Why;
use crate::seen::side::Side;

/// What one request asks of one pair.
#[derive(Clone, Debug)]
pub struct Ask {
    /// Who asks.
    pub asker: Asker,
    /// The pipeline execution, where it is named.
    pub execution: Option<String>,
    /// The group to make live; none where the request names none.
    pub target: Option<Side>,
    /// The tails of the groups' ARNs, for records.
    pub tails: [String; 2],
    /// The time of the plan.
    pub now: Timestamp,
}

/// What this invocation remembers of a pair. Nothing else is remembered anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Memory {
    /// It sent a rule write, and has not seen the rules as the pair's flip says since.
    pub wrote: bool,
    /// It has waited for other jobs' plans to end, or there are none.
    pub waited: bool,
    /// A rule write cannot pass: denied twice, or its rule is gone.
    pub cannot_write: bool,
    /// Somebody else keeps changing the rules.
    pub conflict: bool,
}

/// Decides about one pair.
#[must_use]
pub fn decide(view: &View, ask: &Ask, memory: &Memory) -> Turn {
    let table = Table::new(view, ask, memory);
    table
        .leftovers()
        .or_else(|| table.answered())
        .or_else(|| table.this_flip())
        .or_else(|| table.known())
        .unwrap_or_else(|| table.fresh())
}

struct Table<'a> {
    view: &'a View,
    ask: &'a Ask,
    memory: &'a Memory,
    job: Digest,
    newest: Option<(Side, Flip)>,
}

impl<'a> Table<'a> {
    fn new(view: &'a View, ask: &'a Ask, memory: &'a Memory) -> Self {
        Self { view, ask, memory, job: Digest::of(&ask.asker.job), newest: view.journal.newest() }
    }

    fn is_this(&self, flip: &Flip) -> bool {
        flip.id == self.ask.asker.flip
    }

    /// Row 1: who may have written a rule after the pair's flip did, sets it as that flip says, before anything else.
    fn leftovers(&self) -> Option<Turn> {
        let (on, flip) = self.newest.as_ref()?;
        let live = says(*on, flip);
        let closed = self.view.journal.closing(&self.job).is_some();
        let open = !closed && !self.is_this(flip) && self.may_have_written();
        let own = self.is_this(flip) && flip.in_progress() && !closed;
        if !self.view.differs(live) || own || !(self.memory.wrote || open) {
            return None;
        }
        let is_own = |execution: &str| flip.id.is_of(execution);
        let allowed = match flip.phase {
            Phase::Moving => self.view.refusals(live, is_own).is_empty(),
            Phase::Done | Phase::Undoing | Phase::Undone => self.view.is_live(live) || self.view.fence(live, is_own).is_none(),
        };
        match allowed && !self.memory.cannot_write && self.view.setup.is_none() {
            true => Some(set(Row::R1, live)),
            false => (!self.memory.waited).then_some(Turn::Wait),
        }
    }

    /// Whether this job may have written rules of this flip; or one before it, that ended without a closing and left the rules
    /// split. Where they agree, a Retry takes them as they are.
    fn may_have_written(&self) -> bool {
        let open = |flip: &Flip| flip.in_progress() && self.view.journal.verdict(&flip.job).is_none();
        let unfinished = |flip: &Flip| open(flip) && self.view.live().is_none();
        let record = self.view.journal.of(&self.ask.asker.flip);
        record.is_some_and(|(_, record)| record.job == self.job || unfinished(record))
    }

    /// Row 2: a closed job is answered again, and nothing else.
    fn answered(&self) -> Option<Turn> {
        self.view.journal.closing(&self.job).map(|(_, closing)| Turn::Answered(closing.clone()))
    }

    /// Row 3: the pair's flip is this one.
    fn this_flip(&self) -> Option<Turn> {
        let (on, flip) = self.newest.as_ref().filter(|(_, flip)| self.is_this(flip))?;
        let on = *on;
        match flip.phase {
            Phase::Moving if self.view.is_settled(on) => {
                let records = vec![self.closing(&self.job, Reason::Made, flip.generation), self.phase(flip, Phase::Done)];
                Some(Turn::Close { row: Row::R3a, on, records, why: Some(Why::Made) })
            }
            Phase::Moving => match self.stops(on) {
                None => Some(set(Row::R3b, on)),
                Some(why) => self.undo(why),
            },
            Phase::Undoing if self.view.differs(on.other()) => Some(match self.memory.cannot_write {
                true => Turn::Stuck,
                false => set(Row::R3d, on.other()),
            }),
            Phase::Undoing => Some(self.after_wait(|| {
                let why = if self.memory.conflict { Why::Conflict } else { Why::Undone };
                let records = vec![self.closing(&flip.job, why.reason(), flip.generation), self.phase(flip, Phase::Undone)];
                Turn::Close { row: Row::R3d, on, records, why: (flip.job == self.job).then_some(why) }
            })),
            Phase::Done if self.view.serves(on) => Some(self.succeed(Row::R3e, on, Why::Made)),
            Phase::Done => Some(self.fail(Row::R3e, on, Why::Edited)),
            Phase::Undone if flip.job == self.job => Some(self.close(Row::R3f, on, Why::Undone)),
            Phase::Undone => None,
        }
    }

    /// Row 3b or 3c: why the remaining rules are not moved, where they are not.
    fn stops(&self, to: Side) -> Option<Why> {
        let guard = || self.view.refusals(to, |by| self.is_own(by));
        let refused =
            || Some(self.view.shared.clone().into_iter().chain(guard()).collect()).filter(|all: &Vec<_>| !all.is_empty());
        match (self.memory, &self.view.setup) {
            (Memory { conflict: true, .. }, _) => Some(Why::Conflict),
            (Memory { cannot_write: true, .. }, _) => Some(Why::Undone),
            (_, Some(setup)) => Some(Why::Setup(setup.clone())),
            (_, None) => refused().map(Why::Refused),
        }
    }

    /// Row 3c: first the record, then the rules.
    fn undo(&self, why: Why) -> Option<Turn> {
        let (on, flip) = self.newest.as_ref()?;
        let records = Some((*on, vec![self.phase(flip, Phase::Undoing)]));
        Some(Turn::Set { row: Row::R3c, records, live: on.other(), why: Some(why) })
    }

    /// Row 4: this flip is known and not the newest: overtaken, or made earlier.
    fn known(&self) -> Option<Turn> {
        let newest = self.newest.as_ref().filter(|(_, flip)| !self.is_this(flip))?;
        let (on, flip) = self.view.journal.of(&self.ask.asker.flip)?;
        if flip.job != self.job && !self.view.journal.is_made(flip) {
            return None;
        }
        Some(match self.view.serves(*on) {
            true => self.succeed(Row::R4, *on, Why::Made),
            false => self.fail(Row::R4, *on, Why::Outdated(Box::new(newest.clone()))),
        })
    }

    /// Row 5: no record of this flip, or only attempts of other jobs that were not made.
    fn fresh(&self) -> Turn {
        let underway = self.newest.as_ref().filter(|(_, flip)| flip.in_progress());
        let named = self.ask.target.unwrap_or(Side::First);
        if let Some(setup) = &self.view.setup {
            return self.fail(Row::R5, named, Why::Setup(setup.clone()));
        }
        if let Some(shared) = &self.view.shared {
            return self.fail(Row::R5, named, Why::Refused(vec![shared.clone()]));
        }
        // 5a
        let tested = self.view.live().map(Side::other);
        let Some(target) = self.ask.target.or(tested).or(underway.map(|(on, _)| *on)) else {
            return self.fail(Row::R5a, named, Why::Refused(vec![self.view.unclear.clone()]));
        };
        // 5b
        if self.view.is_settled(target) && underway.is_none() {
            return self.succeed(Row::R5b, target, Why::NoOp);
        }
        let image = self.view.image[target].clone().err();
        let guard = self.view.refusals(target, |by| self.is_own(by));
        let refusals: Vec<Refusal> = image.into_iter().chain(guard).chain(self.view.room[target].clone().err()).collect();
        if !refusals.is_empty() {
            return self.fail(Row::R5d, target, Why::Refused(refusals)); // 5d
        }
        self.take_over(target) // 5c
    }

    /// Row 5c: a new generation, in the same call the closing of an older job of this very flip; then the rules.
    fn take_over(&self, target: Side) -> Turn {
        let older = self.view.journal.of(&self.ask.asker.flip).filter(|(_, flip)| flip.job != self.job);
        let moving = Record::Flip(Flip {
            id: self.ask.asker.flip.clone(),
            generation: self.view.journal.highest() + 1,
            job: self.job.clone(),
            phase: Phase::Moving,
            partner: self.ask.tails[target.other() as usize].clone(),
            time: stamp(self.ask.now),
        });
        let closes = older.map(|(_, flip)| self.closing(&flip.job, Reason::Undone, flip.generation));
        let records = Some((target, closes.into_iter().chain([moving]).collect()));
        Turn::Set { row: Row::R5c, records, live: target, why: None }
    }

    fn is_own(&self, execution: &str) -> bool {
        self.ask.execution.as_deref() == Some(execution)
    }

    /// Closes the job as made without having moved a rule, so the image is asked for here.
    fn succeed(&self, row: Row, on: Side, why: Why) -> Turn {
        match &self.view.image[on] {
            Ok(()) => self.close(row, on, why),
            Err(other) => self.fail(row, on, Why::Refused(vec![other.clone()])),
        }
    }

    /// Closes the job as not made, once other jobs' plans have ended.
    fn fail(&self, row: Row, on: Side, why: Why) -> Turn {
        self.after_wait(|| self.close(row, on, why))
    }

    fn after_wait(&self, then: impl FnOnce() -> Turn) -> Turn {
        if self.memory.waited { then() } else { Turn::Wait }
    }

    fn close(&self, row: Row, on: Side, why: Why) -> Turn {
        let records = vec![self.closing(&self.job, why.reason(), self.view.journal.highest())];
        Turn::Close { row, on, records, why: Some(why) }
    }

    /// The closing of this job, or of another one that took this flip over.
    fn closing(&self, job: &Digest, reason: Reason, generation: u64) -> Record {
        let called = if *job == self.job { self.ask.asker.job.clone() } else { job.to_string() };
        let (flip, verdict) = (self.ask.asker.flip.clone(), reason.verdict());
        Record::Closing(Closing { flip, job: job.clone(), called, verdict, generation, reason, time: stamp(self.ask.now) })
    }

    /// The record of a flip in its next phase.
    fn phase(&self, flip: &Flip, phase: Phase) -> Record {
        Record::Flip(Flip { phase, time: stamp(self.ask.now), ..flip.clone() })
    }
}

fn set(row: Row, live: Side) -> Turn {
    Turn::Set { row, records: None, live, why: None }
}

/// Row 5d for a pair that could be begun, in a request of which another pair is refused.
#[must_use]
pub fn refuse(view: &View, ask: &Ask, memory: &Memory, refusal: Refusal) -> Turn {
    Table::new(view, ask, memory).fail(Row::R5d, ask.target.unwrap_or(Side::First), Why::Refused(vec![refusal]))
}

/// Row 3c for a pair that is being flipped, in a request of which another pair is undone; none where it has no record.
#[must_use]
pub fn undo(view: &View, ask: &Ask, memory: &Memory) -> Option<Turn> {
    Table::new(view, ask, memory).undo(Why::Undone)
}

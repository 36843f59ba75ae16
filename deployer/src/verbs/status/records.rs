//! The flip of a pair, and its records.

use std::collections::BTreeMap;
use std::fmt;

use blue_green::release::journal::Journal;
use blue_green::release::record::{Phase, Reason, Verdict};
use blue_green::seen::pair::Pair;
use blue_green::seen::side::Side;
use blue_green::seen::topology::Topology;
use serde::Serialize;

use crate::progress::{Progress, State};

#[derive(Debug, Serialize)]
pub struct LastFlip {
    id: String,
    promoted: String,
    retired: String,
    time: String,
    state: State,
    /// What its record says.
    phase: &'static str,
    /// The rules that are as it makes them.
    moved: Vec<String>,
    /// The rules that are not.
    left: Vec<String>,
}

impl LastFlip {
    pub fn new(topology: &Topology, flip: Progress) -> Self {
        let name = |arn: &str| topology.group(arn).map_or(arn, |group| &group.name).to_owned();
        Self {
            id: flip.id.to_string(),
            promoted: name(&flip.promoted),
            retired: name(&flip.retired),
            time: flip.time.to_string(),
            state: flip.state,
            phase: match flip.flip.phase {
                Phase::Moving => "moving",
                Phase::Done => "done",
                Phase::Undoing => "undoing",
                Phase::Undone => "undone",
            },
            moved: flip.moved,
            left: flip.left,
        }
    }
}

impl fmt::Display for LastFlip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, promoted, retired, time, state, phase, moved, left } = self;
        let (moved, rules) = (moved.len(), moved.len() + left.len());
        match state {
            State::Made => write!(f, "last flip: {id} made {promoted} live instead of {retired}, {time}"),
            State::InProgress => write!(
                f,
                "flip in progress: {id} makes {promoted} live instead of {retired}, since {time} ({phase}); {moved} of {rules} rules serve \
                 what it wants"
            ),
            State::Undone => write!(f, "last flip: {id} to {promoted} was undone, {time}"),
            State::Edited => {
                write!(f, "last flip: {id} of {promoted} ({phase}, {time}); the rules were changed since, and not by a flip")
            }
        }
    }
}

/// The records of one pair.
#[derive(Debug, Serialize)]
pub struct Records {
    /// The jobs that were answered, the newest first.
    closed: Vec<Closed>,
    /// The keys of records that this version cannot read.
    unreadable: Vec<String>,
    /// How many more tags each group takes, by its name.
    free_tags: BTreeMap<String, usize>,
}

#[derive(Debug, Serialize)]
pub struct Closed {
    job: String,
    flip: String,
    verdict: Verdict,
    reason: Reason,
    time: String,
}

impl Records {
    pub fn new(topology: &Topology, pair: &Pair) -> Self {
        let journal = Journal::of_pair(topology, pair);
        let name = |side: Side| topology.group(pair.arn(side)).map_or(pair.arn(side), |group| &group.name).to_owned();
        let closed = journal.closings().into_iter().map(|(_, closing)| Closed {
            job: closing.called.clone(),
            flip: closing.flip.to_string(),
            verdict: closing.verdict,
            reason: closing.reason,
            time: closing.time.to_string(),
        });
        Self {
            closed: closed.collect(),
            unreadable: journal.unreadable().iter().map(|(side, key)| format!("{}: {key}", name(*side))).collect(),
            free_tags: Side::BOTH.map(|side| (name(side), journal.free(side))).into(),
        }
    }
}

impl fmt::Display for Records {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 5;
        for Closed { job, flip, reason, time, .. } in self.closed.iter().take(SHOWN) {
            writeln!(f, "  job {job} of flip {flip}: {reason}, {time}")?;
        }
        if self.closed.len() > SHOWN {
            writeln!(f, "  and {} earlier jobs (--json shows them)", self.closed.len() - SHOWN)?;
        }
        self.unreadable.iter().try_for_each(|key| writeln!(f, "  no record that this version can read: {key}"))?;
        let free: Vec<String> = self.free_tags.iter().map(|(group, free)| format!("{free} on {group}")).collect();
        writeln!(f, "  free tags: {}", free.join(", "))
    }
}

//! What the records on the two groups of a pair say together.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::id::{Digest, FlipId};
use super::record::{Closing, Flip, Phase, Reason, Record, Verdict};
use crate::seen::group::arn_tail;
use crate::seen::pair::Pair;
use crate::seen::side::{Both, Side};
use crate::seen::topology::Topology;

/// How many tags a resource may have, `aws:` ones not counted (ELB user guide, "Tags").
pub const MAX_TAGS: usize = 50;
/// How many free tags a flip needs on the group that it promotes: its record, two closings, and one to spare.
pub const NEEDED: usize = 4;
/// How many flips and closed jobs a group keeps, by generation.
const KEPT_FLIPS: usize = 8;
const KEPT_CLOSINGS: usize = 16;

/// The tags of one group, and the tail of its ARN (`name/hash`).
#[derive(Clone, Copy, Debug)]
pub struct Tags<'a> {
    /// The tags.
    pub tags: &'a BTreeMap<String, String>,
    /// The tail of the group's ARN.
    pub tail: &'a str,
}

/// The records of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Journal {
    flips: Vec<(Side, Flip)>,
    closings: Vec<(Side, Closing)>,
    unreadable: Vec<(Side, String)>,
    free: Both<usize>,
}

impl Journal {
    /// Reads the records of both groups. A flip counts only where its partner is the other group of the pair.
    #[must_use]
    pub fn read(groups: [Tags<'_>; 2]) -> Self {
        let mut journal = Self::default();
        for (side, group) in Side::BOTH.into_iter().zip(groups) {
            let partner = groups[side.other() as usize].tail;
            let counted = group.tags.keys().filter(|key| !key.starts_with("aws:")).count();
            journal.free[side] = MAX_TAGS.saturating_sub(counted);
            for (key, value) in group.tags.iter().filter(|(key, _)| Record::is_key(key)) {
                match Record::parse(key, value) {
                    Some(Record::Flip(flip)) if flip.partner == partner => journal.flips.push((side, flip)),
                    Some(Record::Closing(closing)) => journal.closings.push((side, closing)),
                    Some(Record::Flip(_)) | None => journal.unreadable.push((side, key.clone())),
                }
            }
        }
        journal
    }

    /// Reads the records of a pair.
    #[must_use]
    pub fn of_pair(topology: &Topology, pair: &Pair) -> Self {
        let none = BTreeMap::new();
        let tags = |side: Side| {
            let arn = pair.arn(side);
            Tags { tags: topology.group(arn).map_or(&none, |group| &group.tags), tail: arn_tail(arn) }
        };
        Self::read(Side::BOTH.map(tags))
    }

    /// Whether a job is closed on any group, also where no pair can be seen.
    #[must_use]
    pub fn closes(topology: &Topology, job: &Digest) -> bool {
        let tags = topology.groups.values().flat_map(|group| &group.tags);
        let closes = |record| matches!(record, Record::Closing(closing) if closing.job == *job);
        tags.filter_map(|(key, value)| Record::parse(key, value)).any(closes)
    }

    /// The pair's flip: the record with the highest generation. Where its job is closed, that outranks the phase, which a
    /// slow copy may have written anew.
    #[must_use]
    pub fn newest(&self) -> Option<(Side, Flip)> {
        let newest = self.flips.iter().max_by_key(|(side, flip)| (flip.generation, flip.id.digest(), &flip.job, *side));
        let (side, flip) = newest?;
        let phase = match self.ended(flip) {
            Some(Verdict::Succeeded) => Phase::Done,
            Some(Verdict::Failed) => Phase::Undone,
            None => flip.phase,
        };
        Some((*side, Flip { phase, ..flip.clone() }))
    }

    /// The highest record of one flip.
    #[must_use]
    pub fn of(&self, id: &FlipId) -> Option<&(Side, Flip)> {
        self.flips.iter().filter(|(_, flip)| flip.id == *id).max_by_key(|(side, flip)| (flip.generation, &flip.job, *side))
    }

    /// How a job was closed: success wins over failure.
    #[must_use]
    pub fn closing(&self, job: &Digest) -> Option<&(Side, Closing)> {
        self.closings.iter().filter(|(_, closing)| closing.job == *job).max_by_key(|(_, closing)| closing.verdict)
    }

    /// How a job was closed, in a word.
    #[must_use]
    pub fn verdict(&self, job: &Digest) -> Option<Verdict> {
        self.closing(job).map(|(_, closing)| closing.verdict)
    }

    /// How a flip ended, as its job's closing says; or the closing, as made, of a Retry that finished it, of which the record
    /// may not have landed.
    fn ended(&self, flip: &Flip) -> Option<Verdict> {
        let made = |closing: &Closing| {
            closing.flip == flip.id && closing.generation == flip.generation && closing.reason == Reason::Made
        };
        let finished = || self.closings.iter().any(|(_, closing)| made(closing)).then_some(Verdict::Succeeded);
        self.verdict(&flip.job).or_else(finished)
    }

    /// Whether a flip was made, as its record and the closings of its jobs say.
    #[must_use]
    pub fn is_made(&self, flip: &Flip) -> bool {
        self.ended(flip).map_or(flip.phase == Phase::Done, |verdict| verdict == Verdict::Succeeded)
    }

    /// Whether a flip of this execution was made that promoted this group.
    #[must_use]
    pub fn made_by(&self, execution: &str, promoted: Side) -> bool {
        self.flips.iter().any(|(side, flip)| *side == promoted && flip.id.is_of(execution) && self.is_made(flip))
    }

    /// The highest generation of all records.
    #[must_use]
    pub fn highest(&self) -> u64 {
        let flips = self.flips.iter().map(|(_, flip)| flip.generation);
        flips.chain(self.closings.iter().map(|(_, closing)| closing.generation)).max().unwrap_or_default()
    }

    /// When another job last wrote a record.
    #[must_use]
    pub fn latest_of_other_jobs(&self, job: &Digest) -> Option<Timestamp> {
        let flips = self.flips.iter().filter(|(_, flip)| flip.job != *job).map(|(_, flip)| flip.time);
        let closings = self.closings.iter().filter(|(_, closing)| closing.job != *job);
        flips.chain(closings.map(|(_, closing)| closing.time)).max()
    }

    /// Every closing, the newest first.
    #[must_use]
    pub fn closings(&self) -> Vec<&(Side, Closing)> {
        let mut closings: Vec<_> = self.closings.iter().collect();
        closings.sort_by_key(|(_, closing)| std::cmp::Reverse((closing.generation, closing.time)));
        closings
    }

    /// Every flip, the newest first.
    #[must_use]
    pub fn flips(&self) -> Vec<&(Side, Flip)> {
        let mut flips: Vec<_> = self.flips.iter().collect();
        flips.sort_by_key(|(_, flip)| std::cmp::Reverse((flip.generation, flip.time)));
        flips
    }

    /// The keys of records that cannot be read, or that are about other groups.
    #[must_use]
    pub fn unreadable(&self) -> &[(Side, String)] {
        &self.unreadable
    }

    /// How many more tags a group takes.
    #[must_use]
    pub fn free(&self, side: Side) -> usize {
        self.free[side]
    }

    /// The keys of records that are no longer needed. Kept are the pair's flip, every flip in progress whose job is not
    /// closed, and by generation 8 flips and 16 closings a group, beside the closings of the flips that are kept.
    #[must_use]
    pub fn old(&self) -> Both<Vec<String>> {
        let newest = self.newest().map(|(side, flip)| (side, Record::Flip(flip).key()));
        let (mut old, mut jobs) = (Both::<Vec<String>>::default(), Vec::new());
        for side in Side::BOTH {
            for (number, (_, flip)) in self.flips().into_iter().filter(|(on, _)| *on == side).enumerate() {
                let key = (side, Record::Flip(flip.clone()).key());
                let is_open = || flip.in_progress() && self.ended(flip).is_none();
                if number < KEPT_FLIPS || newest.as_ref() == Some(&key) || is_open() {
                    jobs.push(&flip.job);
                } else {
                    old[side].push(key.1);
                }
            }
        }
        for side in Side::BOTH {
            let of_side = self.closings().into_iter().filter(|(on, _)| *on == side);
            let closings = of_side.skip(KEPT_CLOSINGS).filter(|(_, closing)| !jobs.contains(&&closing.job));
            old[side].extend(closings.map(|(_, closing)| Record::Closing(closing.clone()).key()));
        }
        old
    }
}
